package ipvsadm

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// difference is one that is meant: docs/ipvsadm.md has its name as a heading,
// and below it the reason.
type difference struct {
	name string
	// answer says what ulvs answers instead of what was recorded, if this is a
	// step of the kind.
	answer func(*step) (ours answer, differs bool)
}

// Names of differences.
const (
	ownHelp  = "The help text is our own"
	noSync   = "There is no synchronisation daemon"
	noDelay  = "Counters are never old"
	document = "../docs/ipvsadm.md"
)

var differences = []difference{
	{ownHelp, func(*step) (answer, bool) { return answer{}, false }}, // nothing to compare with: see check
	{noSync, withoutSync},
	{noDelay, func(s *step) (answer, bool) { return answer{stdout: s.later}, s.later != "" }},
}

// withoutSync is how ulvs answers what starts, lists and stops the daemons.
func withoutSync(s *step) (answer, bool) {
	if len(s.args) < 2 || s.code == 2 { // a mistake in the line
		return answer{}, false
	}
	switch command := s.args[1]; {
	case strings.HasPrefix(command, "--start-daemon"):
		return answer{stderr: "ulvs has no connection synchronisation: --start-daemon does nothing\n", code: 255}, true
	case command == "--stop-daemon":
		return answer{stderr: "No daemon is running\n", code: 255}, true
	}
	return answer{}, slices.Contains(s.args, "--daemon")
}

// TestDifferencesDocumented: the document lists what differs, no more and no
// less, each with a reason.
func TestDifferencesDocumented(t *testing.T) {
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## Differences from ipvsadm 1.31\n")
	section, _, _ = strings.Cut(section, "\n## ")
	parts := regexp.MustCompile(`(?m)^### `).Split(section, -1)[1:]
	var listed, meant []string
	for _, p := range parts {
		name, reason, _ := strings.Cut(p, "\n")
		listed = append(listed, name)
		if len(strings.Fields(reason)) < 10 {
			t.Errorf("%s: no reason for %q", document, name)
		}
	}
	for _, d := range differences {
		meant = append(meant, d.name)
	}
	if !slices.Equal(listed, meant) {
		t.Errorf("%s lists %q, the recordings show %q", document, listed, meant)
	}
}
