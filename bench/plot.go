package bench

import (
	"fmt"
	"image/color"
	"os"
	"path/filepath"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
)

// Size of a plot.
const (
	plotWidth  = 22 * vg.Centimeter
	plotMargin = 4 * vg.Centimeter // for title and axis
	plotRow    = 1 * vg.Centimeter
	barWidth   = 0.5 * vg.Centimeter
	lineHeight = 12 * vg.Centimeter
	// titlePadding keeps the title off the plot, axisSlack the longest bar
	// off the edge.
	titlePadding = 0.3 * vg.Centimeter
	axisSlack    = 1.05
)

var (
	barColor   = color.RGBA{0x4c, 0x78, 0xa8, 0xff}
	rangeColor = color.RGBA{0x33, 0x33, 0x33, 0xff}
)

// writePlots draws each result, as NAME.svg and NAME.png in dir.
func (r *Report) writePlots(dir string) error {
	for i := range r.Results {
		x := &r.Results[i]
		p, height, err := x.plot()
		if err != nil {
			return fmt.Errorf("plot %s: %w", x.Name, err)
		}
		for _, kind := range []string{".svg", ".png"} {
			if err := p.Save(plotWidth, height, filepath.Join(dir, x.Name+kind)); err != nil {
				return fmt.Errorf("plot %s: %w", x.Name, err)
			}
		}
	}
	return nil
}

// plot draws the medians of the first metric with their ranges: over X if the
// experiment has one, else as a bar for each row.
func (r *Result) plot() (*plot.Plot, vg.Length, error) {
	p := plot.New()
	p.Title.Text, p.Title.Padding = r.Title, titlePadding
	points := r.points()
	if r.XTitle != "" {
		return p, lineHeight, r.plotLine(p, points)
	}
	return p, plotMargin + vg.Length(len(r.Rows))*plotRow, r.plotBars(p, points)
}

// ranges are medians with what they range over, as gonum's plotters want them.
type ranges struct {
	plotter.XYs
	plotter.XErrors
	plotter.YErrors
}

// points are the medians in the order of the rows.
func (r *Result) points() (out ranges) {
	for i := range r.Rows {
		v, least, greatest, _ := r.Rows[i].Median(r.Metrics[0].Unit)
		out.XYs = append(out.XYs, plotter.XY{X: r.Rows[i].X, Y: v})
		out.YErrors = append(out.YErrors, struct{ Low, High float64 }{v - least, greatest - v})
	}
	return out
}

func (r *Result) plotLine(p *plot.Plot, points ranges) error {
	p.X.Label.Text, p.Y.Label.Text = r.XTitle, r.Metrics[0].Title
	if points.XYs[len(points.XYs)-1].X >= 100 {
		p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	}
	line, dots, err := plotter.NewLinePoints(points.XYs)
	if err != nil {
		return err
	}
	spread, err := plotter.NewYErrorBars(points)
	if err != nil {
		return err
	}
	line.Color, spread.Color = barColor, rangeColor
	p.Add(plotter.NewGrid(), line, dots, spread)
	p.Y.Min = 0
	p.Y.Max *= axisSlack
	return nil
}

// plotBars draws bars to the right, the first row on top.
func (r *Result) plotBars(p *plot.Plot, points ranges) error {
	var values plotter.Values
	var spread ranges
	var names []string
	for i := len(r.Rows) - 1; i >= 0; i-- {
		y := float64(len(values))
		values = append(values, points.XYs[i].Y)
		spread.XYs = append(spread.XYs, plotter.XY{X: points.XYs[i].Y, Y: y})
		spread.XErrors = append(spread.XErrors, points.YErrors[i])
		names = append(names, r.Rows[i].Name+" ["+r.Rows[i].Placement+"]")
	}
	bars, err := plotter.NewBarChart(values, barWidth)
	if err != nil {
		return err
	}
	bars.Horizontal, bars.Color, bars.LineStyle.Width = true, barColor, 0
	whiskers, err := plotter.NewXErrorBars(spread)
	if err != nil {
		return err
	}
	whiskers.Color = rangeColor
	p.X.Label.Text = r.Metrics[0].Title
	p.X.Min = 0
	p.NominalY(names...)
	p.Add(plotter.NewGrid(), bars, whiskers)
	p.X.Max *= axisSlack
	return nil
}

// WriteFiles writes the report to a folder, which it makes if need be, in all
// its forms: results.txt, results.json, results.bench and the plots.
func (r *Report) WriteFiles(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, write := range map[string]writer{
		"results.txt": r.WriteText, "results.json": r.WriteJSON, "results.bench": r.WriteGoBench,
	} {
		if err := writeFile(filepath.Join(dir, name), write); err != nil {
			return err
		}
	}
	return r.writePlots(dir)
}
