package ipvsadm

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"ulvs/control/api"
	"ulvs/service"
)

// together is an Env that makes many changes at once.
type together struct {
	*fakeEnv
	lengths *[]int // of the batches
}

func (e together) ApplyAll(changes []service.Change) (errs []error) {
	if e.lengths != nil {
		*e.lengths = append(*e.lengths, len(changes))
	}
	for _, c := range changes {
		errs = append(errs, e.Apply(c))
	}
	return errs
}

// TestRestoreTogether: changes made together leave the same table, the same
// texts in the same order and the same code as line by line.
func TestRestoreTogether(t *testing.T) {
	lines := []string{
		"-A -t 198.51.100.1:80 -s rr", "-A -t 198.51.100.2:80 -s nosuch", "-a -t 198.51.100.1:80 -r 203.0.113.1 -g",
		"-a -t 198.51.100.1:80 -r 203.0.113.2:8080 -m -w 3", "-e -t 198.51.100.1:80 -r 203.0.113.2:8080 -m -x 1 -y 2",
		"-d -t 198.51.100.1:80 -r 203.0.113.1", "-D -t 198.51.100.1:80", "-C", "-Ln", "-S", "-Z -t 198.51.100.1:80",
		"ipvsadm -A -u 198.51.100.1:53", "", "# remark", "-A -t 198.51.100.1:80 -q", "--set 1 2 3", "-R",
	}
	rapid.Check(t, func(t *rapid.T) {
		rules := strings.Join(rapid.SliceOf(rapid.SampledFrom(lines)).Draw(t, "rules"), "\n")
		s := step{line: "-R", args: []string{"ipvsadm", "-R"}, stdin: rules}
		single, all := newFakeEnv(), newFakeEnv()
		if one, many := s.run(single), s.run(together{fakeEnv: all}); one != many {
			t.Fatalf("%s\nline by line %+v\ntogether %+v", rules, one, many)
		}
		if one, many := tableText(single.table.Services()), tableText(all.table.Services()); one != many {
			t.Fatalf("%s\nline by line\n%s\ntogether\n%s", rules, one, many)
		}
	})
}

// TestRestoreInOneRequest: a thousand rules that are there are not done one by
// one.
func TestRestoreInOneRequest(t *testing.T) {
	var lengths []int
	var rules strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&rules, "-A -t 198.51.%d.%d:80 -s rr\n", 100+i/250, 1+i%250)
	}
	env := together{newFakeEnv(), &lengths}
	if code := restoreInto(env, rules.String()); code != 0 || len(env.table.Services()) != 1000 || len(lengths) > 2 {
		t.Errorf("exit %d, %d services in %v", code, len(env.table.Services()), lengths)
	}
}

// TestRestoreAsTyped: a line is done when it is there, not when more come.
func TestRestoreAsTyped(t *testing.T) {
	in, out := io.Pipe()
	env, done := newFakeEnv(), make(chan int)
	said, say := io.Pipe()
	go func() {
		done <- Run(together{fakeEnv: env}, "ipvsadm", []string{"-R"}, in, io.Discard, say)
	}()
	for range 3 { // each answer comes before the next line
		if _, err := io.WriteString(out, "-D -t 198.51.100.1:80\n"); err != nil {
			t.Fatal(err)
		}
		text := make([]byte, 100)
		if n, err := said.Read(text); err != nil || string(text[:n]) != "No such service\n" {
			t.Fatalf("%q, %v", text[:n], err)
		}
	}
	out.Close()
	if code := <-done; code != 255 {
		t.Errorf("exit %d", code)
	}
}

// absent is an Env that nobody answers for.
type absent struct {
	*fakeEnv
	asked int
}

func (e *absent) Apply(service.Change) error {
	e.asked++
	return api.Errorf(api.Unreachable, "no daemon")
}

// TestRestoreWithoutDaemon: what cannot be started is tried once.
func TestRestoreWithoutDaemon(t *testing.T) {
	env := &absent{fakeEnv: newFakeEnv()}
	if code := restoreInto(env, "-C\n-C\n-C\n"); code != 2 || env.asked != 1 {
		t.Errorf("exit %d, asked %d times", code, env.asked)
	}
}
