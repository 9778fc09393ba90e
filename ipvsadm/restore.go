package ipvsadm

import (
	"bufio"
	"errors"
	"io"
	"strings"
)

// restore does the command lines of standard input, until one has a mistake
// that ipvsadm ends at. Its error is that of the last line done.
func (s *session) restore() error {
	if s.restoring { // -R within -R
		return tryHelp(s.program)
	}
	s.restoring = true
	defer func() { s.restoring = false }()
	in := bufio.NewReader(s.stdin)
	code := 0
	for {
		text, err := in.ReadString('\n')
		if args := splitLine(text); len(args) > 0 {
			var end bool
			if code, end = s.line(args); end {
				return &ExitError{Code: code}
			}
		}
		if errors.Is(err, io.EOF) {
			return restored(code)
		}
		if err != nil {
			return &ExitError{Text: "read rules: " + err.Error(), Code: 255}
		}
	}
}

// restored is the end of a restore whose last line ended with code; the texts
// have been written already.
func restored(code int) error {
	if code == 0 {
		return nil
	}
	return &ExitError{Code: code}
}

// splitLine takes a line of rules apart at white space. There is no quoting.
// The line may begin with the word ipvsadm, as in a shell script.
func splitLine(line string) []string {
	args := strings.Fields(line)
	for len(args) > 0 && args[0] == "ipvsadm" {
		args = args[1:]
	}
	return args
}

// restoreScript is ipvsadm-restore: it clears the table, then does the lines
// of standard input that do not begin with #.
func (s *session) restoreScript() int {
	s.program = strings.TrimSuffix(s.program, restoreFace) + "ipvsadm"
	rules, err := io.ReadAll(s.stdin)
	if err != nil {
		_, _ = io.WriteString(s.stderr, "read rules: "+err.Error()+"\n")
		return 1
	}
	var kept strings.Builder
	for line := range strings.Lines(string(rules)) {
		if !strings.HasPrefix(line, "#") {
			kept.WriteString(line)
		}
	}
	s.main([]string{"-C"})
	s.stdin = strings.NewReader(kept.String())
	return s.main([]string{"-R"})
}
