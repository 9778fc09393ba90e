package lesson

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"ulvs/lab"
)

// page is what a lesson is written on. What cannot be written cannot be
// reported either, so errors of the writer are not looked at.
type page interface {
	head(l *Lesson, hosts []*lab.Host)
	part(title string)
	say(text string)
	command(host, line, output string)
	packets(hops []Hop)
	predict(n int, text string)
	checked(n int, ok bool, seen string)
	task(e *Exercise)
	foot(checks, wrong int)
}

// width is where lines of text are broken.
const width = 100

// wrap breaks each paragraph of text into lines of at most width, each with
// prefix before it. A line that is indented stays as it is.
func wrap(text, prefix string) string {
	var b strings.Builder
	for i, paragraph := range strings.Split(strings.TrimSpace(text), "\n\n") {
		if i > 0 {
			b.WriteString(strings.TrimRight(prefix, " ") + "\n")
		}
		column := 0
		for _, word := range strings.Fields(paragraph) {
			switch {
			case column == 0:
				b.WriteString(prefix)
				column = len(prefix)
			case column+1+len(word) > width:
				b.WriteString("\n" + prefix)
				column = len(prefix)
			default:
				b.WriteByte(' ')
				column++
			}
			b.WriteString(word)
			column += len(word)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// table aligns rows whose cells have tabs between them.
func table(rows []string) string {
	var b strings.Builder
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, r := range rows {
		fmt.Fprintln(t, r)
	}
	_ = t.Flush()
	return trimLines(b.String())
}

// trimLines takes the blanks off the ends of lines.
func trimLines(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	return b.String()
}

// hostRows are the network as a table.
func hostRows(hosts []*lab.Host) []string {
	rows := []string{"HOST\tINTERFACE\tNETWORK\tMAC\tADDRESS\tGATEWAY"}
	for _, h := range hosts {
		name, gateway := h.Name, h.Gateway
		for _, i := range h.Interfaces {
			link, network, mac := i.Name, i.Network, i.MAC
			for _, a := range i.Addrs {
				rows = append(rows, strings.Join([]string{name, link, network, mac, a.String(), gateway}, "\t"))
				name, link, network, mac, gateway = "", "", "", "", ""
			}
		}
	}
	return rows
}

// hopRows are packets as a table.
func hopRows(hops []Hop) []string {
	var rows []string
	for i := range hops {
		rows = append(rows, hops[i].row())
	}
	if rows == nil {
		return []string{"(nothing)"}
	}
	return rows
}

// terminal is a page for people to read as it is written.
type terminal struct {
	w      io.Writer
	colour bool
}

func (t *terminal) print(format string, args ...any) { fmt.Fprintf(t.w, format, args...) }

// paint puts text between a colour and its end.
func (t *terminal) paint(code, text string) string {
	if !t.colour {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// The colours (ECMA-48 SGR).
const (
	bold   = "1"
	red    = "31;1"
	green  = "32;1"
	yellow = "33"
	cyan   = "36"
)

func (t *terminal) head(l *Lesson, hosts []*lab.Host) {
	t.print("%s\n\n%s\n%s\n", t.paint(bold, l.Title), wrap(l.Goal, ""), table(hostRows(hosts)))
}

func (t *terminal) part(title string) { t.print("\n%s\n\n", t.paint(bold, "== "+title)) }

func (t *terminal) say(text string) { t.print("%s\n", wrap(text, "")) }

func (t *terminal) command(host, line, output string) {
	t.print("%s# %s\n%s", host, t.paint(cyan, line), safe(output))
}

func (t *terminal) packets(hops []Hop) { t.print("\n%s\n", indent(table(hopRows(hops)))) }

func (t *terminal) predict(n int, text string) {
	t.print("\n%s", t.paint(yellow, wrap(fmt.Sprintf("Prediction %d: %s", n, text), "? ")))
}

func (t *terminal) checked(n int, ok bool, seen string) {
	word := t.paint(green, "OK")
	if !ok {
		word = t.paint(red, "WRONG")
	}
	t.print("%s %d: %s\n\n", word, n, strings.TrimSpace(safe(seen)))
}

func (t *terminal) task(e *Exercise) {
	t.part("Exercise")
	t.say(e.Task)
}

func (t *terminal) foot(checks, wrong int) { t.print("%s\n", summary(checks, wrong)) }

// summary is the last line.
func summary(checks, wrong int) string {
	if wrong > 0 {
		return fmt.Sprintf("%d of %d checks: WRONG", wrong, checks)
	}
	return fmt.Sprintf("all %d checks: OK", checks)
}

// indent sets a block apart.
func indent(text string) string {
	return "  " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n  ") + "\n"
}

// safe is what a program has printed, fit for a terminal: nothing but text and
// ends of lines, and none at the end but one.
func safe(text string) string {
	clean := strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 {
			return '?'
		}
		return r
	}, text)
	return trimLines(clean)
}
