// Package ulvs_test holds the repository to its own rules: which way imports
// point, and habits that no compiler checks. It reads source files only.
package ulvs_test

import (
	"bytes"
	"cmp"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// layers are the floors of the house, the lowest first. A package imports only
// packages of lower floors, never one of its own or above, so that each can be
// read, tested and replaced knowing what is below it alone.
var layers = []struct {
	packages []string // a path stands for all below it that are not named themselves
	reason   string
}{
	{[]string{"wire", "service", "sysctl"}, "vocabulary: packets, configuration, settings"},
	{[]string{"wire/wiretest", "internal/oracle"}, "help the tests of all above"},
	{[]string{"sched", "conntrack", "forward", "dataplane/nexthop", "dataplane/filter", "dataplane/defrag"}, "mechanisms, each on its own"},
	{[]string{"sched/schedtest", "forward/forwardtest"}, "suites for implementations of one mechanism"},
	{[]string{"dataplane"}, "the pipeline joins the mechanisms; devices are plugged into it"},
	{[]string{"dataplane/afpacket", "dataplane/memport", "internal"}, "devices and the kernel's interfaces, none knows another"},
	{[]string{"internal/testns"}, "helps tests that need namespaces"},
	{[]string{"control/api"}, "what daemon and clients exchange"},
	{[]string{"top"}, "what changes between two states, and how it is shown"},
	{[]string{"ipvsadm", "procfs"}, "text to requests and state to text, however they travel"},
	{[]string{"conformance", "explain"}, "replay recordings, and explain packets, through commands and pipeline"},
	{[]string{"control"}, "the daemon's interface; knows no daemon"},
	{[]string{"daemon"}, "joins pipeline, devices and control"},
	{[]string{"doctor"}, "looks at host and neighbours, asks a daemon as any client does"},
	{[]string{"lab/decap"}, "a real server's end of a tunnel"},
	{[]string{"sim"}, "schedulers in virtual time; above the mechanisms, needs no daemon"},
	{[]string{"lab", "bench"}, "use a whole daemon"},
	{[]string{"lab/lesson"}, "plays in labs"},
	{[]string{"cmd", "e2e"}, "the outermost"},
}

// pure are the packages that live traffic, captures, the simulator and fuzzers
// all run: the same input must give the same output anywhere, and fast.
var pure = []string{"wire", "service", "sysctl", "sched", "conntrack", "forward", "dataplane", "dataplane/nexthop", "dataplane/filter", "dataplane/defrag"}

// impure are what would break that.
var impure = []string{"net", "net/http", "log", "log/slog", "encoding/json", "os", "os/exec", "os/signal", "syscall",
	"math/rand", "math/rand/v2", "context"}

// restricted says who may import what beside the packages of this module.
var restricted = []struct {
	imports string   // this package and all below it
	only    []string // these packages and all below them
	reason  string
}{
	{"golang.org/x/sys", []string{"dataplane/afpacket", "internal", "control", "lab", "bench", "cmd", "e2e"}, "system calls stay at the edge"},
	{"github.com/vishvananda", []string{"internal", "lab", "bench", "e2e"}, "netlink is wrapped, with its retries, in internal"},
	{"github.com/mdlayher", []string{"internal", "lab/decap", "bench", "dataplane/afpacket"}, "no packet sockets beside our rings on the data path"},
	{"golang.zx2c4.com/wireguard", []string{"lab/decap"}, "its tun device, which joins segments; the data path has no tun device"},
	{"github.com/google/nftables", []string{"internal", "bench"}, "before 1.0: the guard and the bench wrap it"},
	{"github.com/google/gopacket", []string{"wire/wiretest", "bench", "explain", "e2e"}, "an independent decoder for tests, and a reader of captures; slow and allocating"},
	{"gonum.org/v1/plot", []string{"bench", "sim"}, "plots of measurements; the daemon draws nothing"},
	{"github.com/HdrHistogram", []string{"bench", "sim"}, "on the data path an array of counters is enough"},
	{"github.com/goccy/go-yaml", []string{"sim"}, "scenarios are the only YAML; its syntax tree gives every mistake its line"},
	{"github.com/spf13", []string{"cmd"}, "only the command line knows how commands are typed"},
	{"charm.land", []string{"top", "cmd"}, "what draws on terminals; the daemon has none"},
	{"github.com/charmbracelet", []string{"top", "cmd"}, "what draws on terminals; the daemon has none"},
	{"net/http", []string{"control", "daemon", "lab", "bench", "cmd", "e2e"}, "no second way to the daemon"},
	{"testing", []string{"wire/wiretest", "sched/schedtest", "forward/forwardtest", "internal/testns", "e2e"}, "not linked into the binary"},
	{"unsafe", nil, "only in files called *_unsafe.go, so that a reviewer sees them at once"},
}

// source is one Go file, its path relative to the root.
type source struct {
	path string
	text []byte
	ast  *ast.File
	fset *token.FileSet
}

func (s *source) isTest() bool { return strings.HasSuffix(s.path, "_test.go") }
func (s *source) pkg() string  { return filepath.Dir(s.path) }

func (s *source) imports() (paths []string) {
	for _, i := range s.ast.Imports {
		paths = append(paths, strings.Trim(i.Path.Value, `"`))
	}
	return paths
}

// sources parses every Go file of the repository.
func sources(t *testing.T) (all []*source) {
	t.Helper()
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != "." && (d.Name()[0] == '.' || d.Name() == "testdata" || d.Name() == "bin") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") {
			return nil
		}
		s := &source{path: path, fset: token.NewFileSet()}
		if s.text, err = os.ReadFile(path); err != nil {
			return err
		}
		s.ast, err = parser.ParseFile(s.fset, path, s.text, parser.ParseComments)
		all = append(all, s)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// within reports whether pkg is one of the packages or below one.
func within(pkg string, packages []string) bool {
	return slices.ContainsFunc(packages, func(p string) bool {
		return pkg == p || strings.HasPrefix(pkg, p+"/")
	})
}

// layer returns the floor of pkg by the longest path that names it, -1 if none.
func layer(pkg string) (floor int) {
	floor, longest := -1, -1
	for i, l := range layers {
		for _, p := range l.packages {
			if within(pkg, []string{p}) && len(p) > longest {
				floor, longest = i, len(p)
			}
		}
	}
	return floor
}

func TestImportDirections(t *testing.T) {
	for _, s := range sources(t) {
		if s.pkg() == "." || s.isTest() {
			continue
		}
		own := layer(s.pkg())
		if own < 0 {
			t.Errorf("%s: package %s is on no floor: add it to layers", s.path, s.pkg())
			continue
		}
		for _, path := range s.imports() {
			to, ours := strings.CutPrefix(path, "ulvs/")
			if ours && layer(to) >= own {
				t.Errorf("%s: imports %s, which is not below it: %s is %q, %s is %q", s.path, path,
					s.pkg(), layers[own].reason, to, layers[max(layer(to), 0)].reason)
			}
		}
	}
}

func TestPurePackages(t *testing.T) {
	for _, s := range sources(t) {
		if !slices.Contains(pure, s.pkg()) || s.isTest() {
			continue
		}
		for _, path := range s.imports() {
			if slices.Contains(impure, path) {
				t.Errorf("%s: imports %s: %s is pure, it gets packets and time and gives packets and values", s.path, path, s.pkg())
			}
		}
		for _, call := range calls(s, "time") {
			if name := call.Sel.Name; slices.Contains([]string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}, name) {
				t.Errorf("%s: time.%s: time is given to %s, so that a test can be years long", s.at(call), name, s.pkg())
			}
		}
	}
}

func TestRestrictedImports(t *testing.T) {
	for _, s := range sources(t) {
		for _, path := range s.imports() {
			for _, r := range restricted {
				if !within(path, []string{r.imports}) || within(s.pkg(), r.only) {
					continue
				}
				fenced := r.imports == "unsafe" && (strings.HasSuffix(s.path, "_unsafe.go") || strings.HasSuffix(s.path, "_unsafe_test.go"))
				if !fenced && (!s.isTest() || r.imports == "unsafe") {
					t.Errorf("%s: imports %s: %s", s.path, path, r.reason)
				}
			}
		}
	}
}

// at names the place of a node.
func (s *source) at(n ast.Node) string { return s.fset.Position(n.Pos()).String() }

// calls returns the uses of names of the imported package pkg.
func calls(s *source, pkg string) (out []*ast.SelectorExpr) {
	if !slices.ContainsFunc(s.imports(), func(p string) bool { return p == pkg || strings.HasSuffix(p, "/"+pkg) }) {
		return nil
	}
	return selectors(s, func(of string) bool { return of == pkg })
}

// selectors returns the expressions x.y for which ok(x).
func selectors(s *source, ok func(x string) bool) (out []*ast.SelectorExpr) {
	ast.Inspect(s.ast, func(n ast.Node) bool {
		if sel, isSel := n.(*ast.SelectorExpr); isSel {
			if x, isName := sel.X.(*ast.Ident); isName && ok(x.Name) {
				out = append(out, sel)
			}
		}
		return true
	})
	return out
}

// TestNoPrinting: text for people is written by the faces; everything else
// returns values, or the daemon's logger gets them.
func TestNoPrinting(t *testing.T) {
	for _, s := range sources(t) {
		if within(s.pkg(), []string{"cmd", "bench", "lab"}) {
			continue
		}
		for _, call := range calls(s, "fmt") {
			if strings.HasPrefix(call.Sel.Name, "Print") {
				t.Errorf("%s: fmt.%s outside cmd, bench and lab", s.at(call), call.Sel.Name)
			}
		}
	}
}

// TestTestsRun: a test that is skipped has shown nothing, and one that sleeps
// is slow on good days and wrong on bad ones.
func TestTestsRun(t *testing.T) {
	for _, s := range sources(t) {
		if !s.isTest() {
			continue
		}
		for _, call := range calls(s, "time") {
			if call.Sel.Name == "Sleep" {
				t.Errorf("%s: time.Sleep in a test: inject the time, or wait for the event", s.at(call))
			}
		}
		for _, call := range selectors(s, func(x string) bool { return x == "t" || x == "b" || x == "tb" }) {
			if slices.Contains([]string{"Skip", "Skipf", "SkipNow"}, call.Sel.Name) && !inProperty(s, call) {
				t.Errorf("%s: %s: fail with what is missing instead", s.at(call), call.Sel.Name)
			}
		}
	}
}

// inProperty reports whether n is in a function of a *rapid.T, whose Skip
// draws another case.
func inProperty(s *source, n ast.Node) (in bool) {
	ast.Inspect(s.ast, func(f ast.Node) bool {
		if f == nil || n.Pos() < f.Pos() || f.End() < n.End() {
			return false
		}
		var params *ast.FieldList
		switch f := f.(type) {
		case *ast.FuncDecl:
			params = f.Type.Params
		case *ast.FuncLit:
			params = f.Type.Params
		}
		if params != nil && len(params.List) > 0 {
			in = string(s.text[s.offset(params.List[0].Type.Pos()):s.offset(params.List[0].Type.End())]) == "*rapid.T"
		}
		return true
	})
	return in
}

func (s *source) offset(p token.Pos) int { return s.fset.Position(p).Offset }

// TestPackageComments: each folder says once what its package owns.
func TestPackageComments(t *testing.T) {
	comments, folders := map[string][]string{}, map[string]string{}
	for _, s := range sources(t) {
		if s.isTest() && s.pkg() != "." {
			continue
		}
		if _, seen := folders[s.pkg()]; !seen {
			folders[s.pkg()] = s.ast.Name.Name
		}
		if s.ast.Doc != nil {
			comments[s.pkg()] = append(comments[s.pkg()], s.path)
			checkPackageComment(t, s)
		}
	}
	for folder := range folders {
		if n := len(comments[folder]); n != 1 {
			t.Errorf("%s: %d package comments %v, want 1 in doc.go or the main file", folder, n, comments[folder])
		}
	}
}

func checkPackageComment(t *testing.T, s *source) {
	t.Helper()
	want := "Package " + s.ast.Name.Name + " "
	if s.ast.Name.Name == "main" {
		want = "Command " + filepath.Base(s.pkg()) + " "
	}
	if !strings.HasPrefix(s.ast.Doc.Text(), want) {
		t.Errorf("%s: package comment does not begin with %q", s.path, want)
	}
}

func TestGofmt(t *testing.T) {
	for _, s := range sources(t) {
		if out, err := format.Source(s.text); err != nil || !bytes.Equal(out, s.text) {
			t.Errorf("%s: not as gofmt writes it (%v)", s.path, err)
		}
	}
}

// TestModule: what one clones is what one gets.
func TestModule(t *testing.T) {
	text, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range strings.Split(string(text), "\n") {
		if strings.HasPrefix(strings.TrimSpace(line), "replace") || strings.Contains(line, "=>") {
			t.Errorf("go.mod:%d: replace: it would not build as a dependency or with go install", i+1)
		}
	}
}

// Sizes that keep a file one job and a function one thought. Tests are tables
// and may be longer.
const (
	maxFileLines     = 400
	maxTestFileLines = 700
	maxFuncLines     = 80
	maxMedianFunc    = 10
	maxP90Func       = 35
)

func TestSizes(t *testing.T) {
	var lengths []int
	for _, s := range sources(t) {
		lines := bytes.Count(s.text, []byte("\n"))
		switch {
		case s.isTest() && lines > maxTestFileLines, !s.isTest() && lines > maxFileLines:
			t.Errorf("%s: %d lines: split it by job", s.path, lines)
		case !s.isTest():
			lengths = append(lengths, funcLengths(t, s)...)
		}
	}
	slices.SortFunc(lengths, cmp.Compare[int])
	median, p90 := lengths[len(lengths)/2], lengths[len(lengths)*9/10]
	if median > maxMedianFunc || p90 > maxP90Func {
		t.Errorf("functions have %d lines in the median and %d at the 90th percentile, want %d and %d",
			median, p90, maxMedianFunc, maxP90Func)
	}
}

func funcLengths(t *testing.T, s *source) (lengths []int) {
	t.Helper()
	for _, d := range s.ast.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok {
			continue
		}
		n := s.fset.Position(f.End()).Line - s.fset.Position(f.Pos()).Line + 1
		if lengths = append(lengths, n); n > maxFuncLines {
			t.Errorf("%s: %s has %d lines: split it", s.at(f), f.Name.Name, n)
		}
	}
	return lengths
}
