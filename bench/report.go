package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// ReportVersion is the version of Report's JSON form.
const ReportVersion = 2

// Report is what a run has measured.
type Report struct {
	Version int       `json:"version"`
	Machine Machine   `json:"machine"`
	Commit  string    `json:"commit"`
	Command string    `json:"command"`
	Date    time.Time `json:"date"`
	Rounds  int       `json:"rounds"`
	Load    float64   `json:"load"`            // of the machine at the start: processes that want a processor
	Quick   bool      `json:"quick,omitempty"` // too short to mean anything
	Seconds float64   `json:"seconds"`
	Results []Result  `json:"results"`
}

// Result is what an experiment has measured.
type Result struct {
	Name    string      `json:"name"`
	Title   string      `json:"title"`
	About   string      `json:"about"`
	XTitle  string      `json:"xTitle,omitempty"`
	Metrics []Metric    `json:"metrics"`
	Rows    []Row       `json:"rows"`
	Bars    []BarResult `json:"bars"`
	Seconds float64     `json:"seconds"`
}

// Row holds the measurements of one entry.
type Row struct {
	Name      string   `json:"name"`
	Placement string   `json:"placement"`
	X         float64  `json:"x,omitempty"`
	Samples   []Sample `json:"samples"`
	Problem   string   `json:"problem,omitempty"` // why there are no more
}

// BarResult is a bar beside what was measured.
type BarResult struct {
	What  string  `json:"what"`
	Want  string  `json:"want"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit,omitempty"` // none: a ratio
	Met   bool    `json:"met"`
	// Problem is why there is no Value, and the bar not met.
	Problem string `json:"problem,omitempty"`
}

// Machine names what the figures were measured on.
type Machine struct {
	CPU    string `json:"cpu"`
	CPUs   int    `json:"cpus"`
	Kernel string `json:"kernel"`
	Go     string `json:"go"`
}

func newReport(o Options) *Report {
	return &Report{
		Version: ReportVersion, Machine: thisMachine(), Commit: commit(o.Build), Command: o.Command,
		Date: time.Now().UTC().Truncate(time.Second), Rounds: o.Rounds, Quick: o.Quick, Load: load(),
	}
}

func newResult(x *Experiment) *Result {
	r := &Result{Name: x.Name, Title: x.Title, About: x.About, XTitle: x.XTitle, Metrics: x.Metrics}
	for _, e := range x.Entries {
		r.Rows = append(r.Rows, Row{Name: e.Name, Placement: e.Placement.Name, X: e.X})
	}
	return r
}

// Median returns the middle of a row's figures, with the least and greatest. ok
// is false if it has none.
func (r *Row) Median(unit string) (middle, least, greatest float64, ok bool) {
	var all []float64
	for _, s := range r.Samples {
		if v, ok := s[unit]; ok {
			all = append(all, v)
		}
	}
	if len(all) == 0 {
		return 0, 0, 0, false
	}
	slices.Sort(all)
	return all[(len(all)-1)/2], all[0], all[len(all)-1], true
}

// row returns the row of that name, or of that name and placement as in "name,
// placement"; or nil.
func (r *Result) row(name string) *Row {
	for i := range r.Rows {
		if row := &r.Rows[i]; name == row.Name || name == row.Name+", "+row.Placement {
			return &r.Rows[i]
		}
	}
	return nil
}

// metric returns the metric of that unit.
func (r *Result) metric(unit string) Metric {
	for _, m := range r.Metrics {
		if m.Unit == unit {
			return m
		}
	}
	return Metric{Unit: unit, Title: unit}
}

// judge sets the bars beside the results. A bar whose rows were not measured is
// not met.
func (r *Result) judge(bars []Bar) {
	for _, b := range bars {
		got, ok := r.value(&b)
		out := b.judge(got)
		if !ok {
			out.Value, out.Met, out.Problem = 0, false, "not measured"
		}
		r.Bars = append(r.Bars, out)
	}
}

// problems names the rows that could not be measured.
func (r *Report) problems() error {
	var errs []error
	for _, x := range r.Results {
		for _, row := range x.Rows {
			if row.Problem != "" {
				errs = append(errs, fmt.Errorf("%s: %s, %s: %s", x.Name, row.Name, row.Placement, row.Problem))
			}
		}
	}
	return errors.Join(errs...)
}

// value is what a bar is about.
func (r *Result) value(b *Bar) (float64, bool) {
	of := r.row(b.Of)
	if of == nil {
		return 0, false
	}
	got, _, _, ok := of.Median(b.Metric)
	if !ok || len(b.Against) == 0 {
		return got, ok
	}
	base, ok := r.best(b)
	switch {
	case !ok || base == 0:
		return 0, false
	case b.Difference:
		return got - base, true
	}
	return got / base, true
}

// best is the best figure of those a bar compares with.
func (r *Result) best(b *Bar) (best float64, ok bool) {
	unit := b.AgainstMetric
	if unit == "" {
		unit = b.Metric
	}
	lower := r.metric(unit).Lower
	for _, name := range b.Against {
		row := r.row(name)
		if row == nil {
			continue
		}
		v, _, _, has := row.Median(unit)
		if has && (!ok || lower == (v < best)) {
			best, ok = v, true
		}
	}
	return best, ok
}

func (b *Bar) judge(got float64) BarResult {
	out := BarResult{What: b.What, Value: got, Met: got <= b.Most, Want: "at most " + number(b.Most)}
	if b.Least > 0 {
		out.Met, out.Want = got >= b.Least, "at least "+number(b.Least)
	}
	if len(b.Against) == 0 || b.Difference {
		out.Unit = b.Metric
		out.Want += " " + b.Metric
	}
	return out
}

// WriteJSON prints the report as JSON.
func (r *Report) WriteJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}

// ReadReport reads what WriteJSON has written.
func ReadReport(in io.Reader) (*Report, error) {
	r := &Report{}
	if err := json.NewDecoder(in).Decode(r); err != nil {
		return nil, fmt.Errorf("read report: %w", err)
	}
	if r.Version != ReportVersion {
		return nil, fmt.Errorf("read report: version %d, want %d", r.Version, ReportVersion)
	}
	return r, nil
}

// commit is the version of the source that this program was built from, as the
// Go tool has noted it, or else the one given.
func commit(build string) string {
	out, changed := build, ""
	info, _ := debug.ReadBuildInfo()
	if info == nil {
		return out
	}
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			out = s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = " with changes"
		}
	}
	return out + changed
}

// load is the average of the last minute (proc(5), /proc/loadavg).
func load() (average float64) {
	text, _ := os.ReadFile("/proc/loadavg") // always there
	_, _ = fmt.Sscan(string(text), &average)
	return average
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
