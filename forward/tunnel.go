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
	overhead := TunnelOverhead(&outerDst)
	length := p.IPLen() + overhead
	if length > 0xffff || !FinishChecksum(p) {
		return false
	}
	in := innerOf(p)
	link := p.Buf[p.Start:p.L3]
	p.L4 = p.L3
	p.Start -= overhead
	p.L3 -= overhead
	p.End = p.IPEnd
	copy(p.Buf[p.Start:], link)
	setFlow(p, outerSrc, outerDst, in.proto)
	if overhead == IPv6Overhead {
		h := wire.IPv6Header{TrafficClass: in.tos, PayloadLen: length - overhead, NextHeader: in.proto, HopLimit: in.ttl, Src: outerSrc, Dst: outerDst}
		h.Put(p.Buf[p.L3:p.L4])
		p.EtherType = wire.EtherTypeIPv6
	} else {
		h := wire.IPv4Header{TOS: in.tos, TotalLen: length, DF: df && in.df, TTL: in.ttl, Protocol: in.proto, Src: outerSrc.As4(), Dst: outerDst.As4()}
		if !h.DF {
			h.ID = id
		}
		h.Put(p.Buf[p.L3:p.L4])
		p.EtherType = wire.EtherTypeIPv4
	}
	p.Ethernet().SetEtherType(p.EtherType)
	return true
}

// inner is what the outer header takes from the inner packet.
type inner struct {
	tos, ttl uint8
	df       bool
	proto    uint8
}

// innerOf reads p's header for a tunnel header before it.
func innerOf(p *wire.Packet) (in inner) {
	const ce, ect0 = 3, 2
	if p.Is6() {
		ip := p.IPv6()
		in = inner{tos: ip.TrafficClass(), ttl: ip.HopLimit(), proto: wire.ProtoIPv6}
	} else {
		ip := p.IPv4()
		in = inner{tos: ip.TOS(), ttl: ip.TTL(), df: ip.DF(), proto: wire.ProtoIPIP}
	}
	if in.tos&ce == ce {
		in.tos = in.tos&^ce | ect0
	}
	return in
}

// setFlow sets the parsed fields for a whole IP packet without ports.
func setFlow(p *wire.Packet, src, dst wire.Addr, proto uint8) {
	p.Src, p.Dst, p.Proto = src, dst, proto
	p.SrcPort, p.DstPort, p.TCPFlags, p.ICMPType, p.ICMPCode = 0, 0, 0, 0, 0
	p.FragOff, p.MoreFrags = 0, false
}
