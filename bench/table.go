package bench

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// number prints a figure with the digits that mean something.
func number(v float64) string {
	switch {
	case v == float64(int64(v)):
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 100 || v <= -100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 10 || v <= -10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}

// idleLoad is the most that the average load of an idle machine is.
const idleLoad = 0.5

// heading is what every form of a report says first.
func (r *Report) heading() []string {
	m := r.Machine
	lines := []string{
		fmt.Sprintf("%d x %s, Linux %s, %s", m.CPUs, m.CPU, m.Kernel, m.Go),
		fmt.Sprintf("commit %s, %s, `%s`", r.Commit, r.Date.Format(time.DateTime+" UTC"), r.Command),
		fmt.Sprintf("medians (least-greatest) of %d interleaved rounds, %.0f s in all", r.Rounds, r.Seconds),
	}
	if r.Load > idleLoad {
		lines = append(lines, fmt.Sprintf("the machine was busy with something else: load %.1f at the start", r.Load))
	}
	if r.Quick {
		lines = append(lines, "quick: every measurement is too short to mean anything")
	}
	return lines
}

// cells are the words of a row: name, placement, the figures of all metrics,
// and the ratio of the first to that of the first row.
func (r *Result) cells(i int) []string {
	row := &r.Rows[i]
	out := []string{row.Name, row.Placement}
	if row.Problem != "" {
		out[0] += " (" + row.Problem + ")"
	}
	for n, m := range r.Metrics {
		v, least, greatest, ok := row.Median(m.Unit)
		switch {
		case !ok:
			out = append(out, "")
		case n == 0 || least != greatest:
			out = append(out, fmt.Sprintf("%s (%s-%s)", number(v), number(least), number(greatest)))
		default:
			out = append(out, number(v))
		}
	}
	base, _, _, _ := r.Rows[0].Median(r.Metrics[0].Unit)
	v, _, _, ok := row.Median(r.Metrics[0].Unit)
	if !ok || base == 0 {
		return append(out, "")
	}
	return append(out, strconv.FormatFloat(v/base, 'f', 2, 64))
}

// titles are the words above the cells.
func (r *Result) titles() []string {
	out := []string{"contestant", "placement"}
	for _, m := range r.Metrics {
		out = append(out, m.Title)
	}
	return append(out, "ratio")
}

// cells are the words of a bar.
func (b *BarResult) cells() []string {
	met := "met"
	if !b.Met {
		met = "NOT met"
	}
	got := strings.TrimSpace(number(b.Value) + " " + b.Unit)
	if b.Problem != "" {
		got = b.Problem
	}
	return []string{b.What, b.Want, got, met}
}

// barTitles are the words above those.
var barTitles = []string{"bar", "want", "got", ""}

// legend explains the placements that occur.
func (r *Report) legend() (lines []string) {
	for _, p := range placements() {
		if r.uses(p) {
			lines = append(lines, p.Name+": "+p.Text)
		}
	}
	return lines
}

func (r *Report) uses(p Placement) bool {
	for i := range r.Results {
		for _, row := range r.Results[i].Rows {
			if row.Placement == p.Name {
				return true
			}
		}
	}
	return false
}

// WriteText prints the report as tables.
func (r *Report) WriteText(out io.Writer) error {
	w := bufio.NewWriter(out)
	for _, line := range r.heading() {
		fmt.Fprintln(w, line)
	}
	for i := range r.Results {
		x := &r.Results[i]
		fmt.Fprintf(w, "\n%s: %s\n%s\n\n", x.Name, x.Title, x.About)
		if err := x.writeRows(w); err != nil {
			return err
		}
	}
	fmt.Fprintln(w)
	for _, line := range r.legend() {
		fmt.Fprintln(w, line)
	}
	return w.Flush()
}

func (r *Result) writeRows(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, strings.Join(r.titles(), "\t"))
	for i := range r.Rows {
		fmt.Fprintln(t, strings.TrimRight(strings.Join(r.cells(i), "\t"), "\t"))
	}
	if err := t.Flush(); err != nil || len(r.Bars) == 0 {
		return err
	}
	fmt.Fprintln(w)
	fmt.Fprintln(t, strings.TrimRight(strings.Join(barTitles, "\t"), "\t"))
	for i := range r.Bars {
		fmt.Fprintln(t, strings.Join(r.Bars[i].cells(), "\t"))
	}
	return t.Flush()
}
