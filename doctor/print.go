package doctor

import (
	"fmt"
	"io"
	"strings"
)

// Style says how a report is printed.
type Style struct {
	Color bool
	Brief bool // no evidence and no fixes
}

// colors are the escape sequences of the severities.
var colors = [...]string{OK: "\x1b[32m", Info: "\x1b[36m", Warning: "\x1b[33m", Error: "\x1b[1;31m"}

// Print writes a line for each finding, with its evidence and what to type below.
func (r *Report) Print(w io.Writer, s Style) error {
	var b strings.Builder
	for _, f := range r.Findings {
		severity := fmt.Sprintf("%-8s", f.Severity)
		if s.Color {
			severity = colors[f.Severity] + severity + "\x1b[0m"
		}
		fmt.Fprintf(&b, "%s %-28s %s\n", severity, f.ID, plain(f.Text))
		if s.Brief || f.Severity == OK {
			continue
		}
		for _, line := range f.Evidence {
			fmt.Fprintf(&b, "           seen  %s\n", plain(line))
		}
		for _, line := range f.Fix {
			fmt.Fprintf(&b, "           fix   %s\n", plain(line))
		}
	}
	fmt.Fprintf(&b, "%s, %s\n", count(r.Errors, "error"), count(r.Warnings, "warning"))
	_, err := io.WriteString(w, b.String())
	return err
}

// count is "1 error", "2 errors".
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// plain keeps what others have written (names of interfaces, a daemon's words)
// from controlling a terminal.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return '?'
		}
		return r
	}, s)
}

// PrintDefinitions lists every kind of finding.
func PrintDefinitions(w io.Writer) error {
	var b strings.Builder
	for _, d := range definitions {
		probe := ""
		if d.Probe {
			probe = " (by probe)"
		}
		fmt.Fprintf(&b, "%-8s %-28s %s%s\n", d.Severity, d.ID, d.Meaning, probe)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
