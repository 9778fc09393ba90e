package conformance

import (
	"flag"
	"os"
	"strings"
	"testing"
)

const (
	document = "../docs/conformance.md"
	mark     = "```\n" // around the table
)

var update = flag.Bool("update", false, "write the table in docs/conformance.md anew")

// TestDocument: the document shows what the command prints now.
func TestDocument(t *testing.T) {
	report, err := replayed()
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	if err := report.WriteTable(&table, false); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(string(text), mark)
	if len(parts) != 3 {
		t.Fatalf("%s has %d parts around lines of ```, want the table between two", document, len(parts))
	}
	want := parts[0] + mark + strings.TrimRight(table.String(), "\n") + "\n" + mark + parts[2]
	if want == string(text) {
		return
	}
	if !*update {
		t.Fatalf("%s does not show what the command prints now: run make conformance-doc", document)
	}
	if err := os.WriteFile(document, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}
