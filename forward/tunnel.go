package forward

import "ulvs/wire"

// IPIPOverhead is the length in bytes of the header that EncapIPIP adds
// (RFC 2003 section 3): the MTU inside the tunnel is this much smaller.
const IPIPOverhead = wire.IPv4Len

// EncapIPIP puts p, its TTL already decremented, into an IPv4 packet from
// outerSrc to outerDst, as ip_vs does (kernel net/netfilter/ipvs/ip_vs_xmit.c,
// ip_vs_tunnel_xmit): TTL and TOS of the inner packet, but CE becomes ECT(0)
// outside (RFC 3168 section 9.1.1). DF is copied if df, else left out (sysctl
// pmtu_disc); id is used only without DF (RFC 6864 section 4.1).
//
// The header goes into the headroom before the frame, Ethernet padding is cut
// off, and a partial checksum is finished, for a tunnel's far end cannot tell
// that it is partial. It reports false, with p unchanged, if p is a super-frame
// or the result would be longer than an IP packet can be.
func EncapIPIP(p *wire.Packet, outerSrc, outerDst wire.Addr, id uint16, df bool) bool {
	length := p.IPLen() + IPIPOverhead
	if length > 0xffff || !FinishChecksum(p) {
		return false
	}
	h := outerHeader(p.IPv4(), id, df)
	h.TotalLen = length
	h.Src, h.Dst = outerSrc.As4(), outerDst.As4()

	link := p.Buf[p.Start:p.L3]
	p.L4 = p.L3
	p.Start -= IPIPOverhead
	p.L3 -= IPIPOverhead
	p.End = p.IPEnd
	copy(p.Buf[p.Start:], link)
	h.Put(p.Buf[p.L3:p.L4])
	setFlow(p, outerSrc, outerDst, wire.ProtoIPIP)
	return true
}

// outerHeader returns what the outer header takes from the inner one.
func outerHeader(inner wire.IPv4, id uint16, df bool) wire.IPv4Header {
	const ce, ect0 = 3, 2
	tos := inner.TOS()
	if tos&ce == ce {
		tos = tos&^ce | ect0
	}
	df = df && inner.DF()
	if df {
		id = 0
	}
	return wire.IPv4Header{TOS: tos, ID: id, DF: df, TTL: inner.TTL(), Protocol: wire.ProtoIPIP}
}

// setFlow sets the parsed fields for a whole IP packet without ports.
func setFlow(p *wire.Packet, src, dst wire.Addr, proto uint8) {
	p.Src, p.Dst, p.Proto = src, dst, proto
	p.SrcPort, p.DstPort, p.TCPFlags, p.ICMPType, p.ICMPCode = 0, 0, 0, 0, 0
	p.FragOff, p.MoreFrags = 0, false
}
