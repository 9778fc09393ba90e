package sim

import (
	"encoding/json"
	"io"
)

// Version is of Report's JSON: 1.
const Version = 1

// Report is what a run of the simulator says.
type Report struct {
	Version   int       `json:"version"`
	Command   string    `json:"command"`
	Seed      uint64    `json:"seed"`
	Runs      int       `json:"runs"`
	Scenarios []Outcome `json:"scenarios"`
}

// Outcome is one scenario under several schedulers.
type Outcome struct {
	*Scenario `json:"scenario"`
	Load      float64   `json:"load,omitempty"` // offered work by capacity, where it is known before
	Results   []*Result `json:"results"`
}

// WriteJSON writes the report as JSON.
func (r *Report) WriteJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}
