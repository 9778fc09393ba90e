package bench

import (
	"context"
	"time"
)

// Experiment is one comparison, as data.
type Experiment struct {
	Name    string // one word, for the command line
	Title   string
	About   string   // what is done, in a sentence or two
	Metrics []Metric // the first is what plots show
	XTitle  string   // of the entries' X; empty: they have none
	Entries []Entry
	Bars    []Bar
}

// Metric is one figure of a Sample.
type Metric struct {
	Unit  string `json:"unit"` // names it in Samples and in Go benchmark format: no spaces
	Title string `json:"title"`
	Lower bool   `json:"lower,omitempty"` // less is better
}

// Entry is a contestant in its place under its load.
type Entry struct {
	Name      string
	Placement Placement
	Needs     []program
	X         float64 // where it stands on the plot's axis, if that has a title
	// Lasts is about how long a measurement takes, for the progress and for
	// the limit: four times that and limitSlack is too long.
	Lasts   time.Duration
	Measure func(context.Context, *Env) (Sample, error)
}

// Sample is the result of one measurement: figures by the Unit of their Metric.
type Sample map[string]float64

// Bar is what a result must reach.
type Bar struct {
	What    string // in words
	Of      string // name of the entry, or "name, placement"
	Metric  string // its unit
	Against []string
	// AgainstMetric is the unit of the figure compared with; empty: the same.
	// The best of the entries Against counts. Without any, the figure itself is
	// the result.
	AgainstMetric string
	// Difference compares by what Of has more, not by the ratio.
	Difference bool
	Least      float64 // of the result; 0: no least
	Most       float64 // of the result, if Least is 0
}

// Env is what a measurement may use.
type Env struct {
	Binary string // the ulvs program
	// Quick makes every measurement as short as shows that it works.
	Quick bool
	// Duration, Flows and Rate, if not 0, replace the experiments' own.
	Duration     time.Duration
	Flows, Rate  int
	SocketSource bool // see Load
}

// lasts is how long to measure where full is the experiment's wish.
func (e *Env) lasts(full time.Duration) time.Duration {
	switch {
	case e.Duration > 0:
		return e.Duration
	case e.Quick:
		return max(min(full/10, quickMost), quickLeast)
	}
	return full
}

// A quick measurement lasts about this long.
const (
	quickLeast = 100 * time.Millisecond
	quickMost  = 400 * time.Millisecond
)

// Metrics of small packets.
var (
	metricRate    = Metric{Unit: "kpps", Title: "kpps at the server"}
	metricOffered = Metric{Unit: "kpps-offered", Title: "offered kpps"}
	metricLoss    = Metric{Unit: "%lost", Title: "lost %", Lower: true}
	metricPacket  = Metric{Unit: "cpu-ns/packet", Title: "core ns/packet", Lower: true}
)

// Metrics of round trips.
var (
	metricP50  = Metric{Unit: "us-p50", Title: "p50 µs", Lower: true}
	metricP99  = Metric{Unit: "us-p99", Title: "p99 µs", Lower: true}
	metricP999 = Metric{Unit: "us-p99.9", Title: "p99.9 µs", Lower: true}
	metricLost = Metric{Unit: "lost", Title: "lost", Lower: true}
)
