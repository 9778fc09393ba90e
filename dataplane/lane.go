package dataplane

import (
	"sync/atomic"
	"time"

	"ulvs/dataplane/nexthop"
	"ulvs/sched"
	"ulvs/wire"
)

// Sizes of a Lane.
const (
	// queueLen bounds what one port's queue takes before the worker must send.
	queueLen = 256
	// frameCount is how many frames of its own a Lane can have queued. One
	// super-frame makes at most 64 KiB / 536 B = 122 segments.
	frameCount = 256
	// frameSize holds a frame of a 9000-byte MTU link with tunnel header.
	frameSize = wire.Headroom + 14 + 9216
	// maxPerPacket is the most frames that one Handle can queue.
	maxPerPacket = 128
	// hopCacheSize is the number of slots for next hops to clients.
	hopCacheSize = 1024
)

// Lane is one worker's private side of the Director: the snapshot it works
// with, its counters, the frames it has queued for each port, and buffers for
// frames that it makes itself. Not safe for concurrent use.
type Lane struct {
	d        *Director
	view     *view
	now      time.Duration
	watch    *watch           // of the observer, nil without one
	trace    *Trace           // of the packet in hand, nil unless the observer wants it
	queues   [][]*wire.Packet // by port
	queued   []uint16         // ports with a non-empty queue
	waiting  int              // frames in all queues
	frames   []wire.Packet    // frames of our own
	used     int              // of frames
	made     []*wire.Packet   // what next gave out since it was last emptied
	next     func(size int) *wire.Packet
	count    [NumReasons]uint64
	counted  [NumReasons]atomic.Uint64 // count as others may read it, by End
	packets  uint64                    // handled in all
	handled  atomic.Uint64             // packets as others may read it
	delta    []Stats                   // by server index, since Begin
	dirty    []uint32                  // server indexes with a delta
	hops     [hopCacheSize]hopSlot
	icmp     bucket
	slow     time.Duration // when the upkeep of every second is due
	guard    guard
	whole    reassembled
	send     func(port uint16, p *wire.Packet)
	active   bool                // the flow in hand begins as an active connection
	flow     sched.Flow          // of the packet to schedule; here for the same reason as hit
	hit      hit                 // of the packet in hand; here, because a method call through a table would make a local escape
	inner    wire.Packet         // what an ICMP error about a tunnel packet quotes; here for the same reason
	prepared [groupSize]prepared // the group in hand
	parseAll bool                // take no packet the shortest way
	tunnelID uint16              // IP id of the last tunnel header without DF
	// fragmentID is the id of the last IPv6 packet that was cut.
	fragmentID uint32
	// seen is the generation that the present batch began with, noBatch between
	// batches.
	seen atomic.Uint64
}

// hopSlot caches one answer of the next-hop table.
type hopSlot struct {
	addr wire.Addr
	hop  *nexthop.Hop
}

// newLane makes worker number's lane.
func newLane(d *Director, number, ports int) *Lane {
	l := &Lane{
		d:        d,
		tunnelID: uint16(number), fragmentID: uint32(d.seed>>32) + uint32(number),
		queues: make([][]*wire.Packet, ports), queued: make([]uint16, 0, ports),
		frames: make([]wire.Packet, frameCount),
	}
	for i := range l.queues {
		l.queues[i] = make([]*wire.Packet, 0, queueLen)
	}
	mem := make([]byte, frameCount*frameSize)
	for i := range l.frames {
		l.frames[i].Buf = mem[i*frameSize : (i+1)*frameSize : (i+1)*frameSize]
	}
	l.made = make([]*wire.Packet, 0, frameCount)
	l.whole = newReassembled()
	l.next, l.send = l.nextFrame, l.sendFrame
	l.view = d.view.Load()
	l.icmp.tokens = icmpBurst
	l.seen.Store(noBatch)
	return l
}

// noBatch is later than any generation.
const noBatch = 1<<64 - 1

// Begin starts a batch at time now: the configuration is loaded once for it.
func (l *Lane) Begin(now time.Duration) {
	l.now = now
	l.seen.Store(l.d.generation.Load()) // before the view: see sweepTrash
	l.view = l.d.view.Load()
	l.guard.begin(l.d, &l.view.settings)
	if n := len(l.view.servers); n > len(l.delta) {
		l.delta = append(l.delta, make([]Stats, n-len(l.delta))...)
		l.dirty = append(make([]uint32, 0, n), l.dirty...)
	}
}

// End publishes the batch's counters. Queued frames stay queued until Sent.
func (l *Lane) End() {
	for _, i := range l.dirty {
		d := &l.delta[i]
		if s := l.server(i); s != nil {
			s.stats.add(d)
			s.service.Load().stats.add(d)
		}
		l.d.total.add(d)
		*d = Stats{}
	}
	l.dirty = l.dirty[:0]
	l.publish()
	l.seen.Store(noBatch)
}

// publish makes the reason counters visible to other goroutines.
func (l *Lane) publish() {
	if l.packets == l.handled.Load() {
		return
	}
	for i := range l.count {
		if l.count[i] != l.counted[i].Load() {
			l.counted[i].Store(l.count[i])
		}
	}
	l.handled.Store(l.packets)
}

// Queued returns the ports that have frames to send, in the order of their
// first frame.
func (l *Lane) Queued() []uint16 { return l.queued }

// Queue returns the frames queued for a port, oldest first.
func (l *Lane) Queue(port uint16) []*wire.Packet { return l.queues[port] }

// Sent empties all queues; the frames' memory may then be used again.
func (l *Lane) Sent() {
	for _, port := range l.queued {
		l.queues[port] = l.queues[port][:0]
	}
	l.queued = l.queued[:0]
	l.made = l.made[:0]
	l.used, l.waiting = 0, 0
}

// Full reports whether the queued frames must be sent before the next Handle.
func (l *Lane) Full() bool {
	return l.used > frameCount-maxPerPacket || l.waiting > queueLen-maxPerPacket
}

// queue puts a finished frame into the queue of its port.
func (l *Lane) queue(p *wire.Packet) {
	q := &l.queues[p.Out]
	if len(*q) == 0 {
		l.queued = append(l.queued, p.Out)
	}
	*q = append(*q, p)
	l.waiting++
}

// frame returns an unused frame of our own, empty, with headroom; nil when
// none is left, which the worker's calls of Full rule out.
func (l *Lane) frame() *wire.Packet {
	if l.used == len(l.frames) {
		return nil
	}
	p := &l.frames[l.used]
	l.used++
	*p = wire.Packet{Buf: p.Buf, Start: wire.Headroom, End: wire.Headroom}
	return p
}

// nextFrame gives package forward a frame of size bytes to fill, and notes it
// in made.
func (l *Lane) nextFrame(size int) *wire.Packet {
	p := l.frame()
	if p == nil || wire.Headroom+size > len(p.Buf) {
		return nil
	}
	l.made = append(l.made, p)
	return p
}

// done counts a packet's reason and returns the verdict that goes with it.
func (l *Lane) done(r Reason) Verdict {
	l.count[r]++
	l.packets++
	return r.Verdict()
}

// server returns the server of an index that a connection holds. The
// connection may be newer than the batch's snapshot.
func (l *Lane) server(i uint32) *Server {
	if s := l.view.server(i); s != nil {
		return s
	}
	return l.d.view.Load().server(i)
}

// serverDelta returns the counters of server i for this batch.
func (l *Lane) serverDelta(i uint32) *Stats {
	if int(i) >= len(l.delta) { // a server newer than the batch's snapshot
		l.delta = append(l.delta, make([]Stats, int(i)+1-len(l.delta))...)
	}
	d := &l.delta[i]
	if d.InPkts|d.OutPkts|d.Conns == 0 { // the bytes then are too
		l.dirty = append(l.dirty, i)
	}
	return d
}

// hopSlot is the place in the lane's cache of the next hop towards a.
func (l *Lane) hopSlot(a *wire.Addr) *hopSlot { return &l.hops[a.V4()*0x9e3779b1>>22] }

// hopTo returns the next hop towards a, from the lane's cache if it still
// holds.
func (l *Lane) hopTo(a *wire.Addr) (*nexthop.Hop, nexthop.Status) {
	slot := l.hopSlot(a)
	if slot.hop != nil && slot.addr == *a && slot.hop.Gen == l.d.hops.Gen() {
		return slot.hop, nexthop.Ready
	}
	h, st := l.lookupHop(*a)
	if st == nexthop.Ready {
		*slot = hopSlot{*a, h}
	}
	return h, st
}

// lookupHop asks the next-hop table. The hop is nil only if there is nowhere to
// go; of an unresolved one all but the MAC is known.
func (l *Lane) lookupHop(a wire.Addr) (*nexthop.Hop, nexthop.Status) {
	h, st := l.d.hops.Lookup(a)
	if st == nexthop.Unresolved {
		h = l.d.hops.Pending(a)
	}
	return h, st
}

// Reasons returns how many packets each reason has counted and how many
// packets were handled in all, over all lanes. In the returned array the sum
// equals the total once the workers are between batches.
func (d *Director) Reasons() (by [NumReasons]uint64, total uint64) {
	for _, l := range d.lanes {
		for i := range by {
			by[i] += l.counted[i].Load()
		}
		total += l.handled.Load()
	}
	return by, total
}
