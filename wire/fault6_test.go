package wire_test

import (
	"ulvs/wire"
	"ulvs/wire/wiretest"
)

// fragment6 makes an IPv6 fragment of n bytes.
func fragment6(proto uint8, n, off int, more bool, opts ...wiretest.Option) []byte {
	return wiretest.IP(flow6, proto, wiretest.TCP(flow6, wire.SYN, wiretest.Payload(100)).Transport()[:n],
		append(opts, wiretest.WithFragment(off, more))...).Frame()
}

// between is a frame from one address to another.
func between(src, dst string) []byte {
	p := wiretest.UDP(flow6, nil)
	for i, s := range []string{src, dst} {
		b := wiretest.Addr(s).As16()
		copy(p.IP()[8+16*i:], b[:])
	}
	return p.Frame()
}

// Offsets in an IPv6 frame without extension headers.
const (
	at6Length, at6Next, at6L4 = 18, 20, 54
)

// malformed6 are the rows of IPv6.
func malformed6() []malformed {
	udp, tcp := wiretest.UDP(flow6, wiretest.Payload(20)), wiretest.TCP(flow6, wire.SYN, nil, wiretest.WithTCPOptions(2, 4, 5, 180))
	ip := func(proto uint8, n int) []byte { return wiretest.IP(flow6, proto, make([]byte, n)).Frame() }
	ext := func(kind uint8, body ...byte) []byte {
		return wiretest.UDP(flow6, nil, wiretest.WithExtension(kind, body...)).Frame()
	}
	cut := func(p *wire.Packet, n int) []byte { return fixLength(append([]byte(nil), p.Frame()[:n]...)) }
	dest := extensions(wiretest.Destination)
	return []malformed{
		{"v6: ethernet header alone", udp.Frame()[:14], wire.FaultShortIP},
		{"v6: one byte short", udp.Frame()[:53], wire.FaultShortIP},
		{"v6: version 4", spoil(udp, atIP, 0x40), wire.FaultIPVersion},
		{"v6: payload length one beyond", spoil(udp, at6Length, 0, 29), wire.FaultTotalBeyond},
		{"v6: payload length 65535", spoil(udp, at6Length, 0xff, 0xff), wire.FaultTotalBeyond},
		{"v6: jumbogram", spoil(extensions(0), at6Length, 0, 0), wire.FaultJumbogram},
		{"v6: jumbo option", ext(wiretest.HopByHop, 0xc2, 4, 0, 1, 0, 0), wire.FaultJumbogram},
		{"v6: mapped source", between("::ffff:192.0.2.1", "2001:db8:2::1"), wire.FaultMappedAddress},
		{"v6: mapped destination", between("2001:db8:4::1", "::ffff:198.51.100.1"), wire.FaultMappedAddress},
		{"v6: extension cut", cut(dest, 61), wire.FaultExtensionBeyond},
		{"v6: extension of no bytes", cut(dest, 54), wire.FaultExtensionBeyond},
		{"v6: extension beyond", spoil(dest, 55, 9), wire.FaultExtensionBeyond},
		{"v6: fragment header cut", spoil(wiretest.Raw(ip(0, 7)), at6Next, 44), wire.FaultExtensionBeyond},
		{"v6: nine extensions", extensions(60, 60, 60, 60, 60, 60, 60, 60, 60).Frame(), wire.FaultExtensionCount},
		{"v6: late hop-by-hop", extensions(60, 0).Frame(), wire.FaultExtensionOrder},
		{"v6: second hop-by-hop", extensions(0, 0).Frame(), wire.FaultExtensionOrder},
		{"v6: fragment in a fragment", wiretest.IP(flow6, 44, make([]byte, 16), wiretest.WithFragment(0, true)).Frame(), wire.FaultExtensionOrder},
		{"v6: option beyond the header", ext(60, 5, 5, 0, 0), wire.FaultIPOption},
		{"v6: option without length", ext(60, 0, 0, 0, 0, 0, 5), wire.FaultIPOption},
		{"v6: routing header", ext(wiretest.Routing, 0, 1), wire.FaultSourceRoute},
		{"v6: segment routing", ext(wiretest.Routing, 4, 2), wire.FaultSourceRoute},
		{"v6: fragment not of 8", fragment6(wire.ProtoUDP, 15, 0, true), wire.FaultFragmentLength},
		{"v6: empty fragment", fragment6(wire.ProtoUDP, 0, 0, true), wire.FaultFragmentLength},
		{"v6: ping of death", fragment6(wire.ProtoICMPv6, 40, 65528, false), wire.FaultFragmentBeyond},
		{"v6: beyond 64k by an extension", fragment6(wire.ProtoUDP, 4, 65528, false, wiretest.WithExtension(0)), wire.FaultFragmentBeyond},
		{"v6: tiny fragment", fragment6(wire.ProtoTCP, 8, 0, true), wire.FaultTinyFragment},
		{"v6: first fragment with half of a header", fragment6(wiretest.Destination, 8, 0, true)[:], wire.FaultTinyFragment},
		{"v6: tcp fragment at 8", fragment6(wire.ProtoTCP, 16, 8, true), wire.FaultTCPFragment},
		{"v6: tcp one byte short", ip(wire.ProtoTCP, 19), wire.FaultShortTCP},
		{"v6: tcp offset 4", spoil(tcp, at6L4+12, 0x40), wire.FaultTCPOffsetSmall},
		{"v6: tcp offset 15", spoil(tcp, at6L4+12, 0xf0), wire.FaultTCPOffsetBeyond},
		{"v6: tcp behind an extension one byte short", cut(wiretest.TCP(flow6, wire.ACK, nil, wiretest.WithExtension(60)), 14+40+8+19), wire.FaultShortTCP},
		{"v6: udp one byte short", ip(wire.ProtoUDP, 7), wire.FaultShortUDP},
		{"v6: udp length 7", spoil(udp, at6L4+4, 0, 7), wire.FaultUDPLengthSmall},
		{"v6: udp length one beyond", spoil(udp, at6L4+4, 0, 29), wire.FaultUDPLengthBeyond},
		{"v6: icmp one byte short", ip(wire.ProtoICMPv6, 7), wire.FaultShortICMP},
		{"v6: sctp one byte short", ip(wire.ProtoSCTP, 11), wire.FaultShortSCTP},
	}
}
