package dataplane_test

import (
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"ulvs/dataplane"
)

var update = flag.Bool("update", false, "add new reasons to testdata/reasons.txt")

// TestReasonHints: every reason has a hint of one line that a table can hold.
func TestReasonHints(t *testing.T) {
	for r := range dataplane.NumReasons {
		if h := r.Hint(); h == "" || strings.ContainsAny(h, "\n|`") || strings.HasSuffix(h, ".") || len(h) > 130 {
			t.Errorf("%s: hint %q (%d bytes)", r, h, len(h))
		}
	}
}

// TestReasonNames: names are read by scripts and dashboards. One may be added,
// which -update does; none may be renamed or leave.
func TestReasonNames(t *testing.T) {
	const path = "testdata/reasons.txt"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for r := range dataplane.NumReasons {
		names = append(names, r.String())
	}
	known := strings.Fields(string(text))
	for _, n := range known {
		if !slices.Contains(names, n) {
			t.Errorf("%s has left: whoever reads the counters by name no longer finds it", n)
		}
	}
	for _, n := range names {
		if !slices.Contains(known, n) && !*update {
			t.Errorf("%s is new: go test ./dataplane -run TestReasonNames -update", n)
		}
	}
	if *update && !t.Failed() {
		slices.Sort(names)
		if err := os.WriteFile(path, []byte(strings.Join(names, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
