package sim

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Error is what is wrong with a scenario or a file that it names.
type Error struct {
	File    string
	Line    int    // 0 if it is about the file as a whole
	Field   string // servers[1].speed; empty if it is about the line
	Problem string
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(plain(e.File))
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d", e.Line)
	}
	if e.Field != "" {
		fmt.Fprintf(&b, ": %s", e.Field)
	}
	return b.String() + ": " + e.Problem
}

// plain is text as it may go to a terminal: without control characters.
func plain(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(s)
	}
	return s
}

// lines are where the fields of a scenario stand in its file.
type lines map[string]int

// decoder reads one YAML document into a Scenario: strictly, and so that
// every mistake has its line.
type decoder struct {
	file  string
	lines lines
	err   *Error // the first
}

// maxDepth bounds how deep a scenario may be nested; ours need 3.
const maxDepth = 16

// decode reads a scenario. The error is an *Error.
func decode(file string, text []byte) (*Scenario, error) {
	d := &decoder{file: file, lines: lines{}}
	doc, err := parser.ParseBytes(text, 0)
	if err != nil {
		return nil, d.syntax(err)
	}
	if len(doc.Docs) != 1 || doc.Docs[0].Body == nil {
		return nil, &Error{file, 1, "", "not one YAML document with the fields of a scenario"}
	}
	s := &Scenario{File: file, lines: d.lines}
	s.setDefaults()
	d.value("", doc.Docs[0].Body, reflect.ValueOf(s).Elem(), "", 0)
	if d.err != nil {
		return nil, d.err
	}
	return s, nil
}

// syntax is an error of the YAML library, as one line.
func (d *decoder) syntax(err error) *Error {
	var y yaml.Error
	if errors.As(err, &y) && y.GetToken() != nil {
		return &Error{d.file, y.GetToken().Position.Line, "", "not YAML: " + plain(y.GetMessage())}
	}
	return &Error{d.file, 0, "", "not YAML: " + plain(strings.SplitN(err.Error(), "\n", 2)[0])}
}

func (d *decoder) fail(n ast.Node, field, format string, args ...any) {
	if d.err == nil {
		d.err = &Error{d.file, n.GetToken().Position.Line, field, fmt.Sprintf(format, args...)}
	}
}

// value reads the node n into v by the kind of v; rule is its is tag.
func (d *decoder) value(field string, n ast.Node, v reflect.Value, rule string, depth int) {
	if depth > maxDepth {
		d.fail(n, field, "nested too deep")
		return
	}
	d.lines[field] = n.GetToken().Position.Line
	switch v.Kind() {
	case reflect.Struct:
		d.fields(field, n, v, depth)
	case reflect.Slice:
		d.list(field, n, v, depth)
	default:
		d.scalar(field, n, v, rule)
	}
}

// list reads a sequence.
func (d *decoder) list(field string, n ast.Node, v reflect.Value, depth int) {
	seq, ok := n.(*ast.SequenceNode)
	if !ok || len(seq.Values) == 0 {
		d.fail(n, field, "is not a list with at least one entry")
		return
	}
	for i, entry := range seq.Values {
		e := reflect.New(v.Type().Elem())
		if def, ok := e.Interface().(interface{ setDefaults() }); ok {
			def.setDefaults()
		}
		d.value(fmt.Sprintf("%s[%d]", field, i+1), entry, e.Elem(), "", depth+1)
		v.Set(reflect.Append(v, e.Elem()))
	}
}

// fields reads a mapping into a struct.
func (d *decoder) fields(field string, n ast.Node, v reflect.Value, depth int) {
	entries, ok := mapping(n)
	if !ok {
		d.fail(n, field, "is not a mapping of fields; there are %s", names(v.Type()))
		return
	}
	seen := map[string]bool{}
	for _, e := range entries {
		name := e.Key.GetToken().Value
		path := strings.TrimPrefix(field+"."+plain(name), ".")
		at, found := fieldOf(v.Type(), name)
		switch {
		case !found:
			d.fail(e.Key, path, "no such field; there are %s", names(v.Type()))
		case seen[name]:
			d.fail(e.Key, path, "is there twice")
		default:
			d.value(path, e.Value, v.Field(at), v.Type().Field(at).Tag.Get("is"), depth+1)
		}
		seen[name] = true
	}
	for i := range v.NumField() {
		if name, rest, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ","); rest == "needed" && !seen[name] {
			d.fail(n, strings.TrimPrefix(field+"."+name, "."), "is missing: %s", accepts(v.Type().Field(i)))
		}
	}
}

// mapping returns the entries of a mapping, one or more.
func mapping(n ast.Node) ([]*ast.MappingValueNode, bool) {
	switch n := n.(type) {
	case *ast.MappingNode:
		return n.Values, len(n.Values) > 0
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}, true
	}
	return nil, false
}

func fieldOf(t reflect.Type, name string) (int, bool) {
	for i := range t.NumField() {
		if f, _, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ","); f == name && f != "-" && f != "" {
			return i, true
		}
	}
	return 0, false
}

// names lists the fields of a struct.
func names(t reflect.Type) string {
	var all []string
	for i := range t.NumField() {
		if f, _, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ","); f != "" && f != "-" {
			all = append(all, f)
		}
	}
	return strings.Join(all, ", ")
}

// accepts says what a field takes.
func accepts(f reflect.StructField) string {
	switch f.Type.Kind() {
	case reflect.Struct:
		return "fields " + names(f.Type)
	case reflect.Slice:
		return "a list"
	}
	return rules(f.Type, f.Tag.Get("is"))
}

// rules says what a scalar of a type takes under a rule.
func rules(t reflect.Type, rule string) string {
	what := map[string]string{"positive": "above 0", "notnegative": "of 0 or more", "fraction": "from 0 to 1",
		"whole": "from 1 to 1000000000", "weight": "from 0 to 65535"}[rule]
	switch {
	case strings.Contains(rule, "|"):
		return "one of " + strings.ReplaceAll(rule, "|", ", ")
	case t == reflect.TypeFor[Seconds]():
		return "a time " + what + " with its unit, such as 10ms"
	case t.Kind() == reflect.Int:
		return "a whole number " + what
	case t.Kind() == reflect.Float64:
		return "a number " + what
	case t.Kind() == reflect.Bool:
		return "true or false"
	}
	return "a text"
}

// scalar reads a text, number, time or truth.
func (d *decoder) scalar(field string, n ast.Node, v reflect.Value, rule string) {
	text, ok := scalarText(n)
	if ok {
		ok = set(v, text, rule)
	}
	if !ok {
		d.fail(n, field, "%.60q is not %s", text, rules(v.Type(), rule))
	}
}

// scalarText is a scalar as it was written.
func scalarText(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.MappingNode, *ast.MappingValueNode, *ast.SequenceNode, *ast.NullNode, *ast.AliasNode, *ast.AnchorNode, *ast.TagNode:
		return n.GetToken().Value, false
	}
	return n.GetToken().Value, true
}

// set stores text in v if it keeps to the rule.
func set(v reflect.Value, text, rule string) bool {
	switch {
	case v.Type() == reflect.TypeFor[Seconds]():
		t, err := time.ParseDuration(text)
		v.SetFloat(t.Seconds())
		return err == nil && keeps(t.Seconds(), rule)
	case v.Kind() == reflect.Float64:
		f, err := strconv.ParseFloat(text, 64)
		v.SetFloat(f)
		return err == nil && keeps(f, rule)
	case v.Kind() == reflect.Int:
		i, err := strconv.ParseInt(text, 10, 32)
		v.SetInt(i)
		return err == nil && keeps(float64(i), rule)
	case v.Kind() == reflect.Bool:
		b, err := strconv.ParseBool(text)
		v.SetBool(b)
		return err == nil
	}
	v.SetString(strings.TrimSpace(text))
	return isText(text) && (rule == "" || strings.Contains("|"+rule+"|", "|"+text+"|"))
}

// isText refuses what a terminal would take for a command.
func isText(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) && r != '\n' })
}

// keeps reports whether a number keeps to a rule.
func keeps(f float64, rule string) bool {
	switch rule {
	case "positive":
		return f > 0 && f <= math.MaxInt32
	case "notnegative":
		return f >= 0 && f <= math.MaxInt32
	case "fraction":
		return f >= 0 && f <= 1
	case "whole":
		return f >= 1 && f <= 1e9
	case "weight":
		return f >= 0 && f <= 65535
	}
	return false
}
