package dataplane

import (
	"ulvs/conntrack"
	"ulvs/dataplane/nexthop"
	"ulvs/forward"
	"ulvs/service"
	"ulvs/wire"
)

// The shortest way: a plain packet of a connection that goes on as it is, to a
// next hop that is known. Most packets are such. It does what the
// functions for all packets do, and where anything is out of the ordinary it has
// done nothing and leaves the packet to them (TestPlainEqual holds the two
// against each other). BenchmarkRound: DR 85 to 65 ns, NAT 98 to 71 ns.

// plain takes a packet that was found plain this way; ok is false if it cannot.
func (l *Lane) plain(p *wire.Packet, r *prepared) (v Verdict, ok bool) {
	if r.reply {
		return l.plainReply(p, r)
	}
	return l.plainRequest(p, r)
}

// plainRequest is plain for a client's packet.
func (l *Lane) plainRequest(p *wire.Packet, r *prepared) (v Verdict, ok bool) {
	if !l.plainInbound(r, p) {
		return 0, false
	}
	h := &l.hit
	d := l.serverDelta(h.server.ID)
	d.InPkts++
	d.InBytes += uint64(r.view.Len)
	switch h.method {
	case service.NAT:
		forward.PlainNATInbound(p, &r.view, h.to.V4(), h.toPort)
		l.put(p, r.hop)
		return l.done(ForwardedNAT), true
	case service.DR:
		forward.PlainTTL(p)
		l.put(p, r.hop)
		return l.done(ForwardedDR), true
	}
	l.unplain(p, r)
	return l.sendTunnel(p, h, r.hop, nexthop.Ready), true
}

// plainInbound is inboundHit for a plain packet; r.hop is then the next hop.
func (l *Lane) plainInbound(r *prepared, p *wire.Packet) bool {
	v := &r.view
	sh := l.d.conns.Lock(r.ahead.Hash)
	defer sh.Unlock()
	c := sh.FindPlainInbound(&r.ahead, v)
	if c == nil || !c.Goes(v) {
		return false
	}
	s := l.view.server(c.Server())
	if s == nil || s.Deleted.Load() {
		return false
	}
	r.hop = s.hop.Load()
	if r.hop == nil || r.hop.Gen != l.d.hops.Gen() || v.Len > r.hop.MTU {
		return false
	}
	switch c.Method() {
	case service.NAT:
		if forward.HasNoChecksum(p, v) {
			return false
		}
	case service.DR, service.Tunnel:
	default:
		return false
	}
	if !sh.Extend(c, l.now+l.d.timeouts.Of(v.Proto, conntrack.Established)) {
		return false
	}
	c.CountPacket()
	l.hit.toServer(s, c)
	return true
}

// plainReply is plain for a NAT server's packet.
func (l *Lane) plainReply(p *wire.Packet, r *prepared) (v Verdict, ok bool) {
	hop := l.plainHop(&r.view)
	if hop == nil || r.view.Len > hop.MTU || forward.HasNoChecksum(p, &r.view) || !l.plainOutbound(r) {
		return 0, false
	}
	h := &l.hit
	d := l.serverDelta(h.server.ID)
	d.OutPkts++
	d.OutBytes += uint64(r.view.Len)
	forward.PlainNATOutbound(p, &r.view, h.to.V4(), h.toPort)
	l.put(p, hop)
	return l.done(ForwardedReply), true
}

// plainHop is the next hop to a client, if the lane has it in its cache.
func (l *Lane) plainHop(v *wire.Plain) *nexthop.Hop {
	dst := wire.AddrFromV4(v.Dst)
	slot := l.hopSlot(&dst)
	if slot.hop == nil || slot.addr != dst || slot.hop.Gen != l.d.hops.Gen() {
		return nil
	}
	return slot.hop
}

// plainOutbound is outboundHit for a plain packet that is not the connection's
// first reply.
func (l *Lane) plainOutbound(r *prepared) bool {
	v := &r.view
	sh := l.d.conns.Lock(r.ahead.Hash)
	defer sh.Unlock()
	c := sh.FindPlainOutbound(&r.ahead, v)
	if c == nil || !c.Goes(v) || c.Method() != service.NAT || !c.Has(conntrack.SeenOut) ||
		v.Proto == wire.ProtoUDP && c.Control() != 0 {
		return false
	}
	s := l.view.server(c.Server())
	if s == nil || s.Deleted.Load() || !sh.Extend(c, l.now+l.d.timeouts.Of(v.Proto, conntrack.Established)) {
		return false
	}
	l.hit.toClient(s, c)
	return true
}
