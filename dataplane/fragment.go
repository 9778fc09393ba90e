package dataplane

import (
	"ulvs/dataplane/defrag"
	"ulvs/dataplane/nexthop"
	"ulvs/forward"
	"ulvs/wire"
)

// reassembled is a lane's work on a datagram that came in fragments.
type reassembled struct {
	packet  wire.Packet // the datagram in hand, in memory of its own
	sizes   []int       // of its fragments' payloads, in order; empty: none is in hand
	largest int         // length of the largest fragment as an IP packet
	length  int         // of the datagram as an IP packet
	is6     bool        // the datagram is IPv6, whatever tunnel it is in
}

// wholeSize holds the largest datagram behind a link header.
const wholeSize = wire.Headroom + wire.EthernetLen + defrag.MaxPacket

func newReassembled() reassembled {
	return reassembled{packet: wire.Packet{Buf: make([]byte, wholeSize)}, sizes: make([]int, 0, defrag.MaxPieces)}
}

// measure takes note of what the fragments were like, before the datagram is
// changed.
func (r *reassembled) measure() {
	p := &r.packet
	payload, most := 0, 0
	for _, size := range r.sizes {
		payload += size
		most = max(most, size)
	}
	r.length, r.is6 = p.IPEnd-p.L3, p.Is6()
	r.largest = r.length - payload + most
	if r.is6 {
		r.largest += wire.FragmentHeaderLen
	}
}

// tooLong is exceeds for packets that nobody may cut. An IPv6 datagram that came
// in fragments goes in fragments: the largest of them counts.
func (l *Lane) tooLong(p *wire.Packet, mtu int) bool {
	if p == &l.whole.packet && p.Is6() {
		return l.whole.largest > mtu
	}
	return exceeds(p, mtu)
}

// fragment handles a fragment to a virtual address, or from a NAT server, as
// ip_vs does: when the last one has come the datagram goes the way of any
// other, and is cut again as it was (kernel ip_vs_core.c, ip_vs_gather_frags).
func (l *Lane) fragment(p *wire.Packet) Verdict {
	toService := l.view.vips.has(&p.Dst) || l.marked(&p.Dst) && l.view.marks.mayTake(p)
	if !toService && !l.view.nats.has(&p.Src) {
		return l.done(PassedFragment)
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
	w.measure()
	return l.protocol(&w.packet)
}

// recut cuts the datagram that came in fragments for a link of mtu, as ip_vs
// does. IPv4: as it came, or, if it is now in a tunnel or the link is too small,
// into fragments no longer than the largest that came.
func (l *Lane) recut(p *wire.Packet, mtu int) bool {
	w := &l.whole
	switch {
	case p.Is6() != w.is6 && p.IPLen() <= mtu:
		return forward.Copy(p, l.next)
	case p.Is6():
		return l.recut6(p, mtu)
	case w.is6 && w.fits(p, p.IPv4().HeaderLen(), mtu):
		return forward.FragmentAs(p, w.sizes, l.next)
	case !w.is6 && p.IPLen() == w.length && w.largest <= mtu:
		return forward.FragmentAs(p, w.sizes, l.next)
	case !w.is6:
		mtu = min(mtu, w.largest)
	}
	return forward.Fragment(p, mtu, l.next)
}

// recut6 cuts an IPv6 packet, of a tunnel or not: as it came, what is now before
// it in the first piece, if no piece is then longer than the largest that came,
// or 1280 bytes; else into pieces of that length (kernel
// net/ipv6/ip6_output.c, ip6_fragment).
func (l *Lane) recut6(p *wire.Packet, mtu int) bool {
	w := &l.whole
	l.fragmentID += uint32(len(l.d.lanes))
	if w.is6 {
		mtu = min(mtu, max(w.largest, leastMTU6))
	}
	place, _ := wire.FragmentPlace6(p.IP())
	if w.is6 && w.fits(p, place, mtu-wire.FragmentHeaderLen) {
		return forward.FragmentAs6(p, w.sizes, l.fragmentID, l.next)
	}
	return forward.Fragment6(p, mtu, l.fragmentID, l.next)
}

// fits reports whether p, with the first header bytes of it in each, goes in
// the pieces that came and none is longer than mtu. What else is new in p, a
// tunnel's, is then in the first of sizes.
func (r *reassembled) fits(p *wire.Packet, header, mtu int) bool {
	more := p.IPLen() - header
	for _, size := range r.sizes {
		more -= size
	}
	if more < 0 || more%8 != 0 {
		return false
	}
	r.sizes[0] += more
	for _, size := range r.sizes {
		if header+size > mtu {
			return false
		}
	}
	return true
}

// Fragments returns what the store of fragments counts.
func (d *Director) Fragments() defrag.Stats { return d.frags.Stats() }

// placeWhole is place for the datagram that came in fragments.
func (l *Lane) placeWhole(to wire.Addr, hop *nexthop.Hop, st nexthop.Status) Reason {
	return l.placeFragments(&l.whole.packet, to, hop, st, hop.MTU)
}
