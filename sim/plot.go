package sim

import (
	"bytes"
	"cmp"
	"image/color"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Sizes of figures.
const (
	figureWidth = 22 * vg.Centimeter
	rowHeight   = 0.75 * vg.Centimeter
	rowsMargin  = 3 * vg.Centimeter // for axis, labels and legend
	smallWidth  = 11 * vg.Centimeter
	smallHeight = 6 * vg.Centimeter
	dotRadius   = 3.2
	padding     = 0.25 * vg.Centimeter
)

// palette tells groups, or quantiles, apart; also for eyes that see less colour
// (Okabe and Ito, 2008).
var palette = []color.RGBA{{0x00, 0x72, 0xb2, 0xff}, {0xe6, 0x9f, 0x00, 0xff}, {0xd5, 0x5e, 0x00, 0xff}, {0x00, 0x9e, 0x73, 0xff},
	{0xcc, 0x79, 0xa7, 0xff}, {0x56, 0xb4, 0xe9, 0xff}, {0x55, 0x55, 0x55, 0xff}}

func colour(i int) color.RGBA { return palette[i%len(palette)] }

// Figure is one plot of an outcome.
type Figure struct {
	Name    string // of its file, without ending
	Title   string
	Caption string // how to read it
	Small   bool   // one of several of its kind
	plot    *plot.Plot
	width   vg.Length
	height  vg.Length
}

// render draws the figure as "svg" or "png".
func (f *Figure) render(format string) ([]byte, error) {
	w, err := f.plot.WriterTo(f.width, f.height, format)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	_, err = w.WriteTo(&b)
	return b.Bytes(), err
}

// newPlot is an empty one with letters that are read on a screen.
func newPlot(x, y string) *plot.Plot {
	p := plot.New()
	for _, s := range []*font.Font{&p.X.Label.TextStyle.Font, &p.Y.Label.TextStyle.Font, &p.X.Tick.Label.Font, &p.Y.Tick.Label.Font,
		&p.Legend.TextStyle.Font, &p.Title.TextStyle.Font} {
		s.Variant, s.Size = "Sans", 10
	}
	p.X.Label.Text, p.Y.Label.Text = x, y
	p.X.Padding, p.Y.Padding = padding, padding
	p.Legend.Top = true
	p.Add(plotter.NewGrid())
	return p
}

// Figures draws an outcome.
func (o *Outcome) Figures() ([]Figure, error) {
	var all []Figure
	for _, draw := range []func(*Outcome) ([]Figure, error){responseFigure, useFigure, cacheFigure, moveFigure, rushFigure, loadFigures} {
		figures, err := draw(o)
		if err != nil {
			return nil, err
		}
		all = append(all, figures...)
	}
	for i := range all {
		all[i].Name = o.Name + "-" + all[i].Name
	}
	return all, nil
}

// ranked are the results, the worst first by value: rows are drawn upwards.
func (o *Outcome) ranked(value func(*Result) float64) []*Result {
	all := slices.Clone(o.Results)
	slices.SortStableFunc(all, func(a, b *Result) int { return cmp.Compare(value(b), value(a)) })
	return all
}

// rows is a plot with a row for each result.
func rows(results []*Result, x string) *plot.Plot {
	p := newPlot(x, "")
	var names []string
	for _, r := range results {
		names = append(names, r.Scheduler)
	}
	p.NominalY(names...)
	p.Y.Min, p.Y.Max = -0.5, float64(len(names))-0.5
	p.Y.Label.Text = "scheduler"
	return p
}

func rowsHeight(n int) vg.Length { return rowsMargin + vg.Length(n)*rowHeight }

// legendRows is the room that a legend takes, in rows.
const legendRows = 2

// dots adds points of one colour with an entry in the legend, if name is not
// empty.
func dots(p *plot.Plot, points plotter.XYs, c color.RGBA, name string) error {
	if len(points) == 0 {
		return nil
	}
	s, err := plotter.NewScatter(points)
	if err != nil {
		return err
	}
	s.Color, s.Shape, s.Radius = c, draw.CircleGlyph{}, dotRadius
	p.Add(s)
	if name != "" {
		p.Legend.Add(name, s)
	}
	return nil
}

// responseFigure is the response time, a row for each scheduler.
func responseFigure(o *Outcome) ([]Figure, error) {
	ranked := o.ranked(func(r *Result) float64 { return r.Response.P99 })
	ranked = slices.DeleteFunc(ranked, func(r *Result) bool { return r.Answered == 0 })
	if len(ranked) == 0 {
		return nil, nil
	}
	p := rows(ranked, "response time")
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, plot.TickerFunc(logTicks)
	quantiles := []struct {
		name  string
		value func(*Result) float64
	}{{"half are faster (p50)", func(r *Result) float64 { return r.Response.P50 }},
		{"99 of 100 are faster (p99)", func(r *Result) float64 { return r.Response.P99 }},
		{"999 of 1000 are faster (p99.9)", func(r *Result) float64 { return r.Response.P999 }}}
	for y, r := range ranked {
		span, err := plotter.NewLine(plotter.XYs{{X: atLeast(r.Response.P50), Y: float64(y)}, {X: atLeast(r.Response.P999), Y: float64(y)}})
		if err != nil {
			return nil, err
		}
		span.Color = color.Gray{0xb0}
		p.Add(span)
	}
	for i, q := range quantiles {
		var points plotter.XYs
		for y, r := range ranked {
			points = append(points, plotter.XY{X: atLeast(q.value(r)), Y: float64(y)})
		}
		if err := dots(p, points, colour(i), q.name); err != nil {
			return nil, err
		}
	}
	legendAbove(p)
	p.X.Min, p.X.Max = p.X.Min/1.2, p.X.Max*1.2
	return []Figure{{Name: "response", Title: "How long clients wait", plot: p, width: figureWidth, height: rowsHeight(len(ranked)),
		Caption: "One row for each scheduler, the one whose slow requests are fastest on top. The first dot of a row is the ordinary request; the " +
			"others are the unlucky ones. A long line means: mostly fine, sometimes terrible. The scale is logarithmic: one grid line further is ten times as long."}}, nil
}

// legendAbove makes room for the legend over the rows.
func legendAbove(p *plot.Plot) {
	p.Y.Max += legendRows
	p.Legend.Left = true
}

// atLeast keeps a time off the end of the logarithmic scale.
func atLeast(v float64) float64 { return max(v, 1e-6) }

// logTicks marks powers of ten, and 2 and 5 between them if those are few.
func logTicks(least, most float64) (all []plot.Tick) {
	from, to := math.Floor(math.Log10(least)), math.Ceil(math.Log10(most))
	for e := from; e <= to; e++ {
		v := math.Pow(10, e)
		all = append(all, plot.Tick{Value: v, Label: tickLabel(v)})
		for _, m := range []float64{2, 5} {
			label := ""
			if to-from <= 2 {
				label = tickLabel(m * v)
			}
			all = append(all, plot.Tick{Value: m * v, Label: label})
		}
	}
	return slices.DeleteFunc(all, func(t plot.Tick) bool { return t.Value < least*0.999 || t.Value > most*1.001 })
}

// tickLabel is a round time.
func tickLabel(v float64) string { return strings.Replace(times(v), ".0 ", " ", 1) }

// useFigure is how busy each server was.
func useFigure(o *Outcome) ([]Figure, error) {
	ranked := o.ranked(func(r *Result) float64 { return r.MaxMean })
	p := rows(ranked, "share of its time that a server works, in percent")
	for g := range o.Servers {
		var points plotter.XYs
		for y, r := range ranked {
			for _, s := range r.Servers {
				if s.Group == g {
					points = append(points, plotter.XY{X: 100 * s.Use, Y: float64(y)})
				}
			}
		}
		if err := dots(p, points, colour(g), o.Servers[g].Name); err != nil {
			return nil, err
		}
	}
	p.X.Min, p.X.Max = 0, 102
	legendAbove(p)
	return []Figure{{Name: "use", Title: "How busy each server is", plot: p, width: figureWidth, height: rowsHeight(len(ranked)),
		Caption: "One dot for each server, its colour for its kind. Where the dots of a row lie close together, every server does its fair part of what " +
			"it can. A dot at 100 has more to do than it can, so requests queue up there, while dots on the left have nothing to do."}}, nil
}

// bars is a figure with one bar for each scheduler that has a value.
func (o *Outcome) bars(f Figure, axis string, value func(*Result) float64) ([]Figure, error) {
	ranked := slices.DeleteFunc(o.ranked(func(r *Result) float64 { return -value(r) }), func(r *Result) bool { return math.IsNaN(value(r)) })
	if len(ranked) == 0 {
		return nil, nil
	}
	p := rows(ranked, axis)
	var values plotter.Values
	for _, r := range ranked {
		values = append(values, value(r))
	}
	b, err := plotter.NewBarChart(values, rowHeight/2)
	if err != nil {
		return nil, err
	}
	b.Horizontal, b.Color, b.LineStyle.Width = true, colour(0), 0
	p.Add(b)
	p.X.Min, p.X.Max = 0, max(slices.Max(values)*1.05, 1)
	f.plot, f.width, f.height = p, figureWidth, rowsHeight(len(ranked))
	return []Figure{f}, nil
}

func cacheFigure(o *Outcome) ([]Figure, error) {
	return o.bars(Figure{Name: "cache", Title: "How often the server has it cached",
		Caption: "Each server remembers what it was last asked for. A scheduler that sends the same destination to the same server finds it there more often."},
		"requests whose destination was in the server's cache, in percent", func(r *Result) float64 { return 100 * orNaN(r.Hits) })
}

func moveFigure(o *Outcome) ([]Figure, error) {
	return o.bars(Figure{Name: "moved", Title: "Who moves when a server leaves",
		Caption: "When a server leaves, its clients must go elsewhere. This is about the others: how many of those whose server is still there meet " +
			"another one at their next visit, and lose what it knew about them."},
		"clients (or destinations) that moved without need, in percent", func(r *Result) float64 { return 100 * r.moved() })
}

func rushFigure(o *Outcome) ([]Figure, error) {
	return o.bars(Figure{Name: "rush", Title: "The rush to a server that joins",
		Caption: "A new server has no connections, so a scheduler that goes by their number sends everybody to it. Compare the bars with the share its weight promises."},
		"share of new connections that the newcomer got in the first moments, in percent",
		func(r *Result) float64 { return 100 * r.rush(func(j Join) float64 { return j.Share }) })
}

// loadFigures are the requests at each server over time, one figure for each
// scheduler.
func loadFigures(o *Outcome) (all []Figure, err error) {
	for _, r := range o.Results {
		if len(r.Series.Servers) == 0 || len(r.Series.Servers[0]) < 2 {
			continue
		}
		p := newPlot("seconds", "requests at a server")
		p.Title.Text, p.Title.Padding = r.Scheduler, padding
		for i, points := range r.Series.Servers {
			if err := curve(p, points, r.Series.Interval, colour(r.Servers[i].Group)); err != nil {
				return nil, err
			}
		}
		p.Y.Min, p.Y.Max = 0, max(p.Y.Max, 1)
		all = append(all, Figure{Name: "load-" + r.Scheduler, Title: r.Scheduler, plot: p, width: smallWidth, height: smallHeight, Small: true})
	}
	return all, nil
}

func curve(p *plot.Plot, points []float64, interval float64, c color.RGBA) error {
	xy := make(plotter.XYs, len(points))
	for i, v := range points {
		xy[i] = plotter.XY{X: (float64(i) + 0.5) * interval, Y: v}
	}
	l, err := plotter.NewLine(xy)
	if err != nil {
		return err
	}
	l.Color, l.Width = c, 0.8
	p.Add(l)
	return nil
}
