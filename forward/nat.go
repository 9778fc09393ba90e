package forward

import (
	"encoding/binary"
	"math/bits"

	"ulvs/wire"
)

// end is one end of a packet: its address and port.
type end int

const (
	source      end = 0
	destination end = 1
)

// addr returns the four bytes of this end's address in an IPv4 header.
func (e end) addr(ip []byte) []byte { return ip[12+4*e : 16+4*e] }

// addr6 returns the 16 bytes of this end's address in an IPv6 header.
func (e end) addr6(ip []byte) []byte { return ip[8+16*e : 24+16*e] }

// port returns the two bytes of this end's port in a TCP, UDP or SCTP header.
func (e end) port(l4 []byte) []byte { return l4[2*e : 2+2*e] }

// NATInbound sends a client's packet to a real server: the destination, which
// is the virtual service, becomes real:realPort. Checksums follow by RFC 1624;
// a partial one takes the addresses only, a wrong one stays wrong. Where UDP
// has none (zero, RFC 768) one is put in, as ip_vs does (kernel
// ip_vs_proto_udp.c, udp_dnat_handler), but not in a fragment. Of a fragment
// other than the first only the IP header changes. For SCTP see rewriteSCTP.
func NATInbound(p *wire.Packet, real wire.Addr, realPort uint16) {
	if rewrite(p, destination, &real, realPort) {
		p.DstPort = realPort
	}
	p.Dst = real
}

// NATOutbound gives a real server's answer the source that the client spoke
// to: virtual:virtualPort. Checksums are treated as in NATInbound.
func NATOutbound(p *wire.Packet, virtual wire.Addr, virtualPort uint16) {
	if rewrite(p, source, &virtual, virtualPort) {
		p.SrcPort = virtualPort
	}
	p.Src = virtual
}

// rewrite changes one end in the headers of p and reports whether there was a
// port to change. It is one function because two, one for each header, take
// 9 ns instead of 8.
func rewrite(p *wire.Packet, e end, addr *wire.Addr, port uint16) bool {
	var d wire.Delta
	if !p.Is6() {
		ip := wire.IPv4(p.Buf[p.L3 : p.L3+wire.IPv4Len : p.L3+wire.IPv4Len])
		d = setAddr(ip, e, addr)
		ip.SetChecksum(d.Update(ip.Checksum()))
	} else {
		d = setAddr6(p, e, addr)
	}
	if p.FragOff != 0 {
		return false
	}
	var at int
	switch p.Proto {
	case wire.ProtoTCP:
		at = wire.TCPChecksumOffset
	case wire.ProtoUDP:
		at = wire.UDPChecksumOffset
	default:
		rewriteICMP6(p, d)
		return rewriteSCTP(p, e, port)
	}
	l4 := p.Buf[p.L4:p.IPEnd]
	ports := setPort(l4, e, port)
	sum := binary.BigEndian.Uint16(l4[at:])
	switch {
	case p.Offload.Partial():
		sum = d.UpdatePartial(sum)
	case p.Proto == wire.ProtoTCP:
		sum = (d + ports).Update(sum)
	case sum == 0:
		sum = missingSum(p)
	default:
		sum = (d + ports).UpdateUDP(sum)
	}
	binary.BigEndian.PutUint16(l4[at:], sum)
	return true
}

// missingSum is the checksum of a datagram that came without, after its rewrite,
// or still none if p is but a part of the datagram.
func missingSum(p *wire.Packet) uint16 {
	n := p.UDP().Length()
	if p.MoreFrags || p.Offload.GSO() != wire.GSONone || n > p.IPEnd-p.L4 {
		return 0
	}
	l4 := p.Buf[p.L4 : p.L4+n]
	src, dst := headerAddrs(p)
	return wire.UDPZero(wire.Checksum(l4, wire.PseudoSum(src, dst, p.Proto, n)))
}

// headerAddrs reads the addresses of p's header, which may be newer than those
// that Parse found.
func headerAddrs(p *wire.Packet) (src, dst wire.Addr) {
	if p.Is6() {
		ip := p.IPv6()
		return wire.AddrFrom16(ip.Src()), wire.AddrFrom16(ip.Dst())
	}
	ip := p.IPv4()
	return wire.AddrFrom4(ip.Src()), wire.AddrFrom4(ip.Dst())
}

// setAddr writes one address of an IPv4 header, not its checksum. It returns
// what wire.DiffAddr does.
func setAddr(ip wire.IPv4, e end, addr *wire.Addr) wire.Delta {
	field := e.addr(ip)
	from, to := binary.BigEndian.Uint32(field), bits.ReverseBytes32(addr.V4())
	binary.BigEndian.PutUint32(field, to)
	return wire.Diff16(uint16(from>>16), uint16(to>>16)) + wire.Diff16(uint16(from), uint16(to))
}

// setPort writes one port of a transport header or the beginning of one.
func setPort(l4 []byte, e end, port uint16) wire.Delta {
	field := e.port(l4)
	from := binary.BigEndian.Uint16(field)
	binary.BigEndian.PutUint16(field, port)
	return wire.Diff16(from, port)
}
