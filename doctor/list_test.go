package doctor

import (
	"bytes"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/doctor.md")

// TestDocument compares docs/doctor.md with the list; go test ./doctor -update
// writes it.
func TestDocument(t *testing.T) {
	const path, mark = "../docs/doctor.md", "<!-- from here on written by go test ./doctor -update -->\n"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, _, found := strings.Cut(string(text), mark)
	if !found {
		t.Fatalf("%s: no line %q", path, mark)
	}
	want := head + mark + "\n| finding | severity | what it means |\n| --- | --- | --- |\n"
	for _, d := range definitions {
		probe := ""
		if d.Probe {
			probe = " (by probe)"
		}
		want += fmt.Sprintf("| `%s` | %s | %s%s |\n", d.ID, d.Severity, d.Meaning, probe)
	}
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if string(text) != want {
		t.Errorf("%s is not what the list says: go test ./doctor -update", path)
	}
}

// TestEveryFinding: each id is defined once, and one that is not good is looked
// for by a test, in a network if that can be broken there.
func TestEveryFinding(t *testing.T) {
	tests, err := os.ReadFile("../e2e/doctor_test.go")
	if err != nil {
		t.Fatal(err)
	}
	facts, err := os.ReadFile("facts_test.go")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[ID]bool{}
	for name, id := range constants(t) {
		n := 0
		for _, d := range definitions {
			if d.ID == id {
				n++
			}
		}
		if n != 1 || seen[id] {
			t.Errorf("%s: %d definitions, id seen before: %v", id, n, seen[id])
		}
		seen[id] = true
		inNetwork := bytes.Contains(tests, []byte("doctor."+name+",")) || bytes.Contains(tests, []byte("doctor."+name+")"))
		if definition(id).Severity != OK && !inNetwork && !bytes.Contains(facts, []byte(name+"}")) && !bytes.Contains(facts, []byte(name+",")) {
			t.Errorf("no test looks for %s (%s)", id, name)
		}
	}
	if len(seen) != len(definitions) {
		t.Errorf("%d ids, %d definitions", len(seen), len(definitions))
	}
}

// constants are the names of ids in findings.go.
func constants(t *testing.T) map[string]ID {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "findings.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]ID{}
	ast.Inspect(file, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if kind, named := v.Type.(*ast.Ident); named && kind.Name == "ID" {
			text, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			all[v.Names[0].Name] = ID(text)
		}
		return true
	})
	return all
}
