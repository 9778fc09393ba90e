package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Scenario is one recorded history: how the kernel was set up, and either the
// steps that followed or the cells of a state table.
type Scenario struct {
	Group  string // the directory it lies in
	Name   string
	Note   string
	Setup  []string       // commands, in order
	Sysctl map[string]int // of net.ipv4.vs, where not the default
	Steps  []Step
	Cells  []Cell
}

// Len is the number of things that are compared.
func (s *Scenario) Len() int { return len(s.Steps) + len(s.Cells) }

// Step is one packet, command or pause, and what the kernel did.
type Step struct {
	N     int
	T     *float64 // seconds since the start; nil: a millisecond after the last
	Ev    string   // "c:S", "s:SA", "cmd", "sleep", "arp"
	What  string   // the same in words, of recorded bytes
	Side  string   // "client" or "rs", where recorded bytes come from
	Pkt   string   // the packet in words
	Hex   string   // the IP packet
	Cmd   string
	Out   Out
	D     json.RawMessage // counts after it; nil: as before
	Conns []string        // connections after it; nil: not noted
}

// Label names the step for people.
func (s *Step) Label() string {
	for _, text := range []string{s.Cmd, s.What} {
		if text != "" {
			return text
		}
	}
	return s.Ev + " " + s.Pkt
}

// Cell is one cell of a state table: a fresh connection goes through the
// events of Path, then through Event.
type Cell struct {
	Path             []string
	Event            string
	Before           []any   // state and seconds left before the event; nil: not noted
	To               *string // states after it joined by +; nil: no connection
	Timeout          []int   // seconds left of each
	Active, Inactive int     // change of the counts
	Out              Out
}

// Frame is one recorded frame that came out. What was not noted is zero.
type Frame struct {
	To     string // "client" or "rs"
	Pkt    string // in words
	RS     int    // number of the real server
	TTL    int
	BadSum bool `json:"badcsum"`
	Hex    string
	DMAC   string
	IP     struct{ TTL int }
}

// Out is what came out, in whichever of its ways it was written.
type Out struct {
	Frames  []Frame
	Command *Answer
	Lines   []string // ARP requests
	Note    string   // why nothing was done
}

// Answer is what a command said.
type Answer struct {
	RC             int
	Stdout, Stderr string
}

// UnmarshalJSON reads "drop", "rs3", "client SRC>DST FLAGS", a list of frames, a
// list of ARP requests or the answer of a command.
func (o *Out) UnmarshalJSON(b []byte) error {
	var short string
	switch b = bytes.TrimSpace(b); {
	case bytes.HasPrefix(b, []byte("{")):
		return json.Unmarshal(b, &o.Command)
	case bytes.HasPrefix(b, []byte(`["`)):
		return json.Unmarshal(b, &o.Lines)
	case bytes.HasPrefix(b, []byte("[")):
		return json.Unmarshal(b, &o.Frames)
	}
	if err := json.Unmarshal(b, &short); err != nil {
		return err
	}
	return o.short(short)
}

// short reads the short forms.
func (o *Out) short(s string) error {
	var f Frame
	switch {
	case s == "drop":
		return nil
	case s == sideNotKnown:
		o.Note = s
		return nil
	case len(s) > 7 && s[:7] == "client ":
		f = Frame{To: "client", Pkt: s[7:]}
	default:
		if n, err := fmt.Sscanf(s, "rs%d", &f.RS); n != 1 || err != nil {
			return fmt.Errorf("out is %q: want drop, rsN, client SRC>DST FLAGS, a list or an object", s)
		}
		f.To = "rs"
	}
	o.Frames = []Frame{f}
	return nil
}

// sideNotKnown stands in cells whose path reached no real server, so that none
// could answer.
const sideNotKnown = "server side not known"
