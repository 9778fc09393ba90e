package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"ulvs/control"
	"ulvs/internal/netns"
	"ulvs/service"
)

// Director is ulvs itself: the daemon as users run it, in a process of its
// own with all its threads on processor DirectorCPU.
type Director struct {
	Binary    string // the ulvs program
	Method    service.Method
	Scheduler string
	Args      []string // added to "ulvs run"
}

// Name implements Contestant.
func (d Director) Name() string {
	name := "ulvs " + d.Method.String() + " " + d.Scheduler
	for _, a := range d.Args {
		name += " " + a
	}
	return name
}

// Times for the daemon: rings are large.
const (
	readyWithin = 30 * time.Second
	lookEvery   = 10 * time.Millisecond
)

// Start implements Contestant.
func (d Director) Start(ctx context.Context, t *Topology) (func() error, error) {
	dir, err := os.MkdirTemp("", "ulvs-bench-")
	if err != nil {
		return nil, fmt.Errorf("make folder for the socket: %w", err)
	}
	p := &directorProcess{dir: dir}
	args := append([]string{"run", "--socket", p.socket(), "--log-level", "error"}, d.Args...)
	p.cmd = t.Director.Command(d.Binary, args...)
	p.cmd.Stderr = os.Stderr
	if err := p.cmd.Start(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := p.prepare(ctx, d, t); err != nil {
		return nil, errors.Join(err, p.stop())
	}
	return p.stop, nil
}

// directorProcess is a running daemon.
type directorProcess struct {
	cmd *netns.Cmd
	dir string
}

func (p *directorProcess) socket() string { return filepath.Join(p.dir, "s") }

// prepare waits for the daemon, pins it and gives it its service.
func (p *directorProcess) prepare(ctx context.Context, d Director, t *Topology) error {
	c := control.NewClient(p.socket())
	defer c.Close()
	deadline := time.Now().Add(readyWithin)
	for {
		_, err := c.Info(ctx)
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("wait for ulvs: %w", err)
		}
		if err := pause(ctx, lookEvery); err != nil {
			return err
		}
	}
	if err := p.pin(); err != nil {
		return err
	}
	vs := service.VirtualService{
		Key:       service.Key{Protocol: service.UDP, Addr: t.VIP.Addr(), Port: t.VIP.Port()},
		Scheduler: d.Scheduler,
	}
	rs := service.RealServer{Addr: t.Real.Addr(), Port: t.Real.Port(), Method: d.Method, Weight: 1}
	return errors.Join(
		c.Apply(ctx, service.Change{Op: service.AddService, Service: vs}),
		c.Apply(ctx, service.Change{Op: service.AddServer, Service: vs, Server: rs}),
	)
}

// pin fixes every thread of the process; those to come inherit it.
func (p *directorProcess) pin() error {
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", p.cmd.Process.Pid))
	if err != nil {
		return fmt.Errorf("list threads of ulvs: %w", err)
	}
	for _, t := range tasks {
		tid, err := strconv.Atoi(t.Name())
		if err != nil {
			return fmt.Errorf("list threads of ulvs: %w", err)
		}
		if err := PinProcess(tid, DirectorCPU); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("fix ulvs to processor %d: %w", DirectorCPU, err)
		}
	}
	return nil
}

// stop ends the daemon.
func (p *directorProcess) stop() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // fails only if it has ended
	_ = p.cmd.Wait()
	return os.RemoveAll(p.dir)
}
