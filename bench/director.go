package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"ulvs/control"
	"ulvs/service"
)

// Director is ulvs itself: the daemon as users run it, in a process of its
// own with all its threads on the processor of the placement.
type Director struct {
	Method    service.Method
	Scheduler string   // "wlc" if empty
	Args      []string // added to "ulvs run"
}

// Name implements Contestant.
func (d Director) Name() string {
	name := "ulvs " + map[service.Method]string{service.DR: "DR", service.NAT: "NAT", service.Tunnel: "TUN"}[d.Method]
	for _, a := range d.Args {
		name += " " + a
	}
	return name
}

// Wiring implements Contestant.
func (d Director) Wiring() Wiring {
	return Wiring{
		ServerVIP: d.Method == service.DR,
		Direct:    d.Method != service.NAT,
		Tunnel:    d.Method == service.Tunnel,
	}
}

// Start implements Contestant.
func (d Director) Start(ctx context.Context, t *Topology) (func() error, error) {
	p, err := startDaemon(ctx, t, d.Args...)
	if err != nil {
		return nil, err
	}
	if err := d.configure(ctx, p.client, t); err != nil {
		return nil, errors.Join(err, p.stop())
	}
	if !d.Wiring().Tunnel {
		return p.stop, nil
	}
	tunnel, err := startDecap(ctx, t)
	if err != nil {
		return nil, errors.Join(err, p.stop())
	}
	return func() error { return errors.Join(tunnel.stop(), p.stop()) }, nil
}

// configure gives the daemon the services of the topology.
func (d Director) configure(ctx context.Context, c *control.Client, t *Topology) error {
	scheduler := d.Scheduler
	if scheduler == "" {
		scheduler = "wlc"
	}
	for _, e := range t.Services {
		vs := service.VirtualService{
			Key:       service.Key{Protocol: e.Protocol, Addr: t.VIP, Port: e.Port},
			Scheduler: scheduler,
		}
		if err := c.Apply(ctx, service.Change{Op: service.AddService, Service: vs}); err != nil {
			return err
		}
		for _, real := range t.Reals {
			rs := service.RealServer{Addr: real, Port: e.Port, Method: d.Method, Weight: 1}
			if err := c.Apply(ctx, service.Change{Op: service.AddServer, Service: vs, Server: rs}); err != nil {
				return err
			}
		}
	}
	return nil
}

// daemonProcess is a running daemon.
type daemonProcess struct {
	*process
	dir    string
	client *control.Client
}

// startDaemon starts a daemon in the director's namespace and waits until it
// answers.
func startDaemon(ctx context.Context, t *Topology, args ...string) (*daemonProcess, error) {
	return startDaemonWith(ctx, t, nil, args)
}

// startDaemonWith does so with more environment variables.
func startDaemonWith(ctx context.Context, t *Topology, env, args []string) (*daemonProcess, error) {
	dir, err := os.MkdirTemp("", "ulvs-bench-")
	if err != nil {
		return nil, fmt.Errorf("make folder for the socket: %w", err)
	}
	socket := filepath.Join(dir, "s")
	p := &daemonProcess{dir: dir, client: control.NewClient(socket)}
	p.process, err = start(command{
		ns: t.Director, cpu: t.Place.Director, name: t.env.Binary, env: env,
		args: append([]string{"run", "--socket", socket, "--log-level", "error"}, args...),
	})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := p.ready(ctx); err != nil {
		return nil, errors.Join(err, p.stop())
	}
	return p, nil
}

// ready waits until the daemon answers.
func (p *daemonProcess) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	for {
		_, err := p.client.Info(ctx)
		if err == nil {
			return nil
		}
		if ended := p.running(); ended != nil {
			return ended
		}
		if pause(ctx, lookEvery) != nil {
			return fmt.Errorf("wait for ulvs: %w", err)
		}
	}
}

// cpuTime is what all threads of the daemon have used.
func (p *daemonProcess) cpuTime() (time.Duration, error) {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", p.cmd.Process.Pid))
	if err != nil || len(files) == 0 {
		return 0, errors.Join(err, p.running())
	}
	var sum time.Duration
	for _, file := range files {
		var ns int64 // on the processor (kernel Documentation/scheduler/sched-stats.rst)
		text, err := os.ReadFile(file)
		if err == nil {
			_, err = fmt.Sscan(string(text), &ns)
		}
		if err != nil {
			return 0, fmt.Errorf("read time of ulvs: %w", err)
		}
		sum += time.Duration(ns)
	}
	return sum, nil
}

// stop ends the daemon.
func (p *daemonProcess) stop() error {
	p.client.Close()
	return errors.Join(p.process.stop(), os.RemoveAll(p.dir))
}

// startDecap starts the servers' end of the tunnels.
func startDecap(ctx context.Context, t *Topology) (*process, error) {
	p, err := start(command{
		ns: t.Server, cpu: t.Place.Server, name: t.env.Binary,
		args: []string{"decap", "--director", directorOut.Addr().String(), "--vip", t.VIP.String()},
	})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	for {
		if _, err := t.Server.Index("ulvs-decap"); err == nil {
			return p, nil
		}
		if err := errors.Join(p.running(), pause(ctx, lookEvery)); err != nil {
			return nil, errors.Join(fmt.Errorf("wait for decapsulator: %w", err), p.stop())
		}
	}
}
