package api

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/reasons.md")

// TestReasonTexts: names differ, and each has all of its texts in one line.
func TestReasonTexts(t *testing.T) {
	seen := map[string]bool{}
	for _, x := range ReasonTexts() {
		if seen[x.Name] || x.Verdict == "" || x.Meaning == "" || x.Hint == "" || strings.ContainsAny(x.Meaning+x.Hint, "\n|`") {
			t.Errorf("%+v", x)
		}
		seen[x.Name] = true
	}
	for _, loss := range []string{LostRingFull, LostSendFull, LostSendDown, LostTooLong, LostRefused, LostLink, LostSend,
		LostPanics, LostNeighbour, LostDatagram} {
		if !seen[loss] {
			t.Errorf("%s is not explained", loss)
		}
	}
}

// TestDocument compares docs/reasons.md with the code; go test ./control/api
// -update writes it.
func TestDocument(t *testing.T) {
	const path, mark = "../../docs/reasons.md", "<!-- from here on written by go test ./control/api -update -->\n"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, _, found := strings.Cut(string(text), mark)
	want := head + mark + document()
	if !found {
		t.Fatalf("%s: no line %q", path, mark)
	}
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(text) != want {
		t.Errorf("%s is not what the code says: go test ./control/api -update", path)
	}
}

// document is a table for each verdict, in the order in which they come up.
func document() string {
	var verdicts []string
	rows := map[string]string{}
	for _, x := range ReasonTexts() {
		verdict := x.Verdict
		if strings.HasPrefix(x.Name, "malformed-") {
			verdict = "malformed"
		}
		if rows[verdict] == "" {
			verdicts = append(verdicts, verdict)
		}
		rows[verdict] += fmt.Sprintf("| %s | %s | %s |\n", x.Name, x.Meaning, x.Hint)
	}
	var b strings.Builder
	for _, v := range append(verdicts[1:], verdicts[0]) { // malformed packets last
		fmt.Fprintf(&b, "\n## %s\n\n| reason | meaning | what to look at or do |\n| --- | --- | --- |\n%s", v, rows[v])
	}
	return b.String()
}
