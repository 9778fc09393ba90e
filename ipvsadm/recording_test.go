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
			steps = append(steps, step{line: cmd, args: splitShell(cmd)})
		case strings.HasPrefix(body, "< "), body == "<":
			s.stdin += strings.TrimPrefix(strings.TrimPrefix(body, "<"), " ") + "\n"
		case strings.HasPrefix(body, "[stderr] "):
			s.stderr += body[len("[stderr] "):] + "\n"
		case strings.HasPrefix(body, "[exit "):
			s.code = exitCode(t, body)
		case body == "[usage]":
			s.usage = true
		case body == "" || strings.HasPrefix(body, "# "):
		default:
			s.stdout += line
		}
	}
	return steps
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

// run does one step in env.
func (s *step) run(env Env) (stdout, stderr string, code int) {
	var out, err strings.Builder
	code = Run(env, s.args[0], s.args[1:], strings.NewReader(s.stdin), &out, &err)
	return out.String(), err.String(), code
}

// check does one step in env and compares everything.
func (s *step) check(t *testing.T, env Env) {
	t.Helper()
	stdout, stderr, code := s.run(env)
	if code != s.code || stderr != s.stderr {
		t.Errorf("$ %s\n got exit %d, stderr %q\nwant exit %d, stderr %q", s.line, code, stderr, s.code, s.stderr)
	}
	switch {
	case s.usage:
		if !strings.Contains(stdout, "Usage:\n") {
			t.Errorf("$ %s\nprints no usage: %q", s.line, stdout)
		}
	case stdout != s.stdout:
		t.Errorf("$ %s\n got:\n%s\nwant:\n%s", s.line, stdout, s.stdout)
	}
}
