package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// closeTimeout is how long a lab may take to clean up after it was told to
// end; then its first process is killed, and the kernel cleans up.
const closeTimeout = stopTimeout + 5*time.Second

// outcomeFD is the descriptor on which the sandbox reports its outcome, the
// first of exec.Cmd.ExtraFiles.
const outcomeFD = 3

// outcome ends a demo's report: nothing more is printed after it.
type outcome struct {
	Problem string `json:"problem"` // empty if all was well
}

// Run shows a forwarding mode as the lab face does: it builds the network,
// runs the director, sends the requests, prints what happened to o.Out and
// takes everything away, also when ctx ends early. With o.Keep the lab stays
// up when Run returns.
//
// The error is a *UsageError for an option that is not accepted. A
// distribution other than the scheduler's promise is an error too.
func Run(ctx context.Context, o Options) error {
	if err := o.complete(); err != nil {
		return err
	}
	k, err := pickKind(o.Binary)
	if err != nil {
		return err
	}
	d := &demoProcess{cmd: k.command(o.Binary, hostFace, roleDemo)}
	// A session of its own: Ctrl-C is ours to handle, and a lab that is kept
	// outlives the terminal.
	d.cmd.SysProcAttr.Setsid = true
	if err := d.start(o); err != nil {
		return fmt.Errorf("start lab: %w", err)
	}
	return d.finish(ctx, o.Keep)
}

// demoProcess is the first process of the sandbox seen from outside: its
// standard input carries the options and then holds its leash, its output is
// copied until the outcome has come.
type demoProcess struct {
	cmd     *exec.Cmd
	leash   *os.File
	outcome *os.File
	copied  sync.WaitGroup
}

func (d *demoProcess) start(o Options) error {
	var pipes [3][2]*os.File // standard input, output, outcome: read end, write end
	for i := range pipes {
		r, w, err := os.Pipe()
		if err != nil {
			return err
		}
		pipes[i] = [2]*os.File{r, w}
	}
	d.cmd.Stdin, d.cmd.Stdout, d.cmd.Stderr = pipes[0][0], pipes[1][1], os.Stderr
	d.cmd.ExtraFiles = []*os.File{pipes[2][1]}
	err := d.cmd.Start()
	for _, f := range []*os.File{pipes[0][0], pipes[1][1], pipes[2][1]} {
		_ = f.Close() // the child has them
	}
	if err != nil {
		return err
	}
	d.leash, d.outcome = pipes[0][1], pipes[2][0]
	d.copied.Go(func() { _, _ = io.Copy(o.Out, pipes[1][0]) })
	return json.NewEncoder(d.leash).Encode(o)
}

// finish waits for the outcome and, unless the lab is kept, for the end of
// the process. A done ctx lets go of the leash.
func (d *demoProcess) finish(ctx context.Context, keep bool) error {
	stop := context.AfterFunc(ctx, func() { _ = d.leash.Close() })
	defer stop()
	limit := context.AfterFunc(ctx, func() {
		time.AfterFunc(closeTimeout, func() { _ = d.cmd.Process.Kill() })
	})
	defer limit()
	var out outcome
	err := json.NewDecoder(d.outcome).Decode(&out)
	d.copied.Wait()
	if err == nil && keep && ctx.Err() == nil {
		return problem(out)
	}
	_ = d.leash.Close()
	ended := d.cmd.Wait()
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("lab interrupted: %w", ctx.Err())
	case err != nil:
		return fmt.Errorf("lab ended without a result: %w", errors.Join(err, ended))
	}
	return problem(out)
}

func problem(out outcome) error {
	if out.Problem == "" {
		return nil
	}
	return errors.New(out.Problem)
}

// demo is the first process in the sandbox.
func demo(ctx context.Context, _ []string) error {
	var o Options
	input := json.NewDecoder(os.Stdin)
	if err := input.Decode(&o); err != nil {
		return fmt.Errorf("read options: %w", err)
	}
	run, letGo := context.WithCancel(ctx)
	defer letGo()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		letGo()
	}()
	l, err := show(run, o)
	if l == nil || !o.Keep || run.Err() != nil {
		return report(errors.Join(err, l.Close()))
	}
	if err := report(err); err != nil {
		return err
	}
	<-ctx.Done() // a signal: the leash is no longer held
	return l.Close()
}

// report tells the outcome and lets go of everything outside, so that whoever
// waits for the end of our output sees it.
func report(err error) error {
	out := outcome{}
	if err != nil {
		out.Problem = err.Error()
	}
	f := os.NewFile(outcomeFD, "outcome")
	defer f.Close()
	if err := json.NewEncoder(f).Encode(out); err != nil {
		return fmt.Errorf("report outcome: %w", err)
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	for fd := 1; fd <= 2; fd++ {
		if err := unix.Dup2(int(null.Fd()), fd); err != nil {
			return fmt.Errorf("let go of output: %w", err)
		}
	}
	return nil
}
