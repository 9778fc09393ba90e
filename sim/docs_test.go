package sim

import (
	"context"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
)

var update = flag.Bool("update", false, "write docs/simulator.md and docs/simulator/")

const (
	documentPath = "../docs/simulator.md"
	plotsPath    = "../docs/simulator"
	mark         = "<!-- from here on written by make simulator-doc -->\n"
)

// TestDocument compares the second half of docs/simulator.md, and its plots,
// with what the simulator says; -update writes them.
func TestDocument(t *testing.T) {
	text, err := os.ReadFile(documentPath)
	if err != nil {
		t.Fatal(err)
	}
	head, _, found := strings.Cut(string(text), mark)
	if !found {
		t.Fatalf("no line %q", mark)
	}
	d := &document{t: t, plots: map[string][]byte{}}
	d.mm1()
	d.supermarket()
	d.roundRobin()
	d.realServers()
	d.heterogeneous()
	d.scenarios()
	d.same(documentPath, []byte(head+mark+d.text.String()))
	for name, svg := range d.plots {
		d.same(filepath.Join(plotsPath, name), svg)
	}
}

// document is what the page shall be.
type document struct {
	t     *testing.T
	text  strings.Builder
	plots map[string][]byte
}

func (d *document) same(path string, want []byte) {
	if *update {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			d.t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != string(want) {
		d.t.Errorf("%s is not what the simulator says: make simulator-doc (%v)", path, err)
	}
}

func (d *document) printf(format string, args ...any) { fmt.Fprintf(&d.text, format, args...) }

// draw adds a plot of dots, what was simulated, and a line, the formula.
func (d *document) draw(name, alt, x, y string, simulated, formula plotter.XYs, logarithmic bool) {
	p := newPlot(x, y)
	line, err := plotter.NewLine(formula)
	if err != nil {
		d.t.Fatal(err)
	}
	line.Color = colour(1)
	p.Add(line)
	p.Legend.Add("formula", line)
	if err := dots(p, simulated, colour(0), "simulated"); err != nil {
		d.t.Fatal(err)
	}
	p.Legend.Left = !logarithmic
	if logarithmic {
		p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	}
	d.picture(name, alt, &Figure{plot: p, width: 14 * vg.Centimeter, height: 8 * vg.Centimeter})
}

func (d *document) picture(name, alt string, f *Figure) {
	svg, err := f.render("svg")
	if err != nil {
		d.t.Fatal(err)
	}
	d.plots[name] = svg
	d.printf("\n![%s](simulator/%s)\n", alt, name)
}

func (d *document) mm1() {
	d.printf("\n# Is it right?\n\nFour checks. The first three are tests of package `sim`, which hold them to the limits named here, and the\ntables and plots are made by the same code.\n\n")
	d.printf("## One queue\n\nOne server, Poisson arrivals, exponential work with a mean of 10 ms: the mean response time is 1/(mu-lambda) (the M/M/1\nqueue). Held to 1 %%; the tests also hold several slots to Erlang's formula, other distributions of work to Pollaczek and\nKhinchine's, and quantiles.\n\n")
	d.printf("| use | simulated, ms | formula, ms | difference |\n| --- | --- | --- | --- |\n")
	var simulated, formula plotter.XYs
	for _, rho := range []float64{0.1, 0.3, 0.5, 0.7, 0.8} {
		s := poisson(1, 2_000_000, rho)
		s.Warmup = 10
		got, want := 1000*simulate(d.t, s, "rr", 1).Response.Mean, 1/(0.1-0.1*rho)
		d.printf("| %.0f %% | %.3f | %.3f | %+.2f %% |\n", 100*rho, got, want, 100*(got/want-1))
		simulated = append(simulated, plotter.XY{X: 100 * rho, Y: got})
	}
	for rho := 0.05; rho < 0.85; rho += 0.01 {
		formula = append(formula, plotter.XY{X: 100 * rho, Y: 10 / (1 - rho)})
	}
	d.draw("mm1.svg", "response time over use: dots on the curve", "use in percent", "response time in ms", simulated, formula, false)
}

func (d *document) supermarket() {
	d.printf("\n## The better of two\n\n500 servers at 90 %% use; p2c looks at two and takes the less loaded. The share of servers with k requests or more is\nrho^(2^k-1) (Mitzenmacher, 1996). Held to 2 %% for k up to 4.\n\n")
	d.printf("| k | simulated | formula | difference |\n| --- | --- | --- | --- |\n")
	r := twoChoices(d.t)
	var simulated, formula plotter.XYs
	for k := 1; k <= 5; k++ {
		want := math.Pow(crowd, math.Pow(2, float64(k))-1)
		if k <= 4 {
			d.printf("| %d | %.4f | %.4f | %+.2f %% |\n", k, r.Tail[k], want, 100*(r.Tail[k]/want-1))
		}
		simulated, formula = append(simulated, plotter.XY{X: float64(k), Y: r.Tail[k]}), append(formula, plotter.XY{X: float64(k), Y: want})
	}
	d.draw("two-choices.svg", "share of servers with k requests or more: dots on the curve", "k", "share of servers with k requests or more", simulated, formula, true)
}

func (d *document) roundRobin() {
	r := simulate(d.t, poisson(7, 70_003, 0.5), "rr", 5)
	d.printf("\n## Everybody's turn\n\nrr with 70,003 connections over 7 servers, exactly:")
	for _, s := range r.Servers {
		d.printf(" %s %.0f,", s.Name, s.Picks)
	}
	d.printf(" and every one is answered.\n")
}

func (d *document) realServers() {
	sc, r := d.shipped("real-servers", "wlc")
	d.printf("\n## Real servers\n\n`e2e/sim_test.go` builds a network of namespaces with the daemon and three HTTP servers that hold each request for its work\nin one of their slots, and sends them the arrivals of the scenario %s, %d connections in %s. With wlc the\nsimulator says a p50 of %s and shares of",
		sc.Name, sc.Connections, times(r[0].Seconds), times(r[0].Response.P50))
	for _, s := range r[0].Servers {
		d.printf(" %s (%s)", percent(s.Share), s.Name)
	}
	d.printf("; both are held to 10 %%. On\ntwo cores that others used too, three runs had a p50 of 244, 241 and 244 ms, and no share was further than 7 %% off. With\nwork of 100 ms in the mean what the busy machine added to each request was more than a tenth of p50: hence the long work.\n")
}

// shipped runs a shipped scenario.
func (d *document) shipped(name string, schedulers ...string) (*Scenario, []*Result) {
	sc, err := Load(name)
	if err != nil {
		d.t.Fatal(err)
	}
	r, err := Run(context.Background(), []*Scenario{sc}, Options{Schedulers: schedulers, Seed: 1})
	if err != nil {
		d.t.Fatal(err)
	}
	return sc, r.Scenarios[0].Results
}

func (d *document) heterogeneous() {
	d.printf("\n# An example\n\n`ulvs sim heterogeneous --schedulers all`: three servers of speed 4 and weight 4, seven of speed 1 and weight 1, 79 %% of what\nthey can do together.\n")
	sc, results := d.shipped("heterogeneous", AllSchedulers()...)
	o := &Outcome{Scenario: sc, Results: results}
	for name, draw := range map[string]func(*Outcome) ([]Figure, error){"response": responseFigure, "use": useFigure} {
		figures, err := draw(o)
		if err != nil {
			d.t.Fatal(err)
		}
		d.plots["heterogeneous-"+name+".svg"], err = figures[0].render("svg")
		if err != nil {
			d.t.Fatal(err)
		}
	}
	d.printf("\n![response times by scheduler](simulator/heterogeneous-response.svg)\n\n![use of each server by scheduler](simulator/heterogeneous-use.svg)\n")
}

func (d *document) scenarios() {
	d.printf("\n# The shipped scenarios\n")
	for _, name := range Names() {
		sc, err := Load(name)
		if err != nil {
			d.t.Fatal(err)
		}
		d.printf("\n## %s\n\n%s. *%s*\n\n%s\n", name, sc.Title, sc.Question, sc.Seen)
	}
}
