package sim

import (
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"text/tabwriter"
)

// column is one measure of a table.
type column struct {
	title string // for people
	name  string // of CSV
	value func(*Result) float64
	text  func(float64) string
	rare  bool // left out of a table where no scheduler has it
}

// columns are the measures in the order of tables. A measure that does not
// apply is NaN.
var columns = []column{
	{"mean", "mean", func(r *Result) float64 { return r.Response.Mean }, times, false},
	{"p50", "p50", func(r *Result) float64 { return r.Response.P50 }, times, false},
	{"p99", "p99", func(r *Result) float64 { return r.Response.P99 }, times, false},
	{"p99.9", "p999", func(r *Result) float64 { return r.Response.P999 }, times, false},
	{"max/mean use", "max_mean", func(r *Result) float64 { return r.MaxMean }, three, false},
	{"Jain", "jain", func(r *Result) float64 { return r.Jain }, three, false},
	{"waiting", "waiting", func(r *Result) float64 { return r.Waiting }, three, false},
	{"failed", "failed", func(r *Result) float64 { return r.lost() }, percent, true},
	{"cache hits", "cache_hits", func(r *Result) float64 { return orNaN(r.Hits) }, percent, true},
	{"same server", "sticky", func(r *Result) float64 { return orNaN(r.Sticky) }, percent, true},
	{"moved", "moved", (*Result).moved, percent, true},
	{"rush share", "rush_share", func(r *Result) float64 { return r.rush(func(j Join) float64 { return j.Share }) }, percent, true},
	{"rush peak", "rush_peak", func(r *Result) float64 { return r.rush(func(j Join) float64 { return float64(j.Peak) }) }, three, true},
}

// lost is the share of connections that failed or had no server, NaN if none.
func (r *Result) lost() float64 {
	if r.Failed+r.Unserved == 0 {
		return math.NaN()
	}
	return float64(r.Failed+r.Unserved) / float64(max(r.Connections, 1))
}

// moved is the share of clients that moved without need, over all departures.
func (r *Result) moved() float64 {
	keys, moved := 0, 0
	for _, m := range r.Moves {
		keys, moved = keys+m.Keys, moved+m.Moved
	}
	if keys == 0 {
		return math.NaN()
	}
	return float64(moved) / float64(keys)
}

// rush is the greatest value of all joins, NaN without one.
func (r *Result) rush(value func(Join) float64) float64 {
	most := math.NaN()
	for _, j := range r.Joins {
		if v := value(j); math.IsNaN(most) || v > most {
			most = v
		}
	}
	return most
}

func orNaN(v *float64) float64 {
	if v == nil {
		return math.NaN()
	}
	return *v
}

// times is seconds as people read them.
func times(v float64) string {
	switch {
	case math.IsNaN(v):
		return "-"
	case v == 0:
		return "0"
	case v < 1e-3:
		return three(v*1e6) + " us"
	case v < 1:
		return three(v*1e3) + " ms"
	}
	return three(v) + " s"
}

// three is a number in three digits, without an exponent.
func three(v float64) string {
	switch a := math.Abs(v); {
	case math.IsNaN(v):
		return "-"
	case a >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case a >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	case a == math.Trunc(a):
		return strconv.FormatFloat(v, 'f', 0, 64)
	case a < 0.005:
		return strconv.FormatFloat(v, 'g', 2, 64)
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}

// percent is a share.
func percent(v float64) string {
	if math.IsNaN(v) {
		return "-"
	}
	return three(100*v) + " %"
}

// shown are the columns that some scheduler has a value of.
func (o *Outcome) shown() (all []column) {
	for _, c := range columns {
		there := !c.rare
		for _, r := range o.Results {
			there = there || !math.IsNaN(c.value(r))
		}
		if there {
			all = append(all, c)
		}
	}
	return all
}

// facts is the scenario in one line.
func (o *Outcome) facts(r *Report) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d connections, %s measured, seed %d", o.Results[0].Connections, times(o.Results[0].Seconds), r.Seed)
	if r.Runs > 1 {
		fmt.Fprintf(&b, " and on, %d runs", r.Runs)
	}
	if o.Load > 0 {
		fmt.Fprintf(&b, ", offered work %s of what all servers can do", percent(o.Load))
	}
	return b.String()
}

// WriteText writes tables for people.
func (r *Report) WriteText(w io.Writer) error {
	for i := range r.Scenarios {
		o := &r.Scenarios[i]
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "%s: %s\n%s\n%s\n\n", o.Name, o.Title, o.Question, o.facts(r))
		if err := o.table(w); err != nil {
			return err
		}
	}
	return nil
}

func (o *Outcome) table(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	shown := o.shown()
	fmt.Fprint(t, "scheduler\t")
	for _, c := range shown {
		fmt.Fprintf(t, "%s\t", c.title)
	}
	fmt.Fprintln(t)
	for _, r := range o.Results {
		fmt.Fprintf(t, "%s\t", r.Scheduler)
		for _, c := range shown {
			fmt.Fprintf(t, "%s\t", c.text(c.value(r)))
		}
		fmt.Fprintln(t)
	}
	return t.Flush()
}

// WriteCSV writes a row for each scenario and scheduler; times are seconds.
func (r *Report) WriteCSV(w io.Writer) error {
	out := csv.NewWriter(w)
	head := []string{"scenario", "scheduler", "connections", "answered", "failed_connections", "unserved"}
	for _, c := range columns {
		head = append(head, c.name)
	}
	if err := out.Write(head); err != nil {
		return err
	}
	for _, o := range r.Scenarios {
		for _, x := range o.Results {
			row := []string{o.Name, x.Scheduler, fmt.Sprint(x.Connections), fmt.Sprint(x.Answered), fmt.Sprint(x.Failed), fmt.Sprint(x.Unserved)}
			for _, c := range columns {
				text := ""
				if v := c.value(x); !math.IsNaN(v) {
					text = strconv.FormatFloat(v, 'g', 8, 64)
				}
				row = append(row, text)
			}
			if err := out.Write(row); err != nil {
				return err
			}
		}
	}
	out.Flush()
	return out.Error()
}
