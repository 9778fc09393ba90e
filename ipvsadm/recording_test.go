package ipvsadm

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// step is one recorded command.
type step struct {
	line   string // as typed
	args   []string
	stdin  string
	stdout string
	stderr string
	usage  bool // the usage text, which is not recorded, stood here
	code   int
	done   bool   // all of it was read
	later  string // what a repetition of the command, seconds later, has shown
}

// readRecording reads a file of recorded commands.
func readRecording(t testing.TB, path string) []step {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var steps []step
	for line := range strings.Lines(string(text)) {
		s := &step{}
		if len(steps) > 0 {
			s = &steps[len(steps)-1]
		}
		switch body := strings.TrimSuffix(line, "\n"); {
		case strings.HasPrefix(body, "$ "):
			cmd := body[2:]
			steps = append(steps, command(cmd))
		case strings.HasPrefix(body, "< "), body == "<":
			s.stdin += strings.TrimPrefix(strings.TrimPrefix(body, "<"), " ") + "\n"
		case strings.HasPrefix(body, "[stderr] "):
			s.stderr += body[len("[stderr] "):] + "\n"
		case strings.HasPrefix(body, "[exit "):
			s.code, s.done = exitCode(t, body), true
		case body == "[usage]":
			s.usage = true
		case s.done, strings.HasPrefix(body, "# "), len(steps) == 0: // between steps
		default:
			s.stdout += line
		}
	}
	return steps
}

// command is a step as it was typed, without what came of it.
func command(line string) step {
	line, remark, remarked := strings.Cut(line, "  ") // "--help    prints the usage": not recorded
	if remarked && !strings.Contains(remark, "the ") {
		line, remarked = line+"  "+remark, false
	}
	return step{line: line, args: splitShell(line), usage: remarked}
}

func exitCode(t testing.TB, body string) int {
	code, err := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(body, "[exit "), "]"))
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// splitShell takes a recorded shell command apart: words and plain quotes.
func splitShell(line string) []string {
	var words []string
	var word strings.Builder
	var quote rune
	started := false
	for _, r := range line + " " {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, started = r, true
		case r == ' ':
			if started {
				words = append(words, word.String())
			}
			word.Reset()
			started = false
		default:
			word.WriteRune(r)
			started = true
		}
	}
	return slices.DeleteFunc(words, func(w string) bool { return w == "</dev/null" })
}
