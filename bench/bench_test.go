package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"ulvs/dataplane/afpacket"
	"ulvs/internal/testns"
)

func TestMain(m *testing.M) {
	code := testns.Main(m)
	if dir := filepath.Dir(ulvs.path); ulvs.path != "" {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

// ulvs is the program: the one that ULVS_BINARY names, as for the end-to-end
// tests, or else built by the first test that needs it.
var ulvs struct {
	once sync.Once
	path string
	err  error
}

func builtBinary(t testing.TB) string {
	t.Helper()
	if path := os.Getenv("ULVS_BINARY"); path != "" {
		return path
	}
	ulvs.once.Do(func() {
		dir, err := os.MkdirTemp("", "ulvs-bench-test-")
		if err != nil {
			ulvs.err = err
			return
		}
		ulvs.path = filepath.Join(dir, "ulvs")
		if out, err := exec.Command("go", "build", "-o", ulvs.path, "../cmd/ulvs").CombinedOutput(); err != nil {
			ulvs.err = fmt.Errorf("build ulvs: %w: %s", err, out)
		}
	})
	if ulvs.err != nil {
		t.Fatal(ulvs.err)
	}
	return ulvs.path
}

// short is the environment of a measurement just long enough to show that all
// of it works, with a source that needs no BPF.
func short(t testing.TB) *Env {
	return &Env{Binary: builtBinary(t), Quick: true, SocketSource: true}
}

// small is a load for a bare ring that is built fast.
var (
	small     = Load{Flows: 1000, Duration: time.Second}
	smallRing = Bare{Ring: afpacket.Geometry{SlotSize: 2048, Slots: 2048, BlockSize: 64 << 10}}
)

// TestPackets: every kind of forwarder forwards.
func TestPackets(t *testing.T) {
	for _, c := range []Contestant{smallRing, Loop{}, Loop{Decode: true}, Route{}, DNAT{}, dr, natThroughput} {
		s, err := packets(c, OwnCore, small)(t.Context(), short(t))
		if err != nil {
			t.Fatalf("%s: %v", c.Name(), err)
		}
		if s["kpps"] <= 0 || s["kpps-offered"] <= 0 {
			t.Errorf("%s: %v, want packets offered and forwarded", c.Name(), s)
		}
	}
}

// TestPacedRate: the generator offers what it was told, over more flows than
// one address has ports, and a ring loses nothing of that little.
func TestPacedRate(t *testing.T) {
	e := short(t)
	e.Duration = 300 * time.Millisecond
	// All of them fit: a busy machine may keep the forwarder from its processor.
	ring := Bare{Ring: afpacket.Geometry{SlotSize: 2048, Slots: 16384, BlockSize: 64 << 10}}
	s, err := packets(ring, OwnCore, Load{Flows: 100_000, Rate: 20_000})(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	if s["kpps-offered"] < 2 || s["kpps-offered"] > 60 { // a busy machine makes it uneven; a flood is far above
		t.Errorf("offered %.0f kpps, want about 20", s["kpps-offered"])
	}
	if s["%lost"] != 0 {
		t.Errorf("lost %.2f %%, want none", s["%lost"])
	}
}

// TestTraffic: real programs' traffic comes through, each way there is.
func TestTraffic(t *testing.T) {
	rows := map[string]struct {
		entries []Entry
		unit    string
	}{
		"bulk":        {bulkTCP().Entries, "Gbit/s"},
		"connections": {connectionRates().Entries, "conn/s"},
		"udp":         {roundTripUDP().Entries[:5], "us-p50"},
		"tcp":         {roundTripTCP().Entries[:3], "us-p50"},
		"slow":        {roundTripSlow().Entries[:2], "us-p99"},
		"collector":   {collectorExperiment().Entries, "kpps"},
		"loaded":      {roundTripLoaded().Entries, "us-p50"},
		"start":       {startExperiment().Entries, "ms"},
		"idle":        {idleExperiment().Entries, "%core"},
		"pipeline":    {pipelineHits().Entries[:2], "ns/packet"},
		"news":        {pipelineNews().Entries, "ns/packet"},
		"expiry":      {pipelineExpiry().Entries, "us-p99"},
		"change":      {changeExperiment().Entries, "changes"},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			for _, entry := range row.entries {
				s, err := measureOne(t.Context(), entry, short(t))
				if err != nil {
					t.Errorf("%s, %s: %v", entry.Name, entry.Placement.Name, err)
				} else if s[row.unit] <= 0 {
					t.Errorf("%s, %s: %v, want some %s", entry.Name, entry.Placement.Name, s, row.unit)
				}
			}
		})
	}
}

// TestInterrupted: whenever the end comes, nothing is left, and soon.
func TestInterrupted(t *testing.T) {
	entries := []Entry{flood(nat, OwnCore), bulkTCP().Entries[3], connectionRates().Entries[3], roundTripTCP().Entries[2]}
	for _, entry := range entries {
		for _, after := range []time.Duration{0, 100 * time.Millisecond, 800 * time.Millisecond} {
			before, err := takeSnapshot()
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), after)
			e := short(t)
			e.Duration = 20 * time.Second
			begun := time.Now()
			_, err = entry.Measure(ctx, e)
			cancel()
			if err == nil {
				t.Errorf("%s, ended after %v: no error", entry.Name, after)
			}
			if took := time.Since(begun); took > 15*time.Second {
				t.Errorf("%s, ended after %v: took %v", entry.Name, after, took)
			}
			if err := before.found(); err != nil {
				t.Errorf("%s, ended after %v: %v", entry.Name, after, err)
			}
		}
	}
}

// TestLeftOver: what is left over is found.
func TestLeftOver(t *testing.T) {
	ns := testns.New(t)
	before, err := takeSnapshot()
	if err != nil {
		t.Fatal(err)
	}
	p, err := start(command{ns: ns.NS, cpu: anyCPU, name: "sleep", args: []string{"60"}})
	if err != nil {
		t.Fatal(err)
	}
	left := before.found()
	if err := p.stop(); err != nil {
		t.Error(err)
	}
	for _, word := range []string{"process", "sleep", "namespace net:["} {
		if left == nil || !strings.Contains(left.Error(), word) {
			t.Errorf("left over: %v, want %q in it", left, word)
		}
	}
}

// absent is a contestant that cannot start.
type absent struct{ err error }

func (absent) Name() string   { return "absent" }
func (absent) Wiring() Wiring { return Wiring{} }
func (a absent) Start(context.Context, *Topology) (func() error, error) {
	return nil, a.err
}

func TestErrors(t *testing.T) {
	broken := errors.New("out of order")
	x := Experiment{Name: "x", Metrics: []Metric{metricRate}, Entries: []Entry{flood(absent{broken}, OwnCore)}}
	if _, err := Run(t.Context(), []Experiment{x}, Options{Env: *short(t)}); !errors.Is(err, broken) {
		t.Errorf("error %v, want %v", err, broken)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	x.Entries[0] = flood(smallRing, OwnCore)
	if _, err := Run(ctx, []Experiment{x}, Options{Env: *short(t)}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want %v", err, context.Canceled)
	}
	for _, row := range []struct {
		o    Options
		word string
	}{
		{Options{Rounds: -1}, "--rounds: -1"},
		{Options{Env: Env{Flows: 1 << 30}}, "--flows: 1073741824"},
		{Options{Env: Env{Rate: -5}}, "--rate: -5"},
		{Options{Env: Env{Duration: -time.Second}}, "--duration: -1s"},
	} {
		if _, err := Run(t.Context(), nil, row.o); err == nil || !strings.Contains(err.Error(), row.word) {
			t.Errorf("error %v, want one about %q", err, row.word)
		}
	}
}

// TestMissingProgram: the error names the package, before anything is measured.
func TestMissingProgram(t *testing.T) {
	x := Experiment{Entries: []Entry{
		{Needs: []program{{name: "ulvs-no-such-program", pkg: "some-package"}, nftProgram}},
		{Needs: []program{{name: "nft", pkg: "another-package", file: "/no/such/module.so"}}},
	}}
	_, err := Run(t.Context(), []Experiment{x}, Options{})
	for _, word := range []string{"ulvs-no-such-program", "apt-get install some-package", "apt-get install another-package"} {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("error %v, want %q in it", err, word)
		}
	}
}

// TestLate: a measurement that does not end is given up, and the others go on.
func TestLate(t *testing.T) {
	late := func(ctx context.Context, _ *Env) (Sample, error) { return nil, &lateError{time.Second} }
	good := func(context.Context, *Env) (Sample, error) { return Sample{"kpps": 2}, nil }
	x := Experiment{
		Name: "x", Metrics: []Metric{metricRate},
		Entries: []Entry{{Name: "late", Measure: late}, {Name: "good", Measure: good}},
		Bars:    []Bar{{What: "a", Of: "late", Metric: "kpps", Least: 1}, {What: "b", Of: "good", Metric: "kpps", Least: 1}},
	}
	r, err := Run(t.Context(), []Experiment{x}, Options{Rounds: 3})
	if err == nil || !strings.Contains(err.Error(), "late") || r == nil {
		t.Fatalf("report %v, error %v, want both", r, err)
	}
	result := r.Results[0]
	if len(result.Rows[0].Samples) != 0 || len(result.Rows[1].Samples) != 3 || result.Bars[0].Met || !result.Bars[1].Met {
		t.Errorf("result %+v", result)
	}
}

// TestExperiments: names are unique, and every bar finds its rows and metrics.
func TestExperiments(t *testing.T) {
	names := map[string]bool{}
	for _, x := range Experiments() {
		if names[x.Name] || x.About == "" || x.Title == "" || len(x.Metrics) == 0 {
			t.Errorf("%s: not unique or not described", x.Name)
		}
		names[x.Name] = true
		r := newResult(&x)
		rows := map[string]bool{}
		for _, e := range x.Entries {
			key := e.Name + ", " + e.Placement.Name
			if rows[key] || e.Lasts == 0 {
				t.Errorf("%s: entry %s is not unique, or has no length", x.Name, key)
			}
			rows[key] = true
		}
		for _, b := range x.Bars {
			for _, name := range append([]string{b.Of}, b.Against...) {
				if r.row(name) == nil {
					t.Errorf("%s: bar %q is about %q, which is no row", x.Name, b.What, name)
				}
			}
			if r.metric(b.Metric).Title == b.Metric {
				t.Errorf("%s: bar %q is about %q, which is no metric", x.Name, b.What, b.Metric)
			}
		}
	}
}

// BenchmarkForward measures each forwarder of the package once per iteration.
func BenchmarkForward(b *testing.B) {
	for _, c := range []Contestant{bareV2, bareV3, Loop{}, Loop{Decode: true}} {
		b.Run(hyphens(c.Name()), func(b *testing.B) {
			row := Row{Name: c.Name()}
			for b.Loop() {
				s, err := packets(c, OwnCore, Load{Flows: DefaultFlows, Duration: packetsLast})(b.Context(), &Env{})
				if err != nil {
					b.Fatal(err)
				}
				row.Samples = append(row.Samples, s)
			}
			for _, m := range []Metric{metricRate, metricOffered} {
				v, _, _, _ := row.Median(m.Unit)
				b.ReportMetric(v, m.Unit)
			}
		})
	}
}
