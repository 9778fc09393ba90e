package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"ulvs/lab"
)

// shell is a person at a host's prompt: ipvsadm and its companions are ulvs,
// nobody has started a daemon.
type shell struct {
	n   *network
	t   *testing.T
	h   *lab.Host
	dir string // the current folder
	env []string
}

// answer is what a command has left.
type answer struct {
	out, err string
	code     int
}

// login opens a shell on the director.
func (n *network) login(t *testing.T) *shell {
	t.Helper()
	s := &shell{n: n, t: t, h: n.Director, dir: t.TempDir()}
	for _, name := range []string{"ulvs", "ipvsadm", "ipvsadm-save", "ipvsadm-restore"} {
		check(t, os.Symlink(binary, filepath.Join(s.dir, name)))
	}
	s.env = append(os.Environ(), "PATH="+s.dir+":"+os.Getenv("PATH"))
	t.Cleanup(func() {
		if pid := s.daemon(); pid != 0 {
			s.end(pid)
		}
	})
	return s
}

// types runs a line as the shell would.
func (s *shell) types(line string) answer {
	s.t.Helper()
	var out, complaints strings.Builder
	cmd := exec.CommandContext(within(s.t, patience), "sh", "-c", line)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = s.dir, s.env, &out, &complaints
	err := s.h.Start(cmd)
	if err == nil {
		err = cmd.Wait()
	}
	return answer{out.String(), complaints.String(), exitStatus(err)}
}

// does runs a line that must work and say nothing on standard error.
func (s *shell) does(line string) string {
	s.t.Helper()
	a := s.types(line)
	if a.code != 0 || a.err != "" {
		s.t.Errorf("%s: exit %d: %s", line, a.code, a.err)
	}
	return a.out
}

// session runs lines as they would be seen in a terminal: "$ command", then
// exactly what it prints. A look at connections is repeated for a while: the
// packets that end them may come after the client has left.
func (s *shell) session(transcript string) {
	s.t.Helper()
	for _, part := range regexp.MustCompile(`(?m)^\$ `).Split(strings.TrimPrefix(transcript, "\n"), -1)[1:] {
		line, want, _ := strings.Cut(part, "\n")
		var got string
		right := func() bool {
			got = s.does(line)
			return got == want || !looks.MatchString(line)
		}
		if eventually(patience, right); got != want {
			s.t.Errorf("$ %s\nprinted\n%s\nwant\n%s", line, got, want)
		}
	}
}

// looks are the commands that change nothing.
var looks = regexp.MustCompile(`^ipvsadm( -[Ll].*)?$`)

// refused runs a line that must fail, as it would be seen in a terminal, and
// print nothing else.
func (s *shell) refused(line, complaint string, code int) {
	s.t.Helper()
	if a := s.types(line); a.out != "" || a.err != complaint+"\n" || a.code != code {
		s.t.Errorf("$ %s\nprinted %q and on standard error %q, exit %d, want %q, exit %d", line, a.out, a.err, a.code, complaint+"\n", code)
	}
}

// status is what "ulvs status --json" says.
type status struct {
	PID        int      `json:"pid"`
	Socket     string   `json:"socket"`
	Interfaces []string `json:"interfaces"`
	Warnings   []string `json:"warnings"`
}

// status asks the namespace's daemon, if there is one.
func (s *shell) status() (st status, ok bool) {
	s.t.Helper()
	a := s.types("ulvs status --json")
	if a.code == 3 {
		return st, false
	}
	if err := json.Unmarshal([]byte(a.out), &st); err != nil || a.code != 0 {
		s.t.Errorf("ulvs status: exit %d, %v: %s", a.code, err, a.err)
	}
	return st, true
}

// daemon returns the process id of the namespace's daemon, 0 if there is none.
func (s *shell) daemon() int {
	s.t.Helper()
	st, _ := s.status()
	return st.PID
}

// end ends a daemon as a service manager does.
func (s *shell) end(pid int) {
	s.t.Helper()
	check(s.t, syscall.Kill(pid, syscall.SIGTERM))
	if !eventually(patience, func() bool { return gone(pid) }) {
		s.t.Errorf("daemon %d does not end", pid)
	}
}
