package nexthop

import "ulvs/wire"

// queue holds copies of frames that wait for one neighbour, oldest first.
type queue struct {
	frames []*wire.Packet
	bytes  int
}

// Queue copies p, whose destination dst Lookup found Unresolved, and asks for
// the neighbour; Tick sends it once the answer is in. It reports false, and
// counts why, if the queue is full or dst is no longer by way of a neighbour:
// the packet is then the caller's to drop.
func (t *Table) Queue(dst wire.Addr, p *wire.Packet) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.neighbourToward(dst)
	if n == nil || !t.fits(n, p) {
		t.stats.queueFull.Add(1)
		return false
	}
	c := copyOf(p)
	n.waiting.frames = append(n.waiting.frames, c)
	n.waiting.bytes += len(c.Buf)
	t.queued += len(c.Buf)
	if n.phase == idle {
		n.phase, n.probes = asking, 0
	}
	if len(n.waiting.frames) == 1 {
		t.hasten(n)
	}
	t.stats.queued.Add(1)
	return true
}

// neighbourToward returns the neighbour that packets to dst leave by, made if
// need be; nil if there is none or no room for one.
func (t *Table) neighbourToward(dst wire.Addr) *neighbour {
	s := t.snap.Load()
	p := s.path(dst)
	switch {
	case p.status != Ready:
		return nil
	case p.via != nil:
		return p.via
	}
	return s.neighbours.ensure(p.link, dst)
}

// fits reports whether p can wait for n.
func (t *Table) fits(n *neighbour, p *wire.Packet) bool {
	size := wire.Headroom + p.End - p.Start
	return len(n.waiting.frames) < t.cfg.QueueFrames &&
		n.waiting.bytes+size <= t.cfg.QueueBytes && t.queued+size <= t.cfg.TotalBytes
}

// copyOf returns p with memory of its own, with the usual headroom.
func copyOf(p *wire.Packet) *wire.Packet {
	c := *p
	c.Buf = make([]byte, wire.Headroom+p.End-p.Start)
	copy(c.Buf[wire.Headroom:], p.Frame())
	shift := wire.Headroom - p.Start
	c.Start, c.End = wire.Headroom, len(c.Buf)
	for _, offset := range []*int{&c.L3, &c.L4, &c.IPEnd} {
		if *offset != 0 {
			*offset += shift
		}
	}
	return &c
}

// hasten makes the next Tick look at n.
func (t *Table) hasten(n *neighbour) {
	if !n.urgent {
		n.urgent = true
		t.urgent = append(t.urgent, n)
	}
	t.hasUrgent.Store(true)
}

// take empties n's queue and returns what was in it.
func (t *Table) take(n *neighbour) []*wire.Packet {
	frames := n.waiting.frames
	t.queued -= n.waiting.bytes
	n.waiting = queue{}
	return frames
}

// discard drops what waits for n and counts it.
func (t *Table) discard(n *neighbour) {
	t.stats.dropped.Add(uint64(len(t.take(n))))
}
