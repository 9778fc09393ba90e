package conformance

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"ulvs/internal/oracle"
)

const recordings = "../testdata/oracle"

// replayed is the report of all of them.
var replayed = sync.OnceValues(func() (*Report, error) { return Replay(os.DirFS(recordings)) })

// TestRecordings replays everything that was recorded.
func TestRecordings(t *testing.T) {
	report, err := replayed()
	if err != nil {
		t.Fatal(err)
	}
	failed := map[string]bool{}
	for i := range report.Differences {
		d := &report.Differences[i]
		where := d.Group + "/" + d.Scenario
		if d.Excuse == "" && !failed[where] { // one is enough of each
			failed[where] = true
			t.Error(d)
		}
	}
}

// TestListsAreNeeded: what agrees needs no exception. A deviation within a
// scenario that is not there yet as a whole cannot show.
func TestListsAreNeeded(t *testing.T) {
	report, err := replayed()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range slices.Concat(deviations, notYet) {
		if e.name != "" && wholly(e.group, e.scenarios) {
			continue
		}
		if !slices.ContainsFunc(report.Differences, func(d Difference) bool { return e.matches(&d) }) {
			t.Errorf("%s/%s %q agrees: take it off the list", e.group, e.scenarios, e.what+e.name)
		}
	}
}

// TestOwnRecordings replays the directory that ULVS_ORACLE_DIR names, if any.
func TestOwnRecordings(t *testing.T) {
	if dir := os.Getenv("ULVS_ORACLE_DIR"); dir != "" {
		if err := check(dir); err != nil {
			t.Error(err)
		}
	}
}

// check returns the differences found in the recordings of dir.
func check(dir string) error {
	report, err := Replay(os.DirFS(dir))
	if err != nil {
		return err
	}
	if !report.Failed() {
		return nil
	}
	var text strings.Builder
	for _, g := range report.Groups {
		if g.First != nil {
			fmt.Fprintf(&text, "\n%v", g.First)
		}
	}
	return fmt.Errorf("%d of %d steps agree:%s", report.Total.Agreed, report.Total.Steps, &text)
}

// TestCanFail changes one thing in a copy of the recordings: it must be found,
// and named by scenario and step.
func TestCanFail(t *testing.T) {
	for _, c := range []struct{ what, file, from, to, want string }{
		{"a pick", "a-rr/equal-open", `"n":3,"ev":"c:S","pkt":"tcp 192.0.2.16:40006>198.51.100.1:80 S","out":"rs2"`,
			`"n":3,"ev":"c:S","pkt":"tcp 192.0.2.16:40006>198.51.100.1:80 S","out":"rs1"`, "a-rr/equal-open step 3, c:S tcp 192.0.2.16:40006>198.51.100.1:80 S: packet: expected rs1, got rs2"},
		{"a count", "a-wlc/equal-open", `[3,1,1,0]`, `[3,1,1,1]`, "a-wlc/equal-open step 2, "},
		{"a weight", "a-wrr/w432-open", `[3,2,1,0]`, `[3,3,1,0]`, "a-wrr/w432-open step 1, "},
		{"the list order", "a-lc/empty", `"d":[[1,1,0,0]]`, `"d":[[2,1,0,0]]`, "a-lc/empty step 4, "},
		{"a state", "b/seq-nat-normal", "ESTABLISHED", "FIN_WAIT", "b/seq-nat-normal step 3, "},
		{"seconds left", "b/timer-udp", " UDP 300", " UDP 200", "b/timer-udp step 1, "},
		{"a TTL", "b/seq-dr-normal", `"ttl":63`, `"ttl":62`, "b/seq-dr-normal step 1, "},
		{"a cell's state", "b/tcp-table-dr", `"to":"FIN_WAIT","timeout":[120]`, `"to":"FIN_WAIT","timeout":[60]`, "b/tcp-table-dr step "},
		{"a cell's counts", "b/udp-table", `"inactive":1`, `"inactive":2`, "b/udp-table step 1, "},
		{"own stack or not", "b/nostate-m-sloppy0", `198.51.100.1:80>192.0.2.10:4000 R"`, `198.51.100.1:80>192.0.2.10:4000 R","rs":3,"to":"rs"`, "b/nostate-m-sloppy0 step 1, "},
		{"a byte", "d/nat", "4500003c123440003f062b7c", "4500003c123440003f062b7d", "d/nat step 1, "},
		{"a next hop", "d/dr", "02:00:00:01:00:01", "02:00:00:01:00:02", "d/dr step 1, "},
		{"an exit code", "a-rr/empty", `"rc":0`, `"rc":1`, "a-rr/empty step 4, "},
		{"a listing", "a-misc/persist-threshold", `Uthreshold`, `Vthreshold`, "a-misc/persist-threshold step "},
		{"a connection in a listing", "b/timer-refresh", `TCP 00:01  CLOSE`, `TCP 00:31  CLOSE`, "b/timer-refresh step "},
		{"the set-up", "a-rr/equal-open", `-r 203.0.113.2:80 -m`, `-r 203.0.113.2:80 -q`, "a-rr/equal-open step 0, set-up: set-up: "},
		{"an event", "b/timer-refresh", `"ev":"sleep"`, `"ev":"nap"`, "is not understood"},
	} {
		t.Run(c.what, func(t *testing.T) {
			dir := t.TempDir()
			before := copyScenario(t, dir, c.file, "", "")
			if err := check(dir); err != nil {
				t.Fatalf("before the change: %v", err)
			}
			if after := copyScenario(t, dir, c.file, c.from, c.to); after == before {
				t.Fatalf("%s has no %s to change", c.file, c.from)
			}
			if err := check(dir); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the change was not found: %v, want %q", err, c.want)
			}
		})
	}
}

// copyScenario copies a recording with the first from replaced by to, and
// returns what it wrote.
func copyScenario(t *testing.T, dir, name, from, to string) string {
	t.Helper()
	var b []byte
	if err := oracle.Lines(os.DirFS(recordings), name+".jsonl.gz", func(line []byte) error {
		b = append(append(b, line...), '\n')
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	text := string(b)
	if from != "" {
		text = strings.Replace(text, from, to, 1)
	}
	out := filepath.Join(dir, name+".jsonl")
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(out, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return text
}

// TestEmptyDirectory: finding nothing is no agreement.
func TestEmptyDirectory(t *testing.T) {
	for _, fsys := range []fs.FS{os.DirFS(t.TempDir()), os.DirFS("no such directory")} {
		if _, err := Replay(fsys); err == nil {
			t.Errorf("no recordings in %v, no error", fsys)
		}
	}
}
