package dataplane

import (
	"ulvs/conntrack"
	"ulvs/dataplane/nexthop"
	"ulvs/forward"
	"ulvs/service"
	"ulvs/wire"
)

// icmpPacket handles ICMP and ICMPv6: errors about connections go to the connection's
// other end, pings of a VIP that is not the host's are answered.
func (l *Lane) icmpPacket(p *wire.Packet) Verdict {
	if p.Is6() != (p.Proto == wire.ProtoICMPv6) { // the other family's
		return l.done(PassedProtocol)
	}
	if v, ok := l.icmpError(p); ok {
		return v
	}
	if isEcho(p) && l.view.vips.has(&p.Dst) && !l.d.hops.IsLocal(p.Dst) {
		return l.echo(p)
	}
	return l.done(PassedICMP)
}

// echo answers a ping of a virtual address.
func (l *Lane) echo(p *wire.Packet) Verdict {
	src, dst := p.Ethernet().Src(), p.Ethernet().Dst()
	if src.IsGroup() || p == &l.whole.packet || !forward.EchoReply(p) {
		return l.done(DroppedICMPBad)
	}
	forward.SetMACs(p, dst, src)
	p.Out = p.In
	l.queue(p)
	return l.done(AnsweredEcho)
}

// icmpError handles an ICMP error about a connection; ok is false if the
// packet is none.
func (l *Lane) icmpError(p *wire.Packet) (v Verdict, ok bool) {
	if l.tunnelQuoted(p) {
		return l.tunnelError(p), true
	}
	q, ok := forward.QuotedFlow(p)
	if !ok {
		return 0, false
	}
	if l.quotedReply(&q) {
		return l.errorInbound(p), true
	}
	if l.quotedRequest(&q) {
		return l.errorOutbound(p), true
	}
	if l.view.settings.ScheduleICMP {
		return l.scheduleError(p, &q)
	}
	return 0, false
}

// quotedReply looks up the connection whose reply is quoted: an error from the
// client's side. The connection is left as it is: errors can be forged (RFC
// 5927).
func (l *Lane) quotedReply(q *forward.Quoted) bool {
	key := conntrack.Key{
		Client: q.Dst, ClientPort: q.DstPort,
		Virtual: q.Src, VirtualPort: q.SrcPort, Proto: q.Proto,
	}
	sh := l.d.conns.Lock(l.d.conns.HashKey(&key))
	defer sh.Unlock()
	c := sh.FindInbound(&key)
	s := l.serverOf(c)
	if s != nil {
		l.hit.toServer(s, c)
	}
	if l.trace != nil {
		l.quoted(wire.WayInbound, &key, s, c)
	}
	return s != nil
}

// quotedRequest looks up the NAT connection whose client packet is quoted as
// the real server got it: an error from the server's side.
func (l *Lane) quotedRequest(q *forward.Quoted) bool {
	key := conntrack.Key{
		Client: q.Src, ClientPort: q.SrcPort,
		Virtual: q.Dst, VirtualPort: q.DstPort, Proto: q.Proto,
	}
	sh := l.d.conns.Lock(l.d.conns.HashKey(&key))
	defer sh.Unlock()
	c := sh.FindOutbound(&key)
	s := l.serverOf(c)
	if s != nil && c.Method() != service.NAT {
		s = nil
	}
	if s != nil {
		l.hit.toClient(s, c)
	}
	if l.trace != nil {
		l.quoted(wire.WayOutbound, &key, s, c)
	}
	return s != nil
}

// serverOf returns the live server of a connection, nil if c is nil or the
// server is gone.
func (l *Lane) serverOf(c *conntrack.Conn) *Server {
	if c == nil || c.Has(conntrack.Template) {
		return nil
	}
	return l.server(c.Server())
}

// errorInbound sends a client-side error to the real server that owns the
// connection, by the connection's method.
func (l *Lane) errorInbound(p *wire.Packet) Verdict {
	h := &l.hit
	if !forward.ValidICMP(p) {
		return l.done(DroppedICMPBad)
	}
	if p.TTL <= 1 {
		return l.done(DroppedNoAnswer)
	}
	hop, st := l.serverHop(h.server)
	if l.trace != nil {
		l.trace.towards(h.server.Addr, hop, st)
	}
	if hop == nil {
		return l.noHop(st)
	}
	l.countIn(h, p)
	if p.L4-p.L3 > wire.IPv4Len {
		forward.RecordRoute(p, p.Dst)
	}
	switch h.method {
	case service.NAT:
		forward.ICMPInbound(p, h.to, h.toPort)
	case service.Tunnel:
		return l.sendTunnel(p, h, hop, st)
	}
	return l.relay(p, h.server.Addr, hop, st)
}

// errorOutbound sends a server-side error to the client as coming from the
// virtual address.
func (l *Lane) errorOutbound(p *wire.Packet) Verdict {
	h := &l.hit
	if !forward.ValidICMP(p) {
		return l.done(DroppedICMPBad)
	}
	if p.TTL <= 1 {
		return l.done(DroppedNoAnswer)
	}
	hop, st := l.hopTo(&p.Dst)
	if l.trace != nil {
		l.trace.towards(p.Dst, hop, st)
	}
	if hop == nil {
		return l.noHop(st)
	}
	l.countOut(h, p)
	forward.ICMPOutbound(p, h.to, h.toPort)
	return l.relay(p, p.Dst, hop, st)
}

// relay sends an ICMP error on. One that is too big cannot be answered by
// another error (RFC 1122 section 3.2.2).
func (l *Lane) relay(p *wire.Packet, to wire.Addr, hop *nexthop.Hop, st nexthop.Status) Verdict {
	forward.DecrementTTL(p)
	switch {
	case p.IPLen() <= hop.MTU:
		return l.emit(p, to, hop, st, ForwardedICMP)
	case forward.DontFragment(p) && l.tooLong(p, hop.MTU):
		return l.done(DroppedNoAnswer)
	}
	return l.fragments(p, to, hop, st)
}

// unreachable answers a client for whom there is no usable real server
// (kernel ip_vs_core.c, ip_vs_leave): ICMP port unreachable, also for TCP.
func (l *Lane) unreachable(p *wire.Packet) Verdict {
	return l.answerError(p, portUnreachable, 0, p.Dst, AnsweredUnreachable)
}

// tooBig tells the sender of a DF packet the MTU it must keep to. As in ip_vs
// the quoted packet has its TTL already decremented.
func (l *Lane) tooBig(p *wire.Packet, mtu int, src wire.Addr) Verdict {
	forward.DecrementTTL(p)
	return l.answerError(p, packetTooBig, mtu, src, AnsweredTooBig)
}

// timeExceeded tells the sender that the TTL is used up. The zero src stands
// for the director's own address on the way back.
func (l *Lane) timeExceeded(p *wire.Packet, src wire.Addr) Verdict {
	return l.answerError(p, ttlUsedUp, 0, src, AnsweredTTL)
}

// answerError sends an ICMP error about p to its source, within the rate
// limit.
func (l *Lane) answerError(p *wire.Packet, w problem, mtu int, src wire.Addr, r Reason) Verdict {
	if !forward.CanError(p) {
		return l.done(DroppedNoAnswer)
	}
	if !l.icmp.take(l.now) {
		return l.done(DroppedICMPLimit)
	}
	hop, st := l.hopTo(&p.Src)
	if l.trace != nil {
		l.trace.towards(p.Src, hop, st)
	}
	if hop == nil {
		return l.noHop(st)
	}
	src = l.errorSource(p, src, hop)
	e := l.frame()
	if e == nil {
		return l.done(DroppedICMPLimit)
	}
	if src.IsZero() {
		return l.done(DroppedNoRoute)
	}
	typ, code := w.about(p)
	forward.BuildICMPError(e, p, typ, code, uint16(mtu), src)
	if got := l.place(e, p.Src, hop, st, r); got.Verdict() == Dropped {
		return l.done(got)
	}
	return l.done(r)
}
