package dataplane

import (
	"ulvs/dataplane/defrag"
	"ulvs/dataplane/nexthop"
	"ulvs/forward"
	"ulvs/wire"
)

// reassembled is a lane's work on a datagram that came in fragments.
type reassembled struct {
	packet wire.Packet // the datagram in hand, in memory of its own
	sizes  []int       // of its fragments' payloads, in order; empty: none is in hand
}

// wholeSize holds the largest datagram behind a link header.
const wholeSize = wire.Headroom + wire.EthernetLen + 0xffff

func newReassembled() reassembled {
	return reassembled{packet: wire.Packet{Buf: make([]byte, wholeSize)}, sizes: make([]int, 0, defrag.MaxPieces)}
}

// largest is the length of the largest fragment as an IP packet.
func (r *reassembled) largest() (n int) {
	for _, size := range r.sizes {
		n = max(n, size)
	}
	return n + r.packet.IPv4().HeaderLen()
}

// fragment handles a fragment to a virtual address, or from a NAT server, as
// ip_vs does: when the last one has come the datagram goes the way of any
// other, and is cut again as it was (kernel ip_vs_core.c, ip_vs_gather_frags).
func (l *Lane) fragment(p *wire.Packet) Verdict {
	toService := l.view.vips.has(&p.Dst) || l.marked(&p.Dst) && l.view.marks.mayTake(p)
	if !toService && !l.view.nats.has(&p.Src) {
		return l.done(PassedFragment)
	}
	if p.Is6() { // not put together yet
		return l.done(DroppedFragment)
	}
	var r defrag.Result
	w := &l.whole
	r, w.sizes = l.d.frags.Add(l.now, p, &w.packet, w.sizes[:0])
	switch r {
	case defrag.Held:
		return l.done(HeldFragment)
	case defrag.Refused:
		return l.done(DroppedFragment)
	}
	defer func() { w.sizes = w.sizes[:0] }()
	if l.parse(&w.packet, &l.prepared[0].ahead); w.packet.Fault != wire.FaultNone {
		return l.malformed(&w.packet, w.packet.Fault)
	}
	return l.protocol(&w.packet)
}

// recut cuts the datagram that came in fragments for a link of mtu: as it came,
// or, if it is now in a tunnel or the link is too small, into fragments no
// longer than the largest that came.
func (l *Lane) recut(p *wire.Packet, mtu int) bool {
	w := &l.whole
	largest := w.largest()
	if p.Proto != wire.ProtoIPIP && largest <= mtu {
		return forward.FragmentAs(p, w.sizes, l.next)
	}
	return forward.Fragment(p, min(mtu, largest), l.next)
}

// Fragments returns what the store of fragments counts.
func (d *Director) Fragments() defrag.Stats { return d.frags.Stats() }

// placeWhole is place for the datagram that came in fragments.
func (l *Lane) placeWhole(to wire.Addr, hop *nexthop.Hop, st nexthop.Status) Reason {
	return l.placeFragments(&l.whole.packet, to, hop, st, hop.MTU)
}
