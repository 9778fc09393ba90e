package forward

import "ulvs/wire"

// IPIPOverhead is the length in bytes of the IPv4 header that EncapIPIP adds
// (RFC 2003 section 3): the MTU inside the tunnel is this much smaller. Of a
// tunnel over IPv6 it is IPv6Overhead (RFC 2473).
const (
	IPIPOverhead = wire.IPv4Len
	IPv6Overhead = wire.IPv6Len
)

// TunnelOverhead is what EncapIPIP adds to a packet to outerDst, in bytes.
func TunnelOverhead(outerDst *wire.Addr) int { return headerLen(!outerDst.Is4()) }

// EncapIPIP puts p, its TTL already decremented, into an IP packet from outerSrc
// to outerDst, each of the two of either family, as ip_vs does (kernel
// net/netfilter/ipvs/ip_vs_xmit.c, ip_vs_tunnel_xmit): TTL and TOS of the inner
// packet, but CE becomes ECT(0) outside (RFC 3168 section 9.1.1). In IPv4, DF is
// copied if df, else left out (sysctl pmtu_disc), and for an IPv6 packet left
// out; id is used only without DF (RFC 6864 section 4.1).
//
// The header goes into the headroom before the frame, Ethernet padding is cut
// off, and a partial checksum is finished, for a tunnel's far end cannot tell
// that it is partial. It reports false, with p unchanged, if p is a super-frame
// or the result would be longer than an IP packet can be.
func EncapIPIP(p *wire.Packet, outerSrc, outerDst wire.Addr, id uint16, df bool) bool {
	if p.Is6() || !outerDst.Is4() {
		return encap6(p, outerSrc, outerDst, id)
	}
	length := p.IPLen() + IPIPOverhead
	if length > 0xffff || !FinishChecksum(p) {
		return false
	}
	h := outerHeader(p.IPv4(), id, df)
	h.TotalLen = length
	h.Src, h.Dst = outerSrc.As4(), outerDst.As4()
	grow(p, IPIPOverhead)
	h.Put(p.Buf[p.L3:p.L4])
	setFlow(p, outerSrc, outerDst, wire.ProtoIPIP)
	return true
}

// grow makes room for a header of n bytes before the IP packet, which becomes
// the payload.
func grow(p *wire.Packet, n int) {
	link := p.Buf[p.Start:p.L3]
	p.L4 = p.L3
	p.Start -= n
	p.L3 -= n
	p.End = p.IPEnd
	copy(p.Buf[p.Start:], link)
}

// outerHeader returns what the outer header takes from the inner one.
func outerHeader(inner wire.IPv4, id uint16, df bool) wire.IPv4Header {
	df = df && inner.DF()
	if df {
		id = 0
	}
	return wire.IPv4Header{TOS: outerTOS(inner.TOS()), ID: id, DF: df, TTL: inner.TTL(), Protocol: wire.ProtoIPIP}
}

// outerTOS is the TOS or traffic class of the outer header.
func outerTOS(tos uint8) uint8 {
	const ce, ect0 = 3, 2
	if tos&ce == ce {
		tos = tos&^ce | ect0
	}
	return tos
}

// setFlow sets the parsed fields for a whole IP packet without ports.
func setFlow(p *wire.Packet, src, dst wire.Addr, proto uint8) {
	p.Src, p.Dst, p.Proto = src, dst, proto
	p.SrcPort, p.DstPort, p.TCPFlags, p.ICMPType, p.ICMPCode = 0, 0, 0, 0, 0
	p.FragOff, p.MoreFrags = 0, false
}
