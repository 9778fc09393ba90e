package dataplane

import (
	"ulvs/conntrack"
	"ulvs/dataplane/nexthop"
	"ulvs/forward"
	"ulvs/service"
	"ulvs/wire"
)

// outbound handles a real server's packet of a known NAT connection on its way
// to the client; ok is false if there is none.
func (l *Lane) outbound(p *wire.Packet) (v Verdict, ok bool) {
	h := &l.hit
	var key conntrack.Key
	serverKey(p, &key)
	o := l.outboundHit(&key, p, h)
	if l.trace != nil {
		l.trace.looked(wire.WayOutbound, &key, o)
	}
	switch o {
	case missed:
		return 0, false
	case notNAT:
		return l.done(PassedNotNAT), true
	}
	return l.reply(p, h), true
}

// outboundHit looks up the connection that a server's packet belongs to by the
// client's end, moves its state on and copies it out.
func (l *Lane) outboundHit(key *conntrack.Key, p *wire.Packet, h *hit) outcome {
	sh := l.lock(p, key, wire.WayOutbound)
	defer sh.Unlock()
	c := sh.FindOutbound(key)
	if c == nil {
		return missed
	}
	if c.Method() != service.NAT {
		return notNAT
	}
	s := l.server(c.Server())
	if s == nil {
		return missed
	}
	from := c.State()
	if p.TTL > 1 { // else it does not get as far as ip_vs
		l.advance(sh, c, s, c.Direction(true), p)
	}
	h.toClient(s, c)
	if l.trace != nil {
		l.moved(s, c, conntrack.Outbound, from)
	}
	return found
}

// reply sends a server's packet to the client as coming from the virtual
// address. Like any router's, errors about it come from the director's own.
func (l *Lane) reply(p *wire.Packet, h *hit) Verdict {
	if p.TTL <= 1 {
		return l.timeExceeded(p, wire.Addr{})
	}
	hop, st := l.hopTo(&p.Dst)
	if l.trace != nil {
		l.trace.towards(p.Dst, hop, st)
	}
	if hop == nil {
		return l.noHop(st)
	}
	cut := exceeds(p, hop.MTU)
	if cut && forward.DontFragment(p) && l.tooLong(p, hop.MTU) {
		return l.answerError(p, packetTooBig, hop.MTU, wire.Addr{}, AnsweredTooBig)
	}
	l.countOut(h, p)
	if p.L4-p.L3 > wire.IPv4Len {
		forward.RecordRoute(p, hop.Source)
	}
	forward.NATOutbound(p, h.to, h.toPort)
	forward.DecrementTTL(p)
	if cut {
		return l.fragments(p, p.Dst, hop, st)
	}
	return l.emit(p, p.Dst, hop, st, ForwardedReply)
}

// noHop counts a packet that has nowhere to go.
func (l *Lane) noHop(st nexthop.Status) Verdict {
	switch st {
	case nexthop.LocalHost:
		return l.done(DroppedLocal)
	case nexthop.LinkDown:
		return l.done(DroppedLinkDown)
	}
	return l.done(DroppedNoRoute)
}
