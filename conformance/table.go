package conformance

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// maxCell is the longest text in a cell of the table, in bytes.
const maxCell = 160

// WriteTable writes the report for people: a line for each group, then what
// deviates on purpose and what is not there yet. all adds every difference.
func (r *Report) WriteTable(w io.Writer, all bool) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "group\tscenarios\tsteps\tagreed\tpercent\tnot yet\tdeviations\tfirst difference")
	for i := range r.Groups {
		r.Groups[i].write(t)
	}
	r.Total.First = nil
	r.Total.write(t)
	if err := t.Flush(); err != nil {
		return err
	}
	r.writeLists(w)
	if all {
		for i := range r.Differences {
			d := &r.Differences[i]
			fmt.Fprintf(w, "%s%s\n", d, suffix(d.Excuse))
		}
	}
	return nil
}

func suffix(excuse string) string {
	if excuse == "" {
		return ""
	}
	return " (" + excuse + ")"
}

func (g *Group) write(w io.Writer) {
	first := "-"
	if g.First != nil {
		first = shorten(fmt.Sprintf("%s step %d, %s: expected %s, got %s", g.First.Scenario, g.First.Step, g.First.Event, g.First.Expected, g.First.Got))
	}
	fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%s\t%d\t%d\t%s\n", g.Name, g.Scenarios, g.Steps, g.Agreed, g.percent(), g.NotYet, g.Deviating, first)
}

// percent is the share of steps that agreed, rounded down: 100.0 is all.
func (g *Group) percent() string {
	if g.Steps == 0 {
		return "-"
	}
	tenths := g.Agreed * 1000 / g.Steps
	return fmt.Sprintf("%d.%d", tenths/10, tenths%10)
}

func shorten(s string) string {
	s = strings.ReplaceAll(s, "\t", " ")
	if len(s) > maxCell {
		s = s[:maxCell-3] + "..."
	}
	return s
}

// writeLists writes the exceptions that were met.
func (r *Report) writeLists(w io.Writer) {
	if len(r.Deviations) > 0 {
		fmt.Fprintln(w, "\nDeviations on purpose:")
	}
	for _, l := range r.Deviations {
		fmt.Fprintf(w, "  %s, %s: %s: %s\n", l.Where, l.steps(), l.Name, l.Reason)
	}
	if len(r.NotYet) > 0 {
		fmt.Fprintln(w, "\nNot yet:")
	}
	for _, l := range r.NotYet {
		fmt.Fprintf(w, "  %s, %s: %s\n", l.Where, l.steps(), l.Reason)
	}
	fmt.Fprintln(w)
}

// steps words the steps, the first few by number.
func (l *Listed) steps() string {
	const few = 12
	var s []string
	for _, n := range l.Steps[:min(few, len(l.Steps))] {
		s = append(s, fmt.Sprint(n))
	}
	if n := len(l.Steps) - few; n > 0 {
		s = append(s, fmt.Sprintf("and %d more", n))
	}
	word := "step "
	if len(l.Steps) > 1 {
		word = "steps "
	}
	return word + strings.Join(s, " ")
}
