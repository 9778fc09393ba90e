package dataplane

import (
	"slices"
	"time"

	"ulvs/conntrack"
	"ulvs/dataplane/nexthop"
	"ulvs/sched"
	"ulvs/service"
	"ulvs/wire"
)

// watch is what a lane has for its observer: the trace of the packet in hand
// and what it has to remember until the end of it. It is made by Observe and
// used for all packets.
type watch struct {
	observer Observer
	lane     int
	trace    Trace
	before   []byte             // memory of Trace.Before
	counts   [NumReasons]uint64 // the lane's, before the packet in hand
	queued   []int              // frames in the queue of each port, likewise
	stage    stage
}

// stage says what a watch is about, for whoever has to tidy up after a fault.
type stage uint8

const (
	idle    stage = iota
	asking        // the observer, whether it wants the packet
	tracing       // the packet is on its way
	telling       // the observer; the packet has its reason
)

// Observe makes o look at the lane's packets from now on, nil nobody. It belongs
// between two batches: in the worker (Worker.Do), or before it runs.
func (l *Lane) Observe(o Observer) {
	l.watch, l.trace = nil, nil
	if o != nil {
		l.watch = &watch{observer: o, lane: slices.Index(l.d.lanes, l), queued: make([]int, len(l.queues))}
	}
}

// Observer returns who looks at the lane's packets, nil if nobody does. An
// observer that has panicked does no longer.
func (l *Lane) Observer() Observer {
	if l.watch == nil {
		return nil
	}
	return l.watch.observer
}

// wants asks the observer.
func (w *watch) wants(p *wire.Packet) bool {
	w.stage = asking
	yes := w.observer.Wants(p)
	w.stage = idle
	return yes
}

// observed is decide for a packet that the observer wants. It takes no packet
// the shortest way, where nothing is told.
func (l *Lane) observed(p *wire.Packet, r *prepared) Verdict {
	if r.plain {
		l.unplain(p, r)
	}
	l.beginTrace(p)
	t := l.trace
	t.Packet.Fault = wire.Parse(&t.Packet) // of the copy: offsets into Before, and also for those that are not parsed
	v := l.parsed(p)
	l.endTrace(l.reasonSince())
	return v
}

// beginTrace starts the trace of p, which nothing has changed yet.
func (l *Lane) beginTrace(p *wire.Packet) {
	w := l.watch
	w.stage = tracing
	w.before = append(w.before[:0], p.Frame()...)
	t := &w.trace
	*t = Trace{Lane: w.lane, Now: l.now, Before: w.before, Packet: *p, Lookups: t.Lookups[:0], Sent: t.Sent[:0]}
	t.Packet.Buf, t.Packet.Start, t.Packet.End = w.before, 0, len(w.before)
	w.counts = l.count
	for i, q := range l.queues {
		w.queued[i] = len(q)
	}
	l.trace = t
}

// reasonSince is the reason that was counted since beginTrace.
func (l *Lane) reasonSince() Reason {
	for i := range l.count {
		if l.count[i] != l.watch.counts[i] {
			return Reason(i)
		}
	}
	return NumReasons
}

// endTrace tells the observer what became of the packet in hand.
func (l *Lane) endTrace(r Reason) {
	w, t := l.watch, l.trace
	l.trace = nil
	t.Reason, t.Verdict = r, r.Verdict()
	for _, port := range l.queued {
		for _, q := range l.queues[port][w.queued[port]:] {
			t.Sent = append(t.Sent, Sent{port, q.Frame()})
		}
	}
	w.stage = telling
	w.observer.Traced(t)
	w.stage = idle
}

// panicked deals with a packet whose handling brought a fault to light: of ulvs,
// which costs the packet, or of the observer, which costs the observer. One that
// is not even a frame in its memory nobody is asked about.
func (l *Lane) panicked(p *wire.Packet) {
	w := l.watch
	if w == nil {
		l.done(DroppedPanic)
		return
	}
	at := w.stage
	w.stage = idle
	if at == telling {
		l.Observe(nil)
		return
	}
	l.done(DroppedPanic)
	switch {
	case at == asking:
		l.Observe(nil)
	case at == idle && isFrame(p) && w.wants(p):
		l.beginTrace(p)
		fallthrough
	case at == tracing:
		l.endTrace(DroppedPanic)
	}
}

// isFrame reports whether p's frame is in its memory.
func isFrame(p *wire.Packet) bool { return 0 <= p.Start && p.Start <= p.End && p.End <= len(p.Buf) }

// What follows are the hooks: they note a step of the packet in hand, and are
// called only where l.trace is not nil.

var outcomeNames = [...]string{
	missed: "miss", found: "hit", gone: "hit: its real server was deleted", reschedule: "ended: a new connection",
	refused: "ended: a SYN with RST is refused", notNAT: "hit: not by NAT, passes by",
}

// looked notes a search of the connection table.
func (t *Trace) looked(way wire.Way, k *conntrack.Key, o outcome) {
	t.Lookups = append(t.Lookups, Lookup{Way: way, Key: *k, Found: o != missed, Outcome: outcomeNames[o]})
}

// matched notes the virtual service that was found for a packet to a port.
func (t *Trace) matched(s *Service, port uint16) {
	if s == nil {
		t.Match.By = ByNothing
		return
	}
	t.Match.Service = *s.conf.Load()
	switch {
	case t.Match.Service.Mark != 0:
		t.Match.By = ByMark
	case s.key.Port == port:
		t.Match.By = ByAddress
	case s.key.Port == 0:
		t.Match.By = ByAnyPort
	default:
		t.Match.By = ByFTP
	}
}

// templated notes the template that decided, or was made.
func (t *Trace) templated(found bool, timeout time.Duration) {
	t.Template.Found, t.Template.Timeout = found, timeout
}

// picking notes what the scheduler will choose. The service is locked.
func (t *Trace) picking(s sched.Scheduler, f *sched.Flow) {
	t.Pick = PickStep{Asked: true, Scheduler: s.Name(), Explanation: sched.Explanation{Chosen: -1}}
	if e, ok := s.(sched.Explainer); ok {
		t.Pick.Explanation = e.Explain(f)
	}
}

// moved notes what the packet in hand has done to its connection, whose shard is
// locked.
func (l *Lane) moved(s *Server, c *conntrack.Conn, dir conntrack.Direction, from conntrack.State) {
	l.trace.State = StateStep{
		Valid: true, Proto: c.Proto(), Direction: dir, From: from, To: c.State(),
		Timeout: c.Deadline() - l.now, Active: !c.Has(conntrack.Inactive),
	}
	l.served(s, c.RealPort())
}

// entered notes the connection that the packet in hand has made.
func (l *Lane) entered(s *Server, c *conntrack.Conn) {
	dir := conntrack.Inbound
	if c.Has(conntrack.NoOutput) {
		dir = conntrack.InboundOnly
	}
	l.moved(s, c, dir, conntrack.None)
	l.trace.State.New = true
}

// quoted notes the search for the connection that an ICMP error is about, which
// leaves it as it is. c, of server s, is nil if there is none.
func (l *Lane) quoted(way wire.Way, k *conntrack.Key, s *Server, c *conntrack.Conn) {
	o := missed
	if s != nil {
		o = found
	}
	l.trace.looked(way, k, o)
	if s != nil {
		l.served(s, c.RealPort())
	}
}

// served notes the server of the hit.
func (l *Lane) served(s *Server, port uint16) {
	h := &l.hit
	step := ServerStep{Valid: true, Service: s.service.Load().key, Addr: s.Addr, Port: port, Method: h.method}
	if h.method == service.NAT {
		step.To, step.ToPort = h.to, h.toPort
	}
	l.trace.Server = step
}

// towards notes the next hop of what is sent to a.
func (t *Trace) towards(a wire.Addr, hop *nexthop.Hop, st nexthop.Status) {
	t.Hop = HopStep{Valid: true, For: a, Status: st}
	if hop != nil {
		t.Hop.Hop = *hop
	}
}
