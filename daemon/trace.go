package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"ulvs/control/api"
	"ulvs/dataplane"
	"ulvs/explain"
	"ulvs/internal/pcapfilter"
)

// What waits of a trace until its client takes it. Beyond, packets are lost to
// the trace, not to the forwarding.
const (
	traceQueue = 1024     // packets
	traceBytes = 16 << 20 // of memory
)

// refills is how often per second a trace's rate is handed out.
const refills = 20

// trace is one client's observation. The workers ask and fill it, one goroutine
// of the API empties it.
type trace struct {
	filter *pcapfilter.Program
	queue  chan *sighting
	rate   int
	credit int // of the rate, times refills, not yet handed out

	left    atomic.Int64 // packets still wanted
	tokens  atomic.Int64 // packets that may come until the next refill
	held    atomic.Int64 // bytes in the queue
	skipped atomic.Uint64
	lost    atomic.Uint64
}

// newTrace checks a request. The error is an *api.Error.
func newTrace(q *api.TraceRequest) (*trace, error) {
	p, err := pcapfilter.Compile(q.Filter)
	switch {
	case err != nil:
		return nil, api.Errorf(api.Invalid, "%v", err)
	case q.Packets < 0:
		return nil, api.Errorf(api.OutOfRange, "%d packets: not a positive number", q.Packets)
	case q.Rate < 0 || q.Rate > api.MaxTraceRate:
		return nil, api.Errorf(api.OutOfRange, "%d packets a second: not from 1 to %d", q.Rate, api.MaxTraceRate)
	case q.Duration < 0:
		return nil, api.Errorf(api.OutOfRange, "duration %v: not positive", q.Duration)
	case q.SnapLen < 0:
		return nil, api.Errorf(api.OutOfRange, "%d bytes of each frame: not a positive number", q.SnapLen)
	}
	t := &trace{filter: p, queue: make(chan *sighting, traceQueue), rate: q.Rate}
	if t.rate == 0 {
		t.rate = api.DefaultTraceRate
	}
	t.left.Store(math.MaxInt64)
	if q.Packets > 0 {
		t.left.Store(int64(q.Packets))
	}
	t.tokens.Store(max(int64(t.rate)/4, 1))
	return t, nil
}

// admit reports whether the trace takes one more packet that matches.
func (t *trace) admit() bool {
	if t.left.Load() <= 0 {
		return false
	}
	if t.tokens.Load() <= 0 || t.tokens.Add(-1) < 0 {
		t.skipped.Add(1)
		return false
	}
	if t.left.Add(-1) < 0 { // another worker was faster
		t.left.Add(1)
		return false
	}
	return true
}

// offer hands a packet over, or loses it if there is no room. The client is
// still owed it then.
func (t *trace) offer(s *sighting) {
	if t.held.Add(int64(s.bytes)) <= traceBytes {
		select {
		case t.queue <- s:
			return
		default:
		}
	}
	t.held.Add(-int64(s.bytes))
	t.lost.Add(1)
	t.left.Add(1)
}

// refill hands out a refill's part of the rate; what is not used is saved up to
// a quarter of a second's. Only one goroutine calls it.
func (t *trace) refill() {
	t.credit += t.rate
	part := int64(t.credit / refills)
	t.credit %= refills
	if room := max(int64(t.rate)/4, 1) - t.tokens.Load(); room > 0 {
		t.tokens.Add(min(part, room))
	}
}

// tracing holds the traces under way.
type tracing struct {
	mu     sync.Mutex // guards traces, and their order in the workers
	traces []*trace
	// in runs f for the lane of each worker, in it.
	in func(f func(*dataplane.Lane))
}

// inLanes runs f for each lane in its worker, or here if it has none yet.
func (d *Daemon) inLanes(f func(*dataplane.Lane)) {
	for i := range d.opts.Workers {
		lane := d.director.Lane(i)
		if i < len(d.workers) {
			d.workers[i].Do(func() { f(lane) })
		} else {
			f(lane)
		}
	}
}

// add lets t see packets.
func (x *tracing) add(t *trace) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.traces) == api.MaxTraces {
		return api.Errorf(api.Conflict, "%d traces and captures are under way, as many as can be at a time", api.MaxTraces)
	}
	x.traces = append(x.traces, t)
	x.observe()
	return nil
}

// remove ends what t sees. Afterwards no worker touches it.
func (x *tracing) remove(t *trace) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.traces = slices.DeleteFunc(x.traces, func(o *trace) bool { return o == t })
	x.observe()
}

// count is how many are under way.
func (x *tracing) count() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.traces)
}

// observe gives every lane an observer of its own, or none.
func (x *tracing) observe() {
	x.in(func(l *dataplane.Lane) { l.Observe(newObserver(x.traces)) })
}

// Trace tells yield the way of packets until the client leaves (ctx), the
// request is fulfilled or yield fails.
func (d *Daemon) Trace(ctx context.Context, q api.TraceRequest, yield func(api.TraceLine) error) error {
	t, err := newTrace(&q)
	if err != nil {
		return err
	}
	if err := d.tracing.add(t); err != nil {
		return err
	}
	defer d.tracing.remove(t)
	if err := yield(api.TraceLine{Started: &api.TraceStarted{Version: api.Version, Interfaces: d.ports.names(), Rate: t.rate}}); err != nil {
		return err
	}
	if q.Duration > 0 {
		end := time.NewTimer(q.Duration)
		defer end.Stop()
		return d.follow(ctx, t, &q, end.C, yield)
	}
	return d.follow(ctx, t, &q, nil, yield)
}

// follow empties a trace as it fills.
func (d *Daemon) follow(ctx context.Context, t *trace, q *api.TraceRequest, end <-chan time.Time, yield func(api.TraceLine) error) error {
	refill := time.NewTicker(time.Second / refills)
	defer refill.Stop()
	f := follower{d: d, t: t, q: q, yield: yield, names: map[uint16]string{}}
	for {
		var err error
		select {
		case <-ctx.Done():
			return f.end("stopped")
		case <-end:
			return f.end("duration")
		case <-refill.C:
			t.refill()
		case s := <-t.queue:
			err = f.tell(s)
		}
		if err != nil {
			return err
		}
		if q.Packets > 0 && f.told == uint64(q.Packets) {
			return f.end("packets")
		}
	}
}

// follower is the API's end of a trace.
type follower struct {
	d     *Daemon
	t     *trace
	q     *api.TraceRequest
	yield func(api.TraceLine) error
	names map[uint16]string // of ports

	told, skipped, lost uint64
	first               time.Duration // the first packet's time
}

// tell passes one packet on.
func (f *follower) tell(s *sighting) error {
	f.t.held.Add(-int64(s.bytes))
	if f.told++; f.told == 1 {
		f.first = s.Now
	}
	r := explain.Live(&s.Trace, f.d.director.Table(), f.port, f.d.started.Add(s.Now).UTC().Round(0))
	r.Number, r.Time = int(f.told), (s.Now - f.first).Seconds()
	if f.q.SnapLen > 0 {
		r.Cut(f.q.SnapLen)
	}
	text, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encode record: %w", err)
	}
	p := &api.TracePacket{Record: text}
	skipped, lost := f.t.skipped.Load(), f.t.lost.Load()
	p.Skipped, p.Lost = skipped-f.skipped, lost-f.lost
	f.skipped, f.lost = skipped, lost
	return f.yield(api.TraceLine{Packet: p})
}

// end says why there is no more. The client may be the reason, and gone.
func (f *follower) end(why string) error {
	return f.yield(api.TraceLine{Ended: &api.TraceEnded{
		Why: why, Packets: f.told, Skipped: f.t.skipped.Load(), Lost: f.t.lost.Load(),
	}})
}

// port is the name of a port's interface. One that is deleted keeps its name
// for as long as the trace lasts.
func (f *follower) port(n uint16) string {
	name, known := f.names[n]
	if !known {
		if name = f.d.ports.nameOf(n); name == "" {
			name = fmt.Sprintf("port%d", n)
		}
		f.names[n] = name
	}
	return name
}
