package forward

import (
	"math/bits"

	"ulvs/wire"
)

// Encapsulation is what stands between the outer and the inner IP header.
type Encapsulation uint8

// The encapsulations of ip_vs.
const (
	IPIP Encapsulation = iota // nothing (RFC 2003, RFC 2473)
	GRE                       // RFC 2784
	GUE                       // UDP and draft-ietf-intarea-gue, variant 0
)

// Tunnel is how packets to one real server are encapsulated, worked out once.
type Tunnel struct {
	dst      wire.Addr
	seed     uint64
	kind     Encapsulation
	sum      bool
	port     uint16 // destination port of GUE
	proto    uint8  // of the outer IP header; IPIP: that of the inner packet
	ip       int    // length in bytes of the outer IP header
	overhead int    // length in bytes of all headers that are put before
}

// NewTunnel makes a tunnel to dst, of either family. sum asks for the checksum
// of GRE or of GUE's UDP, which are optional; port and seed are GUE's: the port
// at dst, and the secret of the hash that the source port is.
func NewTunnel(dst wire.Addr, kind Encapsulation, sum bool, port uint16, seed uint64) *Tunnel {
	t := &Tunnel{dst: dst, seed: seed, kind: kind, sum: sum, port: port, ip: headerLen(!dst.Is4())}
	t.overhead = t.ip
	switch {
	case kind == GRE && sum:
		t.proto, t.overhead = wire.ProtoGRE, t.ip+wire.GREChecksumLen
	case kind == GRE:
		t.proto, t.overhead = wire.ProtoGRE, t.ip+wire.GRELen
	case kind == GUE:
		t.proto, t.overhead = wire.ProtoUDP, t.ip+wire.UDPLen+wire.GUELen
	}
	return t
}

// Overhead is what Encap adds to a packet, in bytes: the MTU inside the tunnel
// is this much smaller.
func (t *Tunnel) Overhead() int { return t.overhead }

// Encap puts p, its TTL already decremented, into an IP packet from src to the
// tunnel's end, each of the two of either family, as ip_vs does (kernel
// net/netfilter/ipvs/ip_vs_xmit.c, ip_vs_tunnel_xmit): TTL and TOS of the inner
// packet, but CE becomes ECT(0) outside (RFC 3168 section 9.1.1). In IPv4, DF is
// copied if df, else left out (sysctl pmtu_disc), and for an IPv6 packet left
// out; id is used only without DF (RFC 6864 section 4.1).
//
// The headers go into the headroom before the frame, Ethernet padding is cut
// off, and a partial checksum is finished, for a tunnel's far end cannot tell
// that it is partial. It reports false, with p unchanged, if p is a super-frame
// or the result would be longer than an IP packet can be.
func (t *Tunnel) Encap(p *wire.Packet, src wire.Addr, id uint16, df bool) bool {
	if p.IPLen()+t.overhead > 0xffff || !FinishChecksum(p) {
		return false
	}
	in := innerOf(p)
	port := uint16(0)
	if t.kind == GUE {
		port = t.sourcePort(p)
	}
	t.grow(p)
	if in.df = in.df && df; t.ip == wire.IPv4Len {
		t.put4(p, in, src, id)
	} else {
		t.put6(p, in, src)
	}
	setFlow(p, src, t.dst, t.outerProto(in))
	if t.kind != IPIP {
		t.putShim(p, in.proto, port)
	}
	return true
}

// putShim writes what stands between the IP headers.
func (t *Tunnel) putShim(p *wire.Packet, proto uint8, port uint16) {
	if t.kind == GRE {
		wire.PutGRE(p.Transport(), wire.EtherTypeOf(proto), t.sum)
		return
	}
	t.putGUE(p, proto, port)
}

// grow makes room for the headers before the IP packet, which becomes the
// payload. The link header is assigned, for copy calls memmove.
func (t *Tunnel) grow(p *wire.Packet) {
	link := *(*[wire.EthernetLen]byte)(p.Buf[p.Start:p.L3])
	p.Start -= t.overhead
	p.L3 -= t.overhead
	p.L4 = p.L3 + t.ip
	p.End = p.IPEnd
	*(*[wire.EthernetLen]byte)(p.Buf[p.Start:p.L3]) = link
}

// inner is what the outer headers take from the inner one.
type inner struct {
	proto, tos, ttl uint8
	df              bool
}

func innerOf(p *wire.Packet) inner {
	if p.Is6() {
		ip := p.IPv6()
		return inner{wire.ProtoIPv6, outerTOS(ip.TrafficClass()), ip.HopLimit(), false}
	}
	ip := p.IPv4()
	return inner{wire.ProtoIPIP, outerTOS(ip.TOS()), ip.TTL(), ip.DF()}
}

// outerTOS is the TOS or traffic class of the outer header.
func outerTOS(tos uint8) uint8 {
	const ce, ect0 = 3, 2
	if tos&ce == ce {
		tos = tos&^ce | ect0
	}
	return tos
}

// outerProto is the protocol of the outer header.
func (t *Tunnel) outerProto(in inner) uint8 {
	if t.kind == IPIP {
		return in.proto
	}
	return t.proto
}

// put4 writes the outer header of IPv4. Its arguments are nine words, as many as
// there are registers for.
func (t *Tunnel) put4(p *wire.Packet, in inner, src wire.Addr, id uint16) {
	if in.df {
		id = 0
	}
	setEtherType(p, wire.EtherTypeIPv4)
	h := wire.IPv4Header{
		TOS: in.tos, TotalLen: p.IPLen(), ID: id, DF: in.df, TTL: in.ttl, Protocol: t.outerProto(in),
		Src: src.As4(), Dst: t.dst.As4(),
	}
	h.Put(p.Buf[p.L3:p.L4])
}

// put6 writes the outer header of IPv6.
func (t *Tunnel) put6(p *wire.Packet, in inner, src wire.Addr) {
	setEtherType(p, wire.EtherTypeIPv6)
	h := wire.IPv6Header{
		TrafficClass: in.tos, PayloadLen: p.IPLen() - wire.IPv6Len, NextHeader: t.outerProto(in), HopLimit: in.ttl,
		Src: src, Dst: t.dst,
	}
	h.Put(p.Buf[p.L3:p.L4])
}

// setEtherType says what the frame now carries.
func setEtherType(p *wire.Packet, v uint16) {
	if p.EtherType != v {
		p.EtherType = v
		p.Ethernet().SetEtherType(v)
	}
}

// putGUE writes the UDP and GUE headers. A checksum of zero is as valid over
// IPv6 (RFC 6935) as over IPv4.
func (t *Tunnel) putGUE(p *wire.Packet, proto uint8, port uint16) {
	p.SrcPort, p.DstPort = port, t.port
	udp := p.UDP()
	udp.SetSrcPort(port)
	udp.SetDstPort(t.port)
	udp.SetLength(len(udp))
	udp.SetChecksum(0)
	wire.PutGUE(udp[wire.UDPLen:], proto)
	if t.sum {
		sumTransport(p, wire.UDPChecksumOffset)
	}
}

// The source ports of GUE are those that Linux gives to clients (ip(7),
// ip_local_port_range).
const (
	firstPort = 32768
	numPorts  = 60999 - firstPort + 1
)

// sourcePort is the source port of GUE, by which routers and network cards on
// the way spread flows: a hash of the inner flow, the same for all its packets.
func (t *Tunnel) sourcePort(p *wire.Packet) uint16 {
	s0, s1 := p.Src.Words()
	d0, d1 := p.Dst.Words()
	h := mix(t.seed^s0, s1^0xa0761d6478bd642f)
	h = mix(h^d0, d1^0xe7037ed1a0b428db)
	h = mix(h^uint64(p.Proto)<<32^uint64(p.SrcPort)<<16^uint64(p.DstPort), t.seed^0x8ebc6af09c88c6e3)
	return firstPort + uint16(h>>32*numPorts>>32)
}

// mix multiplies two words and adds the halves of the product, carries aside.
func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// setFlow sets the parsed fields for a whole IP packet without ports.
func setFlow(p *wire.Packet, src, dst wire.Addr, proto uint8) {
	p.Src, p.Dst, p.Proto = src, dst, proto
	p.SrcPort, p.DstPort, p.TCPFlags, p.ICMPType, p.ICMPCode = 0, 0, 0, 0, 0
	p.FragOff, p.MoreFrags = 0, false
}
