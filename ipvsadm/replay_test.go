package ipvsadm

import (
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	formats = "testdata/output-formats/"
	grammar = "testdata/grammar/"
)

// recording is one history: files of commands that were run in sequence from
// an empty table.
type recording struct {
	boot  uint8 // the constant of that boot, see fakeEnv
	files []string
	setup func(*fakeEnv)
	// before is called before each step, to do what the traffic did.
	before func(t *testing.T, env *fakeEnv, file string, steps []step, i int)
}

// recordings are all of them.
var recordings = []recording{
	{files: []string{formats + "00-empty.txt"}},
	{boot: 96, before: traffic, files: []string{
		formats + "01-setup.txt", formats + "02-list-no-traffic.txt", formats + "03-list-with-traffic.txt"}},
	{before: flood, files: []string{formats + "04-large-numbers.txt"}},
	{before: flood, files: []string{formats + "04b-larger-numbers.txt"}},
	{files: []string{formats + "05-timeout-daemon-set.txt"}},
	{files: []string{formats + "10-errors.txt"}},
	{files: []string{formats + "11-restore.txt"}},
	{files: []string{formats + "12-help.txt"}},
	{setup: func(e *fakeEnv) { e.denied = true }, files: []string{formats + "13-not-root.txt"}},
	{files: []string{formats + "14-edit-resets.txt"}},
	{boot: 144, files: []string{grammar + "01-words.txt"}},
	{files: []string{grammar + "02-values.txt"}},
	{files: []string{grammar + "03-checks.txt"}},
	{setup: recordedHosts, files: []string{grammar + "04-names.txt"}},
	{files: []string{grammar + "05-first-mistake.txt"}},
}

// others are the files that are not replayed here.
var others = []string{
	formats + "06-sysctl-defaults.txt", // settings, no command of ipvsadm's
	grammar + "matrix.txt",             // TestRecordedMatrix
	grammar + "order.txt",
}

// recordedHosts are the names that the recording of names met.
func recordedHosts(e *fakeEnv) {
	for addr, name := range map[string]string{
		"::1": "ip6-localhost", "198.51.100.1": "vip.example.com", "2001:db8:2::1": "vip6.example.com",
		"203.0.113.1": "rs1", "2001:db8:3::1": "rs6",
	} {
		e.hosts[netip.MustParseAddr(addr)] = name
	}
}

// TestRecorded holds every recorded command against its text, its errors and
// its exit code; and every difference that is meant shows.
func TestRecorded(t *testing.T) {
	seen := map[string]int{}
	for _, rec := range recordings {
		t.Run(filepath.Base(rec.files[len(rec.files)-1]), func(t *testing.T) {
			env := newFakeEnv()
			env.boot = rec.boot
			if rec.setup != nil {
				rec.setup(env)
			}
			for _, f := range rec.files {
				rec.replay(&replayer{t, seen}, env, f)
			}
		})
	}
	for _, d := range differences {
		if seen[d.name] == 0 {
			t.Errorf("%s: no recorded command shows it any more: take it off the list", d.name)
		}
	}
	t.Logf("commands that differ: %v", seen)
}

func (rec *recording) replay(r *replayer, env *fakeEnv, file string) {
	steps := readRecording(r.t, file)
	for i := range steps {
		if rec.before != nil {
			rec.before(r.t, env, filepath.Base(file), steps, i)
		}
		r.check(together{fakeEnv: env}, &steps[i])
	}
}

// TestAllRecordings: no file is forgotten.
func TestAllRecordings(t *testing.T) {
	known := map[string]bool{}
	for _, f := range others {
		known[f] = true
	}
	for _, rec := range recordings {
		for _, f := range rec.files {
			known[f] = true
		}
	}
	found, err := filepath.Glob("testdata/*/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	if want := slices.Sorted(maps.Keys(known)); !slices.Equal(found, want) {
		t.Errorf("replayed: %q\nfound: %q", want, found)
	}
}

// TestRecordedMatrix holds every pairing of commands and options against the
// real tool: "arguments => exit code standard error".
func TestRecordedMatrix(t *testing.T) {
	for _, f := range []string{"matrix.txt", "order.txt"} {
		text, err := os.ReadFile(grammar + f)
		if err != nil {
			t.Fatal(err)
		}
		env := newFakeEnv()
		for line := range strings.Lines(string(text)) {
			if args, want, ok := strings.Cut(strings.TrimSpace(line), " => "); ok && !strings.HasPrefix(line, "#") {
				checkPairing(t, env, args, want)
			}
		}
	}
}

// checkPairing does one line of the matrix. Standard output was not recorded.
func checkPairing(t *testing.T, env Env, args, want string) {
	t.Helper()
	code, _, _ := strings.Cut(want, " ")
	s := step{line: args, args: splitShell("ipvsadm " + args), code: exitCode(t, "[exit "+code+"]")}
	got := s.run(env)
	text := func(a answer) string {
		return strings.TrimSpace(strconv.Itoa(a.code) + " " + strings.ReplaceAll(strings.TrimSuffix(a.stderr, "\n"), "\n", `\n`))
	}
	if ours, differs := withoutSync(&s); differs {
		want = text(ours)
	}
	if text(got) != want {
		t.Errorf("%s\n got %s\nwant %s", args, text(got), want)
	}
}
