package dataplane

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"ulvs/wire"
)

// BatchSize is how many packets a worker takes from one port at a time: large
// enough to spread a batch's costs (clock, snapshot, sendmmsg), small enough to
// stay in the first-level caches.
const BatchSize = 64

// Periods of a worker's upkeep.
const (
	tickPeriod = 10 * time.Millisecond // expiry, neighbours
	idleWait   = 50 * time.Millisecond // longest sleep without traffic
)

// Worker is the loop of one thread: take a batch from each port, let the Lane
// decide, send what it queued. Each worker has ports of its own.
type Worker struct {
	lane   *Lane
	mu     sync.Mutex // guards replacing waiter against Wake
	waiter Waiter
	clock  func() time.Duration // monotonic
	// OnPanic is told of a fault in the Director; the worker goes on with the
	// next packet. It must not block.
	OnPanic func(any)

	ports    []Port // by port number; nil where there is none
	batch    []wire.Packet
	commands chan func()
	exited   chan struct{}
	late     sync.Mutex // serialises commands after the end of Run
	stopped  atomic.Bool
	nextTick time.Duration
	panics   atomic.Uint64
	sendLost uint64
	lost     atomic.Uint64
}

// NewWorker makes the loop around lane. clock returns monotonic time and is
// read once per round.
func NewWorker(lane *Lane, waiter Waiter, clock func() time.Duration) *Worker {
	return &Worker{
		lane: lane, waiter: waiter, clock: clock,
		ports:    make([]Port, len(lane.queues)),
		batch:    make([]wire.Packet, BatchSize),
		commands: make(chan func(), 1),
		exited:   make(chan struct{}),
	}
}

// Do runs f in the worker between two rounds and returns when it has run, or,
// after the worker's end, runs it at once. It is how ports are put in and
// taken out. Commands never run at the same time.
func (w *Worker) Do(f func()) {
	done := make(chan struct{})
	select {
	case w.commands <- func() { defer close(done); f() }:
		w.Wake()
	case <-w.exited:
		w.doLate(f)
		return
	}
	select {
	case <-done:
	case <-w.exited:
		select {
		case <-done:
		default: // queued, but never taken
			w.doLate(f)
		}
	}
}

// doLate runs f after the worker's end.
func (w *Worker) doLate(f func()) {
	w.late.Lock()
	defer w.late.Unlock()
	f()
}

// Wake ends the worker's wait. It may be called from any goroutine.
func (w *Worker) Wake() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiter.Wake()
}

// SetWaiter replaces the waiter and returns the old one, which nobody uses any
// more. Only inside Do.
func (w *Worker) SetWaiter(n Waiter) (old Waiter) {
	w.mu.Lock()
	defer w.mu.Unlock()
	old, w.waiter = w.waiter, n
	return old
}

// SetPort puts p in as port number n, nil to take it out. Only inside Do.
func (w *Worker) SetPort(n uint16, p Port) { w.ports[n] = p }

// Port returns port n or nil. Only inside Do.
func (w *Worker) Port(n uint16) Port { return w.ports[n] }

// Stop makes Run return after the round under way.
func (w *Worker) Stop() {
	w.stopped.Store(true)
	w.Wake()
}

// Panics returns how many faults the worker has survived.
func (w *Worker) Panics() uint64 { return w.panics.Load() }

// SendLost returns how many queued frames could not be sent.
func (w *Worker) SendLost() uint64 { return w.lost.Load() }

// Run works until Stop. It keeps its thread, so that it can be pinned and its
// waits do not wander.
func (w *Worker) Run() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(w.exited)
	for !w.stopped.Load() {
		commanded := w.command()
		if !w.safeRound() && !commanded {
			w.waiter.Wait(idleWait)
		}
	}
}

// command runs a command if one is waiting. The round after it does not wait:
// the command may have replaced the waiter, and whoever came meanwhile has
// woken the old one.
func (w *Worker) command() bool {
	select {
	case f := <-w.commands:
		f()
		return true
	default:
		return false
	}
}

// safeRound is Round for a worker that goes on after a fault of ulvs itself
// outside the handling of a packet. What was queued is lost.
func (w *Worker) safeRound() (busy bool) {
	defer func() {
		if r := recover(); r != nil {
			w.faulted(r)
			w.lane.Sent()
			w.lane.End()
		}
	}()
	return w.Round()
}

// faulted notes a fault.
func (w *Worker) faulted(r any) {
	w.panics.Add(1)
	if w.OnPanic != nil {
		w.OnPanic(r)
	}
}

// Round serves every port once and does the upkeep that is due. It reports
// whether anything had arrived.
func (w *Worker) Round() (busy bool) {
	now := w.clock()
	w.lane.Begin(now)
	for _, port := range w.ports {
		if port == nil {
			continue
		}
		if n := port.Receive(w.batch); n > 0 {
			busy = true
			w.handle(w.batch[:n])
			w.send()
			port.Release()
		}
	}
	w.lane.TickHops()
	if now >= w.nextTick {
		w.nextTick = now + tickPeriod
		w.lane.Tick()
	}
	w.send()
	w.lane.End()
	return busy
}

// handle passes a batch through the Lane, a group at a time.
func (w *Worker) handle(pkts []wire.Packet) {
	for len(pkts) > 0 {
		group := pkts[:min(len(pkts), groupSize)]
		pkts = pkts[len(group):]
		prepared := w.prepare(group)
		for i := 0; i < len(group); {
			i += w.handleFrom(group, i, prepared)
		}
	}
}

// prepare prepares a group. It reports false if that brought a fault of ulvs
// itself to light: then each packet is to be handled alone, so that only the one
// to blame is lost.
func (w *Worker) prepare(group []wire.Packet) (ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	w.lane.prepareGroup(group)
	return true
}

// handleFrom passes the packets of a group on, from the given one until the end
// or until one of them brings a fault of ulvs itself to light; that one is
// dropped. It returns how many it dealt with.
func (w *Worker) handleFrom(group []wire.Packet, from int, prepared bool) (n int) {
	defer func() {
		if r := recover(); r != nil {
			w.lane.panicked(&group[from+n])
			n++
			w.faulted(r)
		}
	}()
	for n = 0; from+n < len(group); n++ {
		if w.lane.Full() {
			w.send()
		}
		if p := &group[from+n]; prepared {
			w.lane.decide(p, &w.lane.prepared[from+n])
		} else {
			w.lane.Handle(p)
		}
	}
	return n
}

// send transmits everything queued.
func (w *Worker) send() {
	for _, n := range w.lane.Queued() {
		q := w.lane.Queue(n)
		sent := 0
		if port := w.ports[n]; port != nil {
			sent = port.Send(q)
		}
		w.sendLost += uint64(len(q) - sent)
	}
	w.lane.Sent()
	if w.sendLost != w.lost.Load() {
		w.lost.Store(w.sendLost)
	}
}
