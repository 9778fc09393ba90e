package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"ulvs/internal/netns"
)

// command is a program to be run on a host of the topology.
type command struct {
	ns    *netns.NS
	cpu   int // that it is fixed to, or anyCPU
	name  string
	args  []string
	env   []string // added to ours
	stdin io.Reader
	// group gives it process numbers of its own, so that processes it leaves
	// behind end with it.
	group bool
}

// process is a running command. Its end is awaited by one goroutine.
type process struct {
	cmd  *exec.Cmd
	name string
	done chan struct{} // closed when it has ended
	err  error         // how, after done
	out  bytes.Buffer  // after done
	errs bytes.Buffer  // after done
}

// stopWithin is how long a process may take to end when told to; then it is
// killed.
const stopWithin = 5 * time.Second

// spawner is the thread that starts all processes. The kernel ends a child when
// the thread that made it ends, and this one lasts as long as we do: whatever
// happens to us, no child stays behind.
var spawner = sync.OnceValue(func() chan<- func() {
	jobs := make(chan func())
	go func() {
		runtime.LockOSThread()
		for job := range jobs {
			job()
		}
	}()
	return jobs
})

// start runs a command.
func start(c command) (*process, error) {
	p := &process{name: c.name, cmd: exec.Command(c.name, c.args...), done: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), c.env...)
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = c.stdin, &p.out, &p.errs
	p.cmd.WaitDelay = stopWithin
	// A group of its own: Ctrl-C is for us, who end it in order.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if c.group {
		p.cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWPID
	}
	ended := make(chan error)
	spawner() <- func() { ended <- p.spawn(c) }
	if err := <-ended; err != nil {
		return nil, fmt.Errorf("start %s: %w", c.name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// spawn starts the process from a thread in its namespace and on its processor,
// both of which it inherits.
func (p *process) spawn(c command) (err error) {
	if err := affine(0, c.cpu); err != nil {
		return err
	}
	entering := c.ns.Do(func() { err = p.cmd.Start() })
	return errors.Join(entering, err)
}

// allCPUs are the processors that this process had at its start.
var allCPUs = sync.OnceValue(func() (set unix.CPUSet) {
	if unix.SchedGetaffinity(os.Getpid(), &set) != nil {
		for cpu := range runtime.NumCPU() {
			set.Set(cpu)
		}
	}
	return set
})

// affine fixes a thread, 0 for the calling one, to a processor or to all. A
// machine with fewer processors leaves it free.
func affine(tid, cpu int) error {
	set := allCPUs()
	if cpu != anyCPU && set.IsSet(cpu) {
		set.Zero()
		set.Set(cpu)
	}
	return unix.SchedSetaffinity(tid, &set)
}

// running returns an error if the process has ended.
func (p *process) running() error {
	select {
	case <-p.done:
		return fmt.Errorf("%s has ended: %w", p.name, p.failure())
	default:
		return nil
	}
}

// failure is what a process that has ended says went wrong.
func (p *process) failure() error {
	text := strings.TrimSpace(p.errs.String() + p.out.String())
	if len(text) > 500 {
		text = "..." + text[len(text)-500:]
	}
	return fmt.Errorf("%w: %s", errors.Join(p.err, exitOf(p.err)), strings.ReplaceAll(text, "\n", "; "))
}

func exitOf(err error) error {
	if err == nil {
		return errors.New("exit status 0")
	}
	return nil
}

// stop ends the process and all it has started.
func (p *process) stop() error {
	p.signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(stopWithin):
	}
	p.signal(syscall.SIGKILL)
	<-p.done
	return nil
}

// signal reaches the whole group, or nobody if it has ended.
func (p *process) signal(s syscall.Signal) { _ = syscall.Kill(-p.cmd.Process.Pid, s) }

// output runs a command to its end and returns what it printed.
func output(ctx context.Context, c command) ([]byte, error) {
	p, err := start(c)
	if err != nil {
		return nil, err
	}
	select {
	case <-p.done:
	case <-ctx.Done():
		return nil, errors.Join(ctx.Err(), p.stop())
	}
	if p.err != nil {
		return nil, fmt.Errorf("%s %s: %w", c.name, strings.Join(c.args, " "), p.failure())
	}
	return p.out.Bytes(), nil
}
