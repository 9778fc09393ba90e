package dataplane

import (
	"ulvs/dataplane/nexthop"
	"ulvs/wire"
)

// problem is what an ICMP error says: type and code of ICMP (RFC 792, RFC 1191)
// and of ICMPv6 (RFC 4443).
type problem struct{ type4, code4, type6, code6 uint8 }

// Problems that the director itself tells of.
var (
	portUnreachable = problem{wire.ICMPUnreachable, wire.ICMPPortUnreachable, wire.ICMP6Unreachable, wire.ICMP6PortUnreachable}
	packetTooBig    = problem{wire.ICMPUnreachable, wire.ICMPFragNeeded, wire.ICMP6TooBig, 0}
	ttlUsedUp       = problem{wire.ICMPTimeExceeded, wire.ICMPTTLExceeded, wire.ICMP6TimeExceeded, wire.ICMP6HopLimitExceeded}
	hostUnreachable = problem{wire.ICMPUnreachable, wire.ICMPHostUnreachable, wire.ICMP6Unreachable, wire.ICMP6AddrUnreachable}
)

// about returns the type and code that tell the sender of p.
func (w problem) about(p *wire.Packet) (typ, code uint8) {
	if p.Is6() {
		return w.type6, w.code6
	}
	return w.type4, w.code4
}

// told returns what the ICMP error p says, as it is for its own family and as
// near as may be for the other.
func told(p *wire.Packet) problem {
	w := hostUnreachable
	switch {
	case saysTooBig(p):
		w = packetTooBig
	case !p.Is6() && p.ICMPType == wire.ICMPTimeExceeded, p.Is6() && p.ICMPType == wire.ICMP6TimeExceeded:
		w = ttlUsedUp
	}
	if p.Is6() {
		w.type6, w.code6 = p.ICMPType, p.ICMPCode
	} else {
		w.type4, w.code4 = p.ICMPType, p.ICMPCode
	}
	return w
}

// saysTooBig reports whether the ICMP error p is about a packet above an MTU.
func saysTooBig(p *wire.Packet) bool {
	typ, code := packetTooBig.about(p)
	return p.ICMPType == typ && (p.ICMPCode == code || p.Is6()) // RFC 4443 section 3.2: any code
}

// toldMTU is the MTU that such an error tells, in bytes.
func toldMTU(p *wire.Packet) int {
	if p.Is6() {
		return int(min(p.ICMPv6().MTU(), 0xffff))
	}
	return int(p.ICMPv4().MTU())
}

// isEcho reports whether the ICMP message p is an echo request.
func isEcho(p *wire.Packet) bool {
	if p.Is6() {
		return p.ICMPType == wire.ICMP6Echo
	}
	return p.ICMPType == wire.ICMPEcho
}

// errorSource is the source of an ICMP error about p that leaves by hop: src,
// or the director's own address where src is zero and, as ip_vs has it, in IPv6,
// where the virtual address is not the host's (RFC 4443 section 2.2).
func (l *Lane) errorSource(p *wire.Packet, src wire.Addr, hop *nexthop.Hop) wire.Addr {
	foreign := src.IsZero() || p.Is6() && !l.d.hops.IsLocal(src)
	if foreign && !hop.Source.IsZero() {
		return hop.Source
	}
	return src
}
