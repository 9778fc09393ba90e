package forward

import "ulvs/wire"

// EchoReply turns the ICMP or ICMPv6 echo request p into its answer (RFC 1122
// section 3.2.2.6) with a new IP header: no options, TTL 64, the request's TOS
// and id.
// The Ethernet header moves with it; its addresses are left to SetMACs. It
// reports false, with p unchanged, if p is no whole echo request with a right
// checksum from and to a single host.
func EchoReply(p *wire.Packet) bool {
	if p.Is6() {
		return echoReply6(p)
	}
	if p.Proto != wire.ProtoICMP || p.ICMPType != wire.ICMPEcho || p.ICMPCode != 0 || !ValidICMP(p) || !CanError(p) {
		return false
	}
	ip := p.IPv4()
	h := wire.IPv4Header{TOS: ip.TOS(), ID: ip.ID(), TTL: ownTTL, Protocol: wire.ProtoICMP, Src: ip.Dst(), Dst: ip.Src()}
	dropOptions(p, wire.IPv4Len)
	h.TotalLen = p.IPLen()
	h.Put(p.IPv4())
	icmp := p.ICMPv4()
	icmp.SetType(wire.ICMPEchoReply)
	icmp.FillChecksum()
	setFlow(p, p.Dst, p.Src, wire.ProtoICMP)
	return true
}

// dropOptions moves the start of p so that an IP header of the given length fits
// before L4.
func dropOptions(p *wire.Packet, header int) {
	link := p.Buf[p.Start:p.L3]
	shift := p.L4 - header - p.L3
	p.Start += shift
	p.L3 += shift
	copy(p.Buf[p.Start:], link)
}
