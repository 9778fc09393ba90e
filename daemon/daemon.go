package daemon

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"ulvs/control"
	"ulvs/dataplane"
	"ulvs/dataplane/nexthop"
	"ulvs/internal/netmon"
	"ulvs/internal/sdnotify"
)

// Daemon is a running ulvs.
type Daemon struct {
	opts     Options
	log      *slog.Logger
	started  time.Time
	director *dataplane.Director
	hops     *nexthop.Table
	workers  []*worker
	ports    *portSet
	rates    *estimator
	kick     chan struct{} // something changed: look again

	announced bool // it was ready once

	syncing sync.Mutex // serialises sync, guards told
	told    told
	guard   hostGuard

	mu        sync.Mutex // guards what netmon delivers, and warnings
	links     []netmon.Link
	addresses []nexthop.Address
	warnings  []string
}

// Run is the daemon's life: it returns nil after ctx has ended and everything
// is cleaned up, or the error that kept it from starting.
func Run(ctx context.Context, o Options, log *slog.Logger) error {
	if err := o.check(); err != nil {
		return err
	}
	if o.Socket == "" {
		path, err := control.SocketPath()
		if err != nil {
			return err
		}
		o.Socket = path
	}
	listener, err := control.Listen(o.Socket)
	if err != nil {
		return err
	}
	d, err := newDaemon(o, log)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer d.close()
	if err := d.start(ctx); err != nil {
		return errors.Join(err, listener.Close())
	}
	served := make(chan error, 1)
	go func() { served <- control.Serve(ctx, listener, d) }()
	d.announceReady()
	err = d.manage(ctx, served)
	cancel()
	_, _ = sdnotify.Notify(sdnotify.Stopping)
	return err
}

// newDaemon makes the parts, none of them running.
func newDaemon(o Options, log *slog.Logger) (*Daemon, error) {
	var seed [8]byte
	_, _ = rand.Read(seed[:]) // never fails
	secret := binary.NativeEndian.Uint64(seed[:]) | 1
	hops := nexthop.New(nexthop.Config{Seed: secret})
	director, err := dataplane.New(dataplane.Config{Conns: o.Capacity, Seed: secret, Workers: o.Workers, Hops: hops})
	if err != nil {
		return nil, err
	}
	d := &Daemon{
		opts: o, log: log, started: time.Now(), director: director, hops: hops,
		rates: newEstimator(), kick: make(chan struct{}, 1),
	}
	d.ports = newPortSet(d)
	return d, nil
}

// clock is the data path's time: monotonic, from the daemon's start.
func (d *Daemon) clock() time.Duration { return time.Since(d.started) }

// start brings everything up: guard, workers, what the kernel knows, ports.
func (d *Daemon) start(ctx context.Context) error {
	for i := range d.opts.Workers {
		w, err := startWorker(d, i)
		if err != nil {
			return err
		}
		d.workers = append(d.workers, w)
	}
	if err := netmon.Start(ctx, (*watcher)(d)); err != nil {
		return fmt.Errorf("learn the kernel's links and routes: %w", err)
	}
	d.guard.open(d)
	if err := d.ports.reconcile(true); err != nil {
		return err
	}
	d.sync()
	return nil
}

// announceReady tells whoever waits that packets are forwarded from now on.
func (d *Daemon) announceReady() {
	d.announced = true
	i := d.Info()
	d.log.Info("ready", "interfaces", i.Interfaces, "workers", i.Workers, "capacity", i.Capacity,
		"table_mib", i.MemoryBytes>>20, "ring_mib", d.ports.ringBytes()>>20, "socket", i.Socket)
	if err := control.Ready(); err != nil {
		d.log.Warn("report readiness", "err", err)
	}
	if _, err := sdnotify.Notify(sdnotify.Ready); err != nil {
		d.log.Warn("notify service manager", "err", err)
	}
}

// manage reacts to changes until ctx ends or the API fails.
func (d *Daemon) manage(ctx context.Context, served <-chan error) error {
	look := time.NewTicker(lookAfter)
	defer look.Stop()
	rate := time.NewTicker(ratePeriod)
	defer rate.Stop()
	for {
		select {
		case <-ctx.Done():
			return <-served
		case err := <-served:
			return fmt.Errorf("serve the API: %w", err)
		case <-rate.C:
			views, _, total := d.director.Inspect()
			d.rates.step(views, total)
			_, _ = sdnotify.Notify(sdnotify.Status(d.status(views)))
			continue
		case <-d.kick:
			time.Sleep(settle)
		case <-look.C:
		}
		if err := d.ports.reconcile(false); err != nil {
			d.log.Warn("set up interfaces", "err", err)
		}
	}
}

// status is one line for the service manager.
func (d *Daemon) status(views []dataplane.ServiceView) string {
	servers := 0
	for i := range views {
		servers += len(views[i].Servers)
	}
	return fmt.Sprintf("%d services, %d servers, %d connections", len(views), servers, d.director.Conns().Len())
}

// wake makes the manager look.
func (d *Daemon) wake() {
	select {
	case d.kick <- struct{}{}:
	default:
	}
}

// warn keeps a sentence for Info and logs it once.
func (d *Daemon) warn(text string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, w := range d.warnings {
		if w == text {
			return
		}
	}
	d.warnings = append(d.warnings, text)
	d.log.Warn(text)
}

// close stops the workers and gives everything back.
func (d *Daemon) close() {
	for _, w := range d.workers {
		w.stop()
	}
	d.ports.close()
	if err := d.guard.close(); err != nil {
		d.log.Warn("remove guard", "err", err)
	}
	if d.announced { // else the reason why not is enough to read
		d.log.Info("stopped")
	}
}
