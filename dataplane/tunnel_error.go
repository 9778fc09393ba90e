package dataplane

import (
	"time"

	"ulvs/conntrack"
	"ulvs/forward"
	"ulvs/service"
	"ulvs/wire"
)

// What is believed of a path MTU.
const (
	// minPathMTU is the least: what says less is an attack or not worth the
	// packets (kernel net/ipv4/route.c, ip_rt_min_pmtu).
	minPathMTU = 552 // over IPv6 leastMTU6
	// pathLifetime is for how long: the way may have become better (RFC 1191
	// section 6.3).
	pathLifetime = 10 * time.Minute
)

// tunnelQuoted reports whether p is an ICMP error about a tunnel packet of
// ours, which comes from a router between director and real server, and quotes
// enough to find the client's connection: then l.inner is the client's packet
// and l.hit the connection.
func (l *Lane) tunnelQuoted(p *wire.Packet) bool {
	outer, ok := forward.TunnelQuote(&l.inner, p)
	if !ok || outer.Src != p.Dst || !l.d.hops.IsLocal(p.Dst) {
		return false
	}
	key := conntrack.Key{
		Client: l.inner.Src, ClientPort: l.inner.SrcPort,
		Virtual: l.inner.Dst, VirtualPort: l.inner.DstPort, Proto: l.inner.Proto,
	}
	sh := l.d.conns.Lock(l.d.conns.HashKey(&key))
	defer sh.Unlock()
	c := sh.FindInbound(&key)
	s := l.serverOf(c)
	if s != nil && (c.Method() != service.Tunnel || !s.tunnel.Load().Made(&outer)) {
		s = nil
	}
	if s != nil {
		l.hit.toServer(s, c)
	}
	if l.trace != nil {
		l.quoted(wire.WayInbound, &key, s, c)
	}
	return s != nil
}

// tunnelError tells the client, in the name of the virtual service, what a
// router said about its packet in the tunnel (kernel ip_vs_core.c,
// ip_vs_in_icmp).
func (l *Lane) tunnelError(p *wire.Packet) Verdict {
	if !forward.ValidICMP(p) {
		return l.done(DroppedICMPBad)
	}
	mtu := 0
	if saysTooBig(p) {
		mtu = l.learnPath(toldMTU(p))
		if mtu <= 0 || !forward.DontFragment(&l.inner) {
			return l.done(PassedICMP) // nothing the client could do
		}
	}
	return l.answerError(&l.inner, told(p), mtu, l.inner.Dst, ForwardedICMP)
}

// learnPath takes note of the MTU of the way to the hit's server and returns
// what the client is told, 0 if nothing: as in ip_vs the MTU that the packet in
// question was sent by, less the tunnel header. The client's next packet that is
// too big gets the new one. Routers from before
// RFC 1191 tell 0.
func (l *Lane) learnPath(told int) int {
	s, least := l.hit.server, minPathMTU
	if !s.Addr.Is4() {
		least = leastMTU6
	}
	hop, _ := l.serverHop(s)
	if hop == nil || told == 0 {
		return 0
	}
	if told = max(told, least); told < hop.MTU {
		s.path.Store(&path{told, l.now + pathLifetime})
	}
	if !s.Addr.Is4() { // ip_vs does not follow errors about such tunnels
		return inTunnel(&l.inner, s, l.pathMTU(s, hop))
	}
	return inTunnel(&l.inner, s, int(s.sentMTU.Load()))
}
