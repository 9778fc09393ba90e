package sim

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"strings"
)

//go:embed report.html
var page string

var pageTemplate = template.Must(template.New("report").Parse(page))

// picture is a figure with its drawing.
type picture struct {
	Figure
	SVG template.HTML
}

// chapter is one scenario of the HTML report.
type chapter struct {
	*Outcome
	Facts    string
	Findings []string
	Head     []string
	Rows     []tableRow
	Figures  []picture
	Small    []picture
}

// tableRow is one scheduler.
type tableRow struct {
	Scheduler, About string
	Cells            []cell
}

// cell is one measure; Best is true for the best of its column.
type cell struct {
	Text string
	Best bool
}

// WriteHTML writes one page that needs no other file.
func (r *Report) WriteHTML(w io.Writer) error {
	data := struct {
		*Report
		Chapters []chapter
		Glossary [][2]string
	}{r, nil, glossary}
	for i := range r.Scenarios {
		c, err := r.chapter(&r.Scenarios[i])
		if err != nil {
			return err
		}
		data.Chapters = append(data.Chapters, c)
	}
	return pageTemplate.Execute(w, data)
}

func (r *Report) chapter(o *Outcome) (chapter, error) {
	c := chapter{Outcome: o, Facts: o.facts(r), Findings: o.findings()}
	figures, err := o.Figures()
	if err != nil {
		return c, err
	}
	for _, f := range figures {
		svg, err := f.render("svg")
		if err != nil {
			return c, fmt.Errorf("draw %s: %w", f.Name, err)
		}
		p := picture{f, inline(svg)}
		if f.Small {
			c.Small = append(c.Small, p)
		} else {
			c.Figures = append(c.Figures, p)
		}
	}
	c.rows()
	return c, nil
}

// inline is an SVG document as part of a page: from its root element on. gonum
// writes numbers and names of schedulers and servers, escaped.
func inline(svg []byte) template.HTML {
	if at := bytes.Index(svg, []byte("<svg")); at > 0 {
		svg = svg[at:]
	}
	return template.HTML(svg) //nolint:gosec // drawn above
}

func (c *chapter) rows() {
	shown := c.shown()
	for _, col := range shown {
		c.Head = append(c.Head, col.title)
	}
	for _, r := range c.Results {
		row := tableRow{Scheduler: r.Scheduler, About: about[r.Scheduler]}
		for _, col := range shown {
			v := col.value(r)
			row.Cells = append(row.Cells, cell{col.text(v), v == c.best(col)})
		}
		c.Rows = append(c.Rows, row)
	}
}

// best is the best value of a column: the greatest of Jain's index, cache hits
// and return to the same server, else the least; infinite if the column has
// none.
func (o *Outcome) best(col column) float64 {
	sign := 1.0
	if col.name == "jain" || col.name == "cache_hits" || col.name == "sticky" {
		sign = -1
	}
	best := math.Inf(1)
	for _, r := range o.Results {
		if v := sign * col.value(r); v < best {
			best = v
		}
	}
	return sign * best
}

// findings are the plainest conclusions, in words.
func (o *Outcome) findings() (all []string) {
	served := 0
	for _, r := range o.Results {
		if r.Answered > 0 {
			served++
		}
	}
	if served < 2 {
		return nil
	}
	by := func(value func(*Result) float64) (best, worst *Result) {
		ranked := o.ranked(value)
		return ranked[len(ranked)-1], ranked[0]
	}
	p99 := func(r *Result) float64 { return r.Response.P99 }
	best, worst := by(p99)
	all = append(all, fmt.Sprintf("Of 100 clients 99 wait less than %s with %s, and less than %s with %s: %s times as long.",
		times(p99(best)), best.Scheduler, times(p99(worst)), worst.Scheduler, three(p99(worst)/p99(best))))
	p50 := func(r *Result) float64 { return r.Response.P50 }
	best, worst = by(p50)
	all = append(all, fmt.Sprintf("The ordinary client (p50) waits %s with %s and %s with %s.", times(p50(best)), best.Scheduler, times(p50(worst)), worst.Scheduler))
	var flooded, lossy []string
	for _, r := range o.Results {
		if lost := r.lost(); lost > 0 {
			lossy = append(lossy, fmt.Sprintf("%s (%s)", r.Scheduler, percent(lost)))
		}
		if r.floods() {
			flooded = append(flooded, r.Scheduler)
		}
	}
	if len(flooded) > 0 {
		all = append(all, fmt.Sprintf("Given more than it can do, the queue of a server grows for as long as this goes on, and so does the wait. That is so with %s.",
			strings.Join(flooded, ", ")))
	}
	if len(lossy) > 0 {
		all = append(all, fmt.Sprintf("Connections without an answer, which no response time shows: %s.", strings.Join(lossy, ", ")))
	}
	return all
}

// floods reports whether the queue of some server went on growing: in the last
// quarter of the time it was half as long again as in the second, and long.
func (r *Result) floods() bool {
	for i, points := range r.Series.Servers {
		if r.Servers[i].Waiting < 1 { // it has slots for all of them
			continue
		}
		quarter := len(points) / 4
		before, after := 0.0, 0.0
		for j := range quarter {
			before += points[quarter+j]
			after += points[len(points)-1-j]
		}
		if after > 1.5*before && after > 100*float64(quarter) {
			return true
		}
	}
	return false
}
