package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ulvs/sim"
)

// small is a scenario that takes no time.
const small = `title: t
question: q?
connections: 2000
arrivals: {kind: poisson, rate: 100}
service: {kind: exponential, mean: 10ms}
servers: [{name: a, count: 2}]
`

// TestSim: a file and its forms of output.
func TestSim(t *testing.T) {
	dir := t.TempDir()
	file, page := filepath.Join(dir, "small.yaml"), filepath.Join(dir, "page.html")
	if err := os.WriteFile(file, []byte(small), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, problems := typed(t, "ulvs", "sim", file, "--schedulers", "rr,p2c", "--html", page)
	if code != exitOK || !strings.Contains(out, "p2c") || problems != "" {
		t.Errorf("exit %d, %q, %q", code, out, problems)
	}
	if html := contents(t, page); !strings.Contains(html, "Scenario small:") || !strings.HasSuffix(html, "</html>\n") {
		t.Errorf("page of %d bytes", len(html))
	}
	_, out, _ = typed(t, "ulvs", "sim", file, "--json", "--runs", "2")
	var r sim.Report
	if err := json.Unmarshal([]byte(out), &r); err != nil || r.Version != sim.Version || len(r.Scenarios[0].Results) != 6 {
		t.Errorf("%v, %+v", err, r)
	}
	_, out, _ = typed(t, "ulvs", "sim", file, "--csv")
	if lines := strings.Count(out, "\n"); lines != 7 {
		t.Errorf("%d lines of CSV:\n%s", lines, out)
	}
}

// TestShellWords: the command on a page can be typed again.
func TestShellWords(t *testing.T) {
	if got, want := shellWords([]string{"sim", "a b.yaml", "it's", "--runs=2", ""}), `sim 'a b.yaml' 'it'\''s' --runs=2 ''`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestSimRefuses: a broken scenario is one line, and nothing is written.
func TestSimRefuses(t *testing.T) {
	dir := t.TempDir()
	file, out := filepath.Join(dir, "bad.yaml"), filepath.Join(dir, "out")
	if err := os.WriteFile(file, []byte(strings.Replace(small, "rate: 100", "rate: -1", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	code, text, problems := typed(t, "ulvs", "sim", "equal", file, "--out", out)
	if want := "ulvs: " + file + ":4: arrivals.rate: \"-1\" is not a number above 0\n"; code != exitInvalid || text != "" || problems != want {
		t.Errorf("exit %d, %q, %q", code, text, problems)
	}
	if _, err := os.Stat(out); !os.IsNotExist(err) {
		t.Errorf("%s was written: %v", out, err)
	}
	_, list, _ := typed(t, "ulvs", "sim", "list")
	if strings.Count(list, "\n") != len(sim.Names()) {
		t.Errorf("list:\n%s", list)
	}
}
