package bench

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/sys/unix"
)

// ReportVersion is the version of Report's JSON form.
const ReportVersion = 1

// Report is the result of a comparison.
type Report struct {
	Version  int           `json:"version"`
	Machine  Machine       `json:"machine"`
	Rounds   int           `json:"rounds"`
	Duration time.Duration `json:"durationNs"`
	Flows    int           `json:"flows"`
	Rate     int           `json:"rate"` // offered, packets per second; 0: flooded
	Rows     []Row         `json:"rows"`
}

// Row holds the measurements of one contestant.
type Row struct {
	Name    string   `json:"name"`
	Samples []Sample `json:"samples"`
}

// Machine names what the figures were measured on.
type Machine struct {
	CPU    string `json:"cpu"`
	CPUs   int    `json:"cpus"`
	Kernel string `json:"kernel"`
	Go     string `json:"go"`
}

func newReport(o Options, contestants []Contestant) *Report {
	r := &Report{
		Version: ReportVersion, Machine: thisMachine(),
		Rounds: o.Rounds, Duration: o.Duration, Flows: o.Flows, Rate: o.Rate,
	}
	for _, c := range contestants {
		r.Rows = append(r.Rows, Row{Name: c.Name()})
	}
	return r
}

// Median returns the middle sample by rate, with the least and greatest rate.
func (r *Row) Median() (s Sample, least, greatest float64) {
	if len(r.Samples) == 0 {
		return Sample{}, 0, 0
	}
	sorted := slices.SortedFunc(slices.Values(r.Samples), func(a, b Sample) int {
		switch {
		case a.Rate < b.Rate:
			return -1
		case a.Rate > b.Rate:
			return 1
		}
		return 0
	})
	return sorted[(len(sorted)-1)/2], sorted[0].Rate, sorted[len(sorted)-1].Rate
}

// worstLoss returns the greatest loss of a row's samples.
func (r *Row) worstLoss() (worst float64) {
	for _, s := range r.Samples {
		worst = max(worst, s.Loss)
	}
	return worst
}

// String returns the sample as one line of progress.
func (s Sample) String() string {
	return fmt.Sprintf("%4.0f of %4.0f kpps", s.Rate/1e3, s.Offered/1e3)
}

// WriteText prints the report as a table.
func (r *Report) WriteText(w io.Writer) error {
	b := bufio.NewWriter(w)
	m := r.Machine
	fmt.Fprintf(b, "%d x %s, Linux %s, %s\n", m.CPUs, m.CPU, m.Kernel, m.Go)
	fmt.Fprintf(b, "64-byte UDP, %d flows, %s; one core for the forwarder and its sink\n", r.Flows, r.source())
	fmt.Fprintf(b, "median (least-greatest) of %d interleaved rounds of %v\n\n", r.Rounds, r.Duration)
	t := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "forwarder\tkpps at the server\tratio\toffered kpps\tworst loss")
	for i := range r.Rows {
		r.writeRow(t, i)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	return b.Flush()
}

func (r *Report) writeRow(w io.Writer, i int) {
	s, least, greatest := r.Rows[i].Median()
	base, _, _ := r.Rows[0].Median()
	fmt.Fprintf(w, "%s\t%.0f (%.0f-%.0f)\t%.2f\t%.0f\t%.2f %%\n", r.Rows[i].Name,
		s.Rate/1e3, least/1e3, greatest/1e3, s.Rate/base.Rate, s.Offered/1e3, 100*r.Rows[i].worstLoss())
}

func (r *Report) source() string {
	if r.Rate > 0 {
		return fmt.Sprintf("%d packets/s offered", r.Rate)
	}
	return "flooded"
}

func thisMachine() Machine {
	m := Machine{CPU: "unknown processor", CPUs: runtime.NumCPU(), Go: runtime.Version()}
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			m.CPU = strings.TrimSpace(value)
			break
		}
	}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		m.Kernel = unix.ByteSliceToString(u.Release[:])
	}
	return m
}
