package pcapfilter

import (
	"encoding/binary"
	"net/netip"
)

// primitive is a term: what it means to frames of each family.
type primitive func(family) node

// direction says which of source and destination are meant.
type direction uint8

const (
	either direction = iota // src or dst
	source
	destination
	both // src and dst
)

// of joins what is asked of the source and of the destination.
func (d direction) of(src, dst node) node {
	switch d {
	case source:
		return src
	case destination:
		return dst
	case both:
		return and(src, dst)
	}
	return or(src, dst)
}

// notFragment: an IPv4 packet that is no later fragment.
var notFragment = equal(20, 0x1fff0000, 0)

// Protocols by the names of pcap-filter(7).
var protocols = map[string]uint8{"icmp": 1, "igmp": 2, "tcp": 6, "udp": 17, "gre": 47, "esp": 50, "ah": 51, "icmp6": 58, "sctp": 132}

// portProtocols are those with ports.
var portProtocols = []uint8{6, 17, 132}

// etherTypes by the names of pcap-filter(7).
var etherTypes = map[string]uint16{"ip": etherIPv4, "ip6": etherIPv6, "arp": etherARP, "rarp": etherRARP}

// etherType is a term such as "ip".
func etherType(t uint16) primitive {
	return func(f family) node {
		switch f {
		case ipv4:
			return when(t == etherIPv4)
		case ipv6:
			return when(t == etherIPv6)
		}
		if t == etherIPv4 || t == etherIPv6 {
			return no
		}
		// The four bytes begin before the type, so that a frame without a body
		// has it too.
		return equal(10, 0xffff, uint32(t))
	}
}

// protocol is a term such as "tcp". It looks behind one fragment header of
// IPv6, as tcpdump does.
func protocol(p uint8) primitive {
	return func(f family) node {
		switch f {
		case ipv4:
			return equal(20, 0xff, uint32(p))
		case ipv6:
			next := equal(17, 0xff, uint32(p))
			behind := and(equal(17, 0xff, 44), equal(l4IPv6, 0xff000000, uint32(p)<<24))
			return or(next, behind)
		}
		return no
	}
}

// protocolName is a term such as "tcp" alone: icmp is IPv4's, icmp6 IPv6's.
func protocolName(name string) primitive {
	p := protocol(protocols[name])
	switch name {
	case "icmp", "igmp":
		return only(ipv4, p)
	case "icmp6":
		return only(ipv6, p)
	}
	return p
}

// only restricts a term to frames of one family.
func only(to family, p primitive) primitive {
	return func(f family) node {
		if f != to {
			return no
		}
		return p(f)
	}
}

// all joins terms that must hold together.
func all(terms ...primitive) primitive {
	return func(f family) node {
		kids := make([]node, len(terms))
		for i, t := range terms {
			kids[i] = t(f)
		}
		return and(kids...)
	}
}

// ports is a term such as "port 80", of the protocols given.
func ports(d direction, lo, hi uint16, protos []uint8) primitive {
	return func(f family) node {
		if f == other {
			return no
		}
		n := []node{portTest(d, uint32(lo), uint32(hi-lo))}
		var kinds []node
		for _, p := range protos {
			if f == ipv4 {
				kinds = append(kinds, equal(20, 0xff, uint32(p)))
			} else {
				kinds = append(kinds, equal(17, 0xff, uint32(p)))
			}
		}
		n = append(n, or(kinds...))
		if f == ipv4 {
			n = append(n, notFragment)
		}
		return and(n...)
	}
}

// fromL4 makes an offset one from the transport header.
const fromL4 = 0xffff

// portTest compares ports alone.
func portTest(d direction, lo, span uint32) node {
	if d == either {
		return node{op: opTest, t: test{l4: fromL4, either: true, lo: lo, span: span}}
	}
	// The destination port is the lower half of the first four bytes.
	src := node{op: opTest, t: test{l4: fromL4, mask: 0xffff0000, lo: lo << 16, span: span << 16}}
	dst := node{op: opTest, t: test{l4: fromL4, mask: 0xffff, lo: lo, span: span}}
	return d.of(src, dst)
}

// network is a term such as "net 192.0.2.0/24" or, with all bits, "host
// 192.0.2.1".
func network(d direction, p netip.Prefix) primitive {
	if p.Addr().Is6() {
		return only(ipv6, func(family) node { return d.of(prefix6(22, p), prefix6(38, p)) })
	}
	return func(f family) node {
		switch f {
		case ipv4:
			return d.of(prefix4(26, p), prefix4(30, p))
		case ipv6:
			return no
		}
		arp := or(equal(10, 0xffff, etherARP), equal(10, 0xffff, etherRARP))
		return and(arp, d.of(prefix4(28, p), prefix4(38, p)))
	}
}

// prefix4 compares an IPv4 address at an offset.
func prefix4(off uint16, p netip.Prefix) node {
	a := p.Masked().Addr().As4()
	return word(off, binary.BigEndian.Uint32(a[:]), p.Bits())
}

// prefix6 compares an IPv6 address at an offset, the last word first: it is what
// most addresses differ in.
func prefix6(off uint16, p netip.Prefix) node {
	a := p.Masked().Addr().As16()
	var words []node
	for i := 12; i >= 0; i -= 4 {
		words = append(words, word(off+uint16(i), binary.BigEndian.Uint32(a[i:]), p.Bits()-8*i))
	}
	return and(words...)
}

// word compares the first bits of four bytes.
func word(off uint16, value uint32, bits int) node {
	if bits <= 0 {
		return yes
	}
	mask := ^uint32(0) << (32 - min(bits, 32))
	return equal(off, mask, value)
}

// tcpFlags compares flags of the TCP header, of IPv4 only, as tcpdump does:
// those of mask against value.
func tcpFlags(mask, value uint8) primitive {
	return only(ipv4, func(family) node {
		flags := node{op: opTest, t: test{off: 10, l4: fromL4, mask: uint32(mask), lo: uint32(value)}}
		return and(flags, equal(20, 0xff, 6), notFragment)
	})
}
