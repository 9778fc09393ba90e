package sim

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ulvs/sched"
)

// TestShipped: every shipped scenario loads, says what is seen, and runs.
func TestShipped(t *testing.T) {
	if n := len(Names()); n < 12 {
		t.Errorf("%d scenarios", n)
	}
	for _, name := range Names() {
		sc, err := Load(name)
		if err != nil {
			t.Error(err)
			continue
		}
		if len(sc.Seen) < 100 || !strings.HasSuffix(sc.Question, "?") {
			t.Errorf("%s: question %q, seen %q", name, sc.Question, sc.Seen)
		}
		if sc.Connections = min(sc.Connections, 10_000); sc.Duration > 0 {
			sc.Duration = min(sc.Duration, sc.Warmup+5)
		}
		sc.Warmup = min(sc.Warmup, 0.1)
		for _, scheduler := range sc.DefaultSchedulers() {
			r := simulate(t, sc, scheduler, 1)
			if sum := r.Answered + r.Failed + r.Unserved; r.Answered == 0 || sum+100 < r.Connections || sum > r.Connections+100 {
				t.Errorf("%s %s: %d connections, %d answered, %d failed, %d unserved", name, scheduler, r.Connections, r.Answered, r.Failed, r.Unserved)
			}
		}
	}
}

// good is a scenario of which the tests below break one line.
const good = `title: t
question: q?
connections: 100
arrivals:
  kind: poisson
  rate: 10
service: {kind: exponential, mean: 10ms}
servers:
  - name: a
    count: 2
  - {name: b, weight: 2}
timeline:
  - {at: 1s, server: a-1, do: leave}
schedulers: [rr]
`

// TestBadScenarios: one line with file, line, field and what is accepted.
func TestBadScenarios(t *testing.T) {
	for _, x := range []struct{ old, new, want string }{
		{"rate: 10", "rate: -10", `f.yaml:6: arrivals.rate: "-10" is not a number above 0`},
		{"rate: 10", "rate: NaN", `f.yaml:6: arrivals.rate: "NaN" is not a number above 0`},
		{"  rate: 10\n", "", "f.yaml:5: arrivals.rate: is missing: poisson needs rate"},
		{"kind: poisson", "kind: fish", `f.yaml:5: arrivals.kind: "fish" is not one of poisson, mmpp, diurnal, closed, trace, capture`},
		{"  rate: 10", "  rate: 10\n  period: 1s", "f.yaml:7: arrivals.period: not with poisson, which takes rate"},
		{"mean: 10ms", "mean: 10", `f.yaml:7: service.mean: "10" is not a time above 0 with its unit, such as 10ms`},
		{"mean: 10ms", "mean: 10ms, sigma: 1", "f.yaml:7: service.sigma: only with lognormal"},
		{"exponential, mean: 10ms", "pareto, mean: 10ms, shape: 1", "f.yaml:7: service.shape: 1 is not a number above 1: without it there is no mean"},
		{"service: {kind: exponential, mean: 10ms}\n", "", "f.yaml:1: service: is missing: fields kind, mean, sigma, shape"},
		{"title: t\n", "", "f.yaml:1: title: is missing: a text"},
		{"title: t", "titel: t", "f.yaml:1: titel: no such field; there are title, question, seen, connections, duration, warmup, inactive, timeout, " +
			"window, arrivals, service, servers, clients, destinations, cache_hit, directors, timeline, schedulers, flags"},
		{"title: t", "title: t\ntitle: t", "f.yaml:2: "},
		{"title: t", "title: \"a\\e[2Jb\"", `f.yaml:1: title: "a\x1b[2Jb" is not a text`},
		{"count: 2", "count: two", `f.yaml:10: servers[1].count: "two" is not a whole number from 1 to 1000000000`},
		{"count: 2", "count: 20000", "f.yaml:9: servers: 20001 servers, not from 1 to 10000"},
		{"name: b", "name: a", `f.yaml:11: servers[2].name: "a" is there twice`},
		{"server: a-1", "server: c", `f.yaml:13: timeline[1].server: "c" is no server; there are the groups a, b, and their servers NAME-1, NAME-2, ...`},
		{"do: leave", "do: slow", "f.yaml:13: timeline[1].speed: is missing: a number above 0"},
		{"do: leave", "do: leave, how: hang", "f.yaml:13: timeline[1].how: only with do: fail"},
		{"[rr]", "[rr, r2]", `f.yaml:14: schedulers[2]: "r2" is not one of ` + strings.Join(sched.Names(), ", ")},
		{"[rr]", "rr", "f.yaml:14: schedulers: is not a list with at least one entry"},
		{"connections: 100\n", "", "f.yaml:1: connections: is missing: a whole number above 0, or a duration"},
		{"arrivals:", "arrivals: [", "f.yaml:"},
		{good, "", "f.yaml:1: not one YAML document with the fields of a scenario"},
		{good, "- a", "f.yaml:1: is not a mapping of fields"},
		{good, "a: &a [*a]", "f.yaml:1: a: no such field"},
	} {
		path := filepath.Join(t.TempDir(), "f.yaml")
		if err := os.WriteFile(path, []byte(strings.Replace(good, x.old, x.new, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Load(path)
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%q: %v", x.new, err)
			continue
		}
		e.File = filepath.Base(e.File)
		if got := e.Error(); !strings.HasPrefix(got, x.want) || strings.ContainsAny(got, "\n\x1b") {
			t.Errorf("%q:\n%s\nwant\n%s", x.new, got, x.want)
		}
	}
}

func TestBadTraces(t *testing.T) {
	for text, want := range map[string]string{
		"":                            "f.csv:1: empty",
		"time\n":                      "f.csv:2: no row",
		"work\n1\n":                   "f.csv:1: time: is missing",
		"time,size\n1,2\n":            "f.csv:1: size: no such column",
		"time,time\n1,2\n":            "f.csv:1: time: no such column, or there twice",
		"time\n1\nx\n":                `f.csv:3: time: "x" is not a number of seconds of 0 or more`,
		"time,work\n1,-2\n":           `f.csv:2: work: "-2" is not a number of seconds of 0 or more`,
		"time\n2\n1\n":                "f.csv:3: time: is before that of the line above",
		"time,work\n1\n":              "f.csv:2: not CSV: wrong number of fields",
		"time,\x1b[2J\n1,1\n":         `f.csv:1: "\x1b[2J": no such column`,
		"time,client\n1,a\n2,\"b\n\n": "f.csv:",
	} {
		_, err := readTrace("f.csv", strings.NewReader(text))
		if err == nil || !strings.HasPrefix(err.Error(), want) || strings.ContainsAny(err.Error(), "\n\x1b") {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

// TestTrace: what WriteTrace writes makes the same simulation.
func TestTrace(t *testing.T) {
	s := poisson(3, 5000, 0.8)
	s.Clients = Popularity{Count: 100, Zipf: 1}
	var csv bytes.Buffer
	if err := s.WriteTrace(&csv, 7, s.Connections); err != nil {
		t.Fatal(err)
	}
	want := simulate(t, s, "wlc", 7)
	trace, err := readTrace("f.csv", &csv)
	if err != nil {
		t.Fatal(err)
	}
	s.Arrivals, s.trace, s.Connections = Arrivals{Kind: "trace"}, trace, 0
	got := simulate(t, s, "wlc", 7)
	near(t, "p50", got.Response.P50, want.Response.P50, 1e-3)
	for i := range got.Servers {
		near(t, "share", got.Servers[i].Share, want.Servers[i].Share, 1e-9)
	}
}

// TestSame: the same seed gives the same numbers, another one others, and all
// schedulers see the same work.
func TestSame(t *testing.T) {
	s := poisson(3, 20_000, 0.7)
	a, b, c := simulate(t, s, "p2c", 1), simulate(t, s, "p2c", 1), simulate(t, s, "p2c", 2)
	if a.Response != b.Response || a.Response == c.Response {
		t.Errorf("seed 1: %v and %v, seed 2: %v", a.Response, b.Response, c.Response)
	}
	busy := func(r *Result) (sum float64) {
		for _, s := range r.Servers {
			sum += s.Use * r.Seconds
		}
		return sum
	}
	near(t, "work done", busy(simulate(t, s, "rr", 1)), busy(a), 0.001)
}

// TestOutput: every form of a report can be made, and the page has everything
// in itself.
func TestOutput(t *testing.T) {
	sc, err := Load("session-loss")
	if err != nil {
		t.Fatal(err)
	}
	sc.Duration, sc.Warmup, sc.Timeline[0].At = 20, 1, 10
	r, err := Run(context.Background(), []*Scenario{sc}, Options{Schedulers: AllSchedulers(), Seed: 1, Runs: 2, Command: "ulvs sim <here>"})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := r.WriteFiles(dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"report.html", "results.txt", "results.csv", "results.json", "session-loss-response.svg", "session-loss-moved.png", "session-loss-load-mh.svg"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Size() < 500 {
			t.Errorf("%s: %v", name, err)
		}
	}
	page, _ := os.ReadFile(filepath.Join(dir, "report.html"))
	for _, s := range []string{"src=", "@import", "<link", "<script", "ulvs sim <here>"} {
		if strings.Contains(string(page), s) {
			t.Errorf("the page has %q", s)
		}
	}
	for _, s := range []string{"<svg", "ulvs sim &lt;here&gt;", sc.Question} {
		if !strings.Contains(string(page), s) {
			t.Errorf("the page has no %q", s)
		}
	}
}

// TestWords: a page explains every scheduler.
func TestWords(t *testing.T) {
	for _, name := range sched.Names() {
		if about[name] == "" {
			t.Errorf("no words about %s", name)
		}
	}
	if len(about) != len(sched.Names()) {
		t.Errorf("%d schedulers in words, there are %d", len(about), len(sched.Names()))
	}
}

// FuzzDecode: no text makes the reader of scenarios panic.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(good))
	for _, name := range Names() {
		text, _ := shipped.ReadFile("scenarios/" + name + ending)
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := decode("f.yaml", text)
		if err == nil {
			err = s.check()
		}
		if err != nil && strings.ContainsFunc(err.Error(), func(r rune) bool { return r < ' ' }) {
			t.Errorf("%q", err)
		}
	})
}

// FuzzTrace: nor any the reader of traces.
func FuzzTrace(f *testing.F) {
	f.Add([]byte("time,work,client,destination\n1,2,a,b\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		all, err := readTrace("f.csv", bytes.NewReader(text))
		for i := 1; i < len(all) && err == nil; i++ {
			if all[i].at < all[i-1].at {
				t.Errorf("row %d is before row %d", i+1, i)
			}
		}
	})
}

// FuzzCapture: nor any the reader of captures.
func FuzzCapture(f *testing.F) {
	f.Add(asPcap(f, recorded(f)))
	f.Add(asPcapng(f, recorded(f)))
	f.Fuzz(func(t *testing.T, text []byte) {
		if all, err := readCapture("f.pcap", bytes.NewReader(text)); err == nil && len(all) == 0 {
			t.Error("no arrivals and no error")
		}
	})
}
