package dataplane

import (
	"ulvs/dataplane/nexthop"
	"ulvs/forward"
	"ulvs/service"
	"ulvs/wire"
)

// methods holds the transmitter of each forwarding method, by the number that
// a connection stores: the choice is made once, when the connection is made.
var methods = [8]func(l *Lane, p *wire.Packet, h *hit, hop *nexthop.Hop, st nexthop.Status) Verdict{
	service.NAT:     (*Lane).sendNAT,
	service.Local:   (*Lane).sendUnknown,
	service.Tunnel:  (*Lane).sendTunnel,
	service.DR:      (*Lane).sendDR,
	service.Bypass:  (*Lane).sendUnknown,
	service.FullNAT: (*Lane).sendUnknown,
	6:               (*Lane).sendUnknown,
	7:               (*Lane).sendUnknown,
}

// transmit sends a client's packet to the connection's real server.
func (l *Lane) transmit(p *wire.Packet, h *hit) Verdict {
	if p.TTL <= 1 {
		return l.timeExceeded(p, p.Dst)
	}
	hop, st := l.serverHop(h.server)
	if l.trace != nil {
		l.trace.towards(h.server.Addr, hop, st)
	}
	if hop == nil {
		return l.noHop(st)
	}
	if p.L4-p.L3 > wire.IPv4Len {
		forward.RecordRoute(p, p.Dst)
	}
	return methods[h.method&7](l, p, h, hop, st)
}

// serverHop returns the next hop towards a real server, which every server
// remembers for itself.
func (l *Lane) serverHop(s *Server) (*nexthop.Hop, nexthop.Status) {
	if hop := s.hop.Load(); hop != nil && hop.Gen == l.d.hops.Gen() {
		return hop, nexthop.Ready
	}
	hop, st := l.lookupHop(s.Addr)
	if st == nexthop.Ready {
		s.hop.Store(hop)
	}
	return hop, st
}

// sendDR sends the packet unchanged but for the TTL to the server's MAC.
func (l *Lane) sendDR(p *wire.Packet, h *hit, hop *nexthop.Hop, st nexthop.Status) Verdict {
	cut := exceeds(p, hop.MTU)
	if cut && forward.DontFragment(p) && l.tooLong(p, hop.MTU) {
		return l.tooBig(p, hop.MTU, p.Dst)
	}
	forward.DecrementTTL(p)
	if cut {
		return l.fragments(p, h.server.Addr, hop, st)
	}
	return l.emit(p, h.server.Addr, hop, st, ForwardedDR)
}

// sendNAT rewrites the destination to the real server.
func (l *Lane) sendNAT(p *wire.Packet, h *hit, hop *nexthop.Hop, st nexthop.Status) Verdict {
	cut := exceeds(p, hop.MTU)
	if cut && forward.DontFragment(p) && l.tooLong(p, hop.MTU) {
		return l.tooBig(p, hop.MTU, p.Dst)
	}
	forward.NATInbound(p, h.to, h.toPort)
	forward.DecrementTTL(p)
	if cut {
		return l.fragments(p, h.server.Addr, hop, st)
	}
	return l.emit(p, h.server.Addr, hop, st, ForwardedNAT)
}

// leastMTU6 is what every link that carries IPv6 takes (RFC 8200 section 5).
const leastMTU6 = 1280

// inTunnel is the length of the largest packet like p that the sender shall
// send through a tunnel to s, whose own packets may be mtu long. An IPv6 sender
// is never asked for less than the least MTU: the tunnel's packets are then
// fragmented.
func inTunnel(p *wire.Packet, s *Server, mtu int) int {
	room := mtu - s.tunnel.Load().Overhead()
	if p.Is6() {
		return max(room, leastMTU6)
	}
	return room
}

// mayNotCut reports whether a packet must go through the tunnel in one piece: with
// pmtu_disc an IPv4 packet that says so, and every IPv6 packet.
func (l *Lane) mayNotCut(p *wire.Packet) bool {
	return forward.DontFragment(p) && (p.Is6() || l.view.settings.PMTUDisc)
}

// sendTunnel puts the packet into an IP packet to the real server, in the way
// that the server's tunnel is. A tunnel header hides the transport header from the device, so
// super-frames are cut and checksums finished here.
func (l *Lane) sendTunnel(p *wire.Packet, h *hit, hop *nexthop.Hop, st nexthop.Status) Verdict {
	mtu := l.pathMTU(h.server, hop)
	if hop.Source.IsZero() {
		return l.done(DroppedNoRoute)
	}
	if h.server.sentMTU.Load() != int32(mtu) {
		h.server.sentMTU.Store(int32(mtu))
	}
	if room := inTunnel(p, h.server, mtu); l.mayNotCut(p) && l.tooLong(p, room) {
		return l.tooBig(p, room, p.Dst)
	}
	forward.DecrementTTL(p)
	if p.Offload.GSO() != wire.GSONone {
		return l.tunnelSegments(p, h, hop, st, mtu)
	}
	return l.done(l.tunnelOne(p, h, hop, st, mtu, ForwardedTunnel))
}

// tunnelSegments cuts a super-frame and encapsulates every segment.
func (l *Lane) tunnelSegments(p *wire.Packet, h *hit, hop *nexthop.Hop, st nexthop.Status, mtu int) Verdict {
	l.made = l.made[:0]
	if !forward.Segment(p, mtu-h.server.tunnel.Load().Overhead(), l.next) {
		return l.done(DroppedSegment)
	}
	r := ForwardedSegments
	for _, q := range l.made {
		r = together(r, l.tunnelOne(q, h, hop, st, mtu, ForwardedSegments))
	}
	return l.done(r)
}

// tunnelOne encapsulates one packet and places it, in fragments if it must be.
// No two lanes use the same id (RFC 6864 section 4).
func (l *Lane) tunnelOne(p *wire.Packet, h *hit, hop *nexthop.Hop, st nexthop.Status, mtu int, r Reason) Reason {
	df := !p.Is6() && l.mayNotCut(p)
	if !df {
		l.tunnelID += uint16(len(l.d.lanes))
	}
	if !h.server.tunnel.Load().Encap(p, hop.Source, l.tunnelID, df) {
		return DroppedSegment
	}
	if p.IPLen() > mtu {
		return l.placeFragments(p, h.server.Addr, hop, st, mtu)
	}
	return l.place(p, h.server.Addr, hop, st, r)
}

// pathMTU is the length of the largest IP packet that reaches the server over
// hop: the link's, or less if a router on the way said so lately.
func (l *Lane) pathMTU(s *Server, hop *nexthop.Hop) int {
	if known := s.path.Load(); known != nil && known.mtu < hop.MTU && l.now < known.until {
		return known.mtu
	}
	return hop.MTU
}

// exceeds reports whether a packet, or the segments of a super-frame, are
// longer than mtu.
func exceeds(p *wire.Packet, mtu int) bool {
	return p.IPLen() > mtu && forward.SegmentLen(p) > mtu
}

// sendUnknown is the transmitter of methods that cannot be.
func (l *Lane) sendUnknown(*wire.Packet, *hit, *nexthop.Hop, nexthop.Status) Verdict {
	return l.done(DroppedMethod)
}

// emit puts the hardware addresses on and queues the packet towards to, or
// lets it wait for them.
func (l *Lane) emit(p *wire.Packet, to wire.Addr, hop *nexthop.Hop, st nexthop.Status, r Reason) Verdict {
	if st != nexthop.Ready || p == &l.whole.packet {
		r = l.place(p, to, hop, st, r)
	} else {
		l.put(p, hop)
	}
	return l.done(r)
}

// put queues a packet for a next hop that is known.
func (l *Lane) put(p *wire.Packet, hop *nexthop.Hop) {
	forward.SetMACs(p, hop.Src, hop.Dst)
	p.Out = hop.Port
	l.queue(p)
}

// place is emit without the counting: one packet may become several.
func (l *Lane) place(p *wire.Packet, to wire.Addr, hop *nexthop.Hop, st nexthop.Status, r Reason) Reason {
	if p == &l.whole.packet {
		return l.placeWhole(to, hop, st)
	}
	if st != nexthop.Ready {
		if !l.d.hops.Queue(to, p) {
			return DroppedNeighbour
		}
		return HeldNeighbour
	}
	l.put(p, hop)
	return r
}

// fragments sends a packet without DF that is longer than the link's MTU: a
// super-frame cut into its segments first, then each piece into IP fragments.
func (l *Lane) fragments(p *wire.Packet, to wire.Addr, hop *nexthop.Hop, st nexthop.Status) Verdict {
	if p.Offload.GSO() == wire.GSONone {
		return l.done(l.placeFragments(p, to, hop, st, hop.MTU))
	}
	l.made = l.made[:0]
	if !forward.Segment(p, hop.MTU, l.next) {
		return l.done(DroppedSegment)
	}
	r := ForwardedSegments
	for _, q := range l.made {
		if q.IPLen() > hop.MTU {
			r = together(r, l.placeFragments(q, to, hop, st, hop.MTU))
		} else {
			r = together(r, l.place(q, to, hop, st, ForwardedSegments))
		}
	}
	return l.done(r)
}

// placeFragments cuts one packet into IP fragments and places them.
func (l *Lane) placeFragments(p *wire.Packet, to wire.Addr, hop *nexthop.Hop, st nexthop.Status, mtu int) Reason {
	first := len(l.made)
	if !l.cut(p, mtu) {
		return DroppedSegment
	}
	r := ForwardedFragments
	for _, q := range l.made[first:] {
		r = together(r, l.place(q, to, hop, st, ForwardedFragments))
	}
	return r
}

// cut makes IP fragments of p; an IPv6 packet is one of our tunnels' or came in
// fragments. No two
// lanes use the same id, which nobody can foresee (RFC 7739).
func (l *Lane) cut(p *wire.Packet, mtu int) bool {
	switch {
	case p == &l.whole.packet:
		return l.recut(p, mtu)
	case p.Is6():
		l.fragmentID += uint32(len(l.d.lanes))
		return forward.Fragment6(p, mtu, l.fragmentID, l.next)
	}
	return forward.Fragment(p, mtu, l.next)
}

// together is the reason of a packet that became several: the first loss of a
// piece, which is the loss of all of it, or else what became of the last.
func together(sofar, piece Reason) Reason {
	if sofar.Verdict() == Dropped {
		return sofar
	}
	return piece
}
