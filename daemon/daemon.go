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
	"ulvs/internal/hugemem"
	"ulvs/internal/netmon"
	"ulvs/internal/sdnotify"
	"ulvs/sysctl"
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
	endNews  func()        // ends netmon; nil: it has not begun

	announced bool // it was ready once

	setting sync.Mutex // serialises SetSettings
	marking sync.Mutex // serialises changes of the mark rules
	syncing sync.Mutex // serialises sync, guards told
	told    told
	guard   hostGuard
	table   []byte    // the connection table's memory
	taken   sync.Once // for table, when there is something to balance
	tracing tracing

	mu        sync.Mutex // guards what netmon delivers, and warnings
	links     []netmon.Link
	addresses []nexthop.Address
	warnings  warnings
}

// Run is the daemon's life: it returns nil after ctx has ended and everything
// is cleaned up, or the error that kept it from starting. The namespace is
// given free last, so that the next daemon finds nothing of this one.
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
	lock, err := control.TakeLock(ctx, o.Socket)
	if err != nil {
		return err
	}
	d, err := newDaemon(o, log)
	if err == nil {
		err = d.live(ctx, lock)
	}
	return errors.Join(err, lock.Close())
}

// live is Run while the namespace is ours.
func (d *Daemon) live(ctx context.Context, lock *control.Lock) error {
	listener, err := control.Listen(d.opts.Socket)
	if err != nil {
		return err
	}
	defer d.close()
	if err := d.start(); err != nil {
		return errors.Join(err, listener.Close())
	}
	proc, err := d.openProcDir()
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer d.closeProcDir(proc)
	serving, endServing := context.WithCancel(context.Background())
	defer endServing()
	served := make(chan error, 1)
	go func() { served <- control.Serve(serving, listener, d) }()
	d.announceReady()
	err = d.manage(ctx, served)
	lock.Stopping()
	_, _ = sdnotify.Notify(sdnotify.Stopping)
	endServing()
	if err != nil { // the API has ended by itself
		return err
	}
	return <-served
}

// newDaemon makes the parts, none of them running.
func newDaemon(o Options, log *slog.Logger) (*Daemon, error) {
	var seed [8]byte
	_, _ = rand.Read(seed[:]) // never fails
	secret := binary.NativeEndian.Uint64(seed[:]) | 1
	hops := nexthop.New(nexthop.Config{Seed: secret})
	mem, err := hugemem.Alloc(dataplane.ConnBytes(o.Capacity))
	if err != nil {
		return nil, fmt.Errorf("make connection table of %d (--capacity): %w", o.Capacity, err)
	}
	director, err := dataplane.New(dataplane.Config{Conns: o.Capacity, Seed: secret, Workers: o.Workers, Hops: hops, Memory: mem})
	if err != nil {
		return nil, err
	}
	settings, err := sysctl.Defaults().SetAll(o.Settings)
	if err != nil { // check has looked
		return nil, err
	}
	director.SetSettings(settings)
	d := &Daemon{
		opts: o, log: log, started: time.Now(), director: director, hops: hops,
		rates: newEstimator(), kick: make(chan struct{}, 1), table: mem,
	}
	d.ports = newPortSet(d)
	d.tracing.in = d.inLanes
	return d, nil
}

// clock is the data path's time: monotonic, from the daemon's start.
func (d *Daemon) clock() time.Duration { return time.Since(d.started) }

// start brings everything up: guard, workers, what the kernel knows, ports.
func (d *Daemon) start() error {
	letRun(d.opts.Workers)
	for i := range d.opts.Workers {
		w, err := startWorker(d, i)
		if err != nil {
			return err
		}
		d.workers = append(d.workers, w)
	}
	news, endNews := context.WithCancel(context.Background())
	wait, err := netmon.Start(news, (*watcher)(d))
	if err != nil {
		endNews()
		return fmt.Errorf("learn the kernel's links and routes: %w", err)
	}
	d.endNews = func() { endNews(); wait() }
	d.guard.open(d)
	if err := d.ports.reconcile(true); err != nil {
		return err
	}
	d.ports.chooseSending()
	return d.sync()
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

// manage reacts to changes until ctx ends, or returns the API's failure.
func (d *Daemon) manage(ctx context.Context, served <-chan error) error {
	look := time.NewTicker(lookAfter)
	defer look.Stop()
	rate := time.NewTicker(ratePeriod)
	defer rate.Stop()
	alive, stop := watchdog()
	defer stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-served:
			return fmt.Errorf("serve the API: %w", err)
		case <-rate.C:
			views, _, total := d.director.Inspect()
			if d.director.Settings().RunEstimation {
				d.rates.step(views, total)
			}
			_, _ = sdnotify.Notify(sdnotify.Status(d.status(views)))
			continue
		case <-alive:
			_, _ = sdnotify.Notify(sdnotify.Watchdog)
			continue
		case <-d.kick:
			time.Sleep(settle)
		case <-look.C:
		}
		d.upkeep()
	}
}

// watchdog ticks as often as the service manager wants to hear that the
// manager's loop goes round; never, if it does not.
func watchdog() (tick <-chan time.Time, stop func()) {
	interval := sdnotify.WatchdogInterval()
	if interval == 0 {
		return nil, func() {}
	}
	t := time.NewTicker(interval)
	return t.C, t.Stop
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

// close stops the workers and gives everything back. The kernel's news end
// first: a link that appears must not be hooked or opened any more.
func (d *Daemon) close() {
	if d.endNews != nil {
		d.endNews()
	}
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
