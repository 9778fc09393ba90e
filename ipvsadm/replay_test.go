package ipvsadm

import (
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const formats = "testdata/output-formats/"

// replay does all ipvsadm commands of a file in env and compares text and exit
// code.
func replay(t *testing.T, env Env, path string, skip func(*step) bool) {
	t.Helper()
	for _, s := range readRecording(t, path) {
		if IsFace(s.args[0]) && !skip(&s) {
			s.check(t, env)
		}
	}
}

// isSync tells the commands of the synchronisation daemon, which ulvs has not.
func isSync(s *step) bool {
	return s.code != 2 && (strings.Contains(s.line, "--start-daemon") ||
		strings.Contains(s.line, "-L --daemon") || strings.Contains(s.line, "--stop-daemon") && s.code == 0)
}

// isRemark tells the lines of the help recording that describe the output
// instead of showing it.
func isRemark(s *step) bool {
	return strings.Contains(s.line, "the usage") || strings.Contains(s.line, "the same")
}

func TestRecordedFormats(t *testing.T) {
	for _, c := range []struct {
		boot  uint8
		files []string
	}{
		{0, []string{"00-empty.txt"}},
		{96, []string{"01-setup.txt", "02-list-no-traffic.txt"}},
		{0, []string{"05-timeout-daemon-set.txt"}},
		{0, []string{"10-errors.txt"}},
		{0, []string{"11-restore.txt"}},
		{0, []string{"12-help.txt"}},
		{0, []string{"14-edit-resets.txt"}},
	} {
		t.Run(c.files[0], func(t *testing.T) {
			env := newFakeEnv()
			env.boot = c.boot
			for _, f := range c.files {
				replay(t, env, formats+f, func(s *step) bool { return isSync(s) || isRemark(s) })
			}
		})
	}
}

func TestRecordedGrammar(t *testing.T) {
	for name, boot := range map[string]uint8{"01-words.txt": 144, "02-values.txt": 0, "03-checks.txt": 0} {
		t.Run(name, func(t *testing.T) {
			env := newFakeEnv()
			env.boot = boot
			replay(t, env, "testdata/grammar/"+name, isSync)
		})
	}
}

func TestRecordedNames(t *testing.T) {
	env := newFakeEnv()
	for addr, name := range map[string]string{
		"127.0.0.1": "localhost", "::1": "ip6-localhost", "198.51.100.1": "vip.example.com",
		"2001:db8:2::1": "vip6.example.com", "203.0.113.1": "rs1", "2001:db8:3::1": "rs6",
	} {
		env.hosts[netip.MustParseAddr(addr)] = name
	}
	replay(t, env, "testdata/grammar/04-names.txt", isSync)
}

// TestRecordedMatrix holds every pairing of commands and options against the
// real tool: "arguments => exit code standard error".
func TestRecordedMatrix(t *testing.T) {
	for _, f := range []string{"matrix.txt", "order.txt"} {
		text, err := os.ReadFile(filepath.Join("testdata/grammar", f))
		if err != nil {
			t.Fatal(err)
		}
		env := newFakeEnv()
		for line := range strings.Lines(string(text)) {
			args, want, ok := strings.Cut(strings.TrimSpace(line), " => ")
			if !ok || strings.HasPrefix(line, "#") {
				continue
			}
			s := step{line: args, args: splitShell("ipvsadm " + args)}
			_, stderr, code := s.run(env)
			got := strings.TrimSpace(strconv.Itoa(code) + " " + strings.ReplaceAll(strings.TrimSuffix(stderr, "\n"), "\n", `\n`))
			if got != want && !strings.HasPrefix(args, "--start-daemon master") && args != "--stop-daemon master" {
				t.Errorf("%s\n got %s\nwant %s", args, got, want)
			}
		}
	}
}

func TestRecordedNotRoot(t *testing.T) {
	env := newFakeEnv()
	env.denied = true
	for _, s := range readRecording(t, formats+"13-not-root.txt")[1:] {
		s.args = s.args[4:] // without setpriv and its options
		s.check(t, env)
	}
}
