package ipvsadm

import (
	"path"
	"slices"
	"strings"
	"testing"

	"ulvs/procfs"
)

// answer is what a command has printed and left.
type answer struct {
	stdout, stderr string
	code           int
}

// run does one step in env: ipvsadm or a companion of it, or a look at a file
// of ip_vs below /proc/net.
func (s *step) run(env Env) (a answer) {
	var out, err strings.Builder
	args := s.args
	switch {
	case args[0] == "cat":
		return lookAt(env, args[1])
	case args[0] == "busybox": // su nobody -c 'ipvsadm -Ln' 2>&1 || true
		Run(env, "ipvsadm", []string{"-Ln"}, nil, &out, &out)
		return answer{stdout: out.String()}
	case args[0] == "setpriv": // and its options
		args = args[4:]
	}
	a.code = Run(env, args[0], args[1:], strings.NewReader(s.stdin), &out, &err)
	a.stdout, a.stderr = out.String(), err.String()
	return a
}

// lookAt is "cat path".
func lookAt(env Env, file string) answer {
	name := path.Base(file)
	if !slices.Contains(procfs.Names(), name) {
		return answer{stderr: "cat: " + file + ": No such file or directory\n", code: 1}
	}
	var out strings.Builder
	if err := procfs.Write(&out, name, env); err != nil {
		return answer{stderr: err.Error() + "\n", code: 1}
	}
	return answer{stdout: out.String()}
}

// want is what the real tool has answered.
func (s *step) want() answer { return answer{s.stdout, s.stderr, s.code} }

// A replayer runs recorded commands and compares, and counts the differences
// that are meant.
type replayer struct {
	t    *testing.T
	seen map[string]int // by name of the difference
}

// check does one step in env and compares everything.
func (r *replayer) check(env Env, s *step) {
	r.t.Helper()
	got, want := s.run(env), s.want()
	if s.usage && strings.Contains(got.stdout, "Usage:\n") {
		got.stdout = want.stdout
		r.seen[ownHelp]++
	}
	if got == want {
		return
	}
	for _, d := range differences {
		if ours, differs := d.answer(s); differs && got == ours {
			r.seen[d.name]++
			return
		}
	}
	r.t.Errorf("$ %s\n got exit %d, stderr %q\n%s\nwant exit %d, stderr %q\n%s",
		s.line, got.code, got.stderr, got.stdout, want.code, want.stderr, want.stdout)
}
