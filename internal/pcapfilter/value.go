package pcapfilter

import (
	"net/netip"
	"strconv"
	"strings"
)

// address reads an address or a network.
func (x *parser) address(h head) (primitive, error) {
	p, err := x.prefix(h)
	if err != nil {
		return nil, err
	}
	n := network(h.direction, p)
	switch h.protocol {
	case "":
		return n, nil
	case "ip":
		return only(ipv4, n), x.same(p, true)
	case "ip6":
		return only(ipv6, n), x.same(p, false)
	case "arp", "rarp":
		return all(etherType(etherTypes[h.protocol]), n), x.same(p, true)
	}
	return nil, x.failBack("%s has no addresses; write \"%s and host %s\"", h.protocol, h.protocol, p.Addr())
}

// same refuses an address of the other family than the word before it.
func (x *parser) same(p netip.Prefix, is4 bool) error {
	if p.Addr().Is4() != is4 {
		return x.failBack("%s is not an address of that protocol", p.Addr())
	}
	return nil
}

// prefix reads an address, with its length where there is one.
func (x *parser) prefix(h head) (p netip.Prefix, err error) {
	text := x.peek()
	a, err := netip.ParseAddr(text)
	switch {
	case err == nil && h.kind == "net":
		return x.masked(a)
	case err == nil && a.Zone() == "" && !a.Is4In6():
		x.at++
		return netip.PrefixFrom(a, a.BitLen()), nil
	case h.kind == "net" || h.kind == "" && strings.Contains(text, "/"):
		return x.net(text)
	}
	return p, x.fail("%s is not %s", x.quoted(), expected(h.kind))
}

// net reads a network with a length.
func (x *parser) net(text string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(text)
	switch {
	case err != nil:
		return p, x.fail("%s is not %s", x.quoted(), expected("net"))
	case p.Masked() != p:
		return p, x.fail("%s has bits beyond its length; the network is %s", x.quoted(), p.Masked())
	}
	x.at++
	return p, nil
}

// masked reads the rest of "192.0.2.0 mask 255.255.255.0"; without it, an address
// is a network of one.
func (x *parser) masked(a netip.Addr) (netip.Prefix, error) {
	x.at++
	p := netip.PrefixFrom(a, a.BitLen())
	if _, ok := x.take("mask"); !ok {
		return p, nil
	}
	m, err := netip.ParseAddr(x.peek())
	if err != nil || !m.Is4() || !a.Is4() {
		return p, x.fail("%s is not an IPv4 mask such as 255.255.255.0", x.quoted())
	}
	for bits := range 33 {
		if all, _ := netip.AddrFrom4([4]byte{255, 255, 255, 255}).Prefix(bits); all.Addr() == m {
			p = netip.PrefixFrom(a, bits)
			if p.Masked() != p {
				return p, x.fail("%s has bits beyond this mask", a)
			}
			x.at++
			return p, nil
		}
	}
	return p, x.fail("%s is not an IPv4 mask such as 255.255.255.0", x.quoted())
}

// ports reads a port or a range of ports.
func (x *parser) ports(h head) (primitive, error) {
	first, second, isRange := strings.Cut(x.peek(), "-")
	if !isRange || h.kind == "port" {
		first, second = x.peek(), x.peek()
	}
	lo, err1 := strconv.ParseUint(first, 10, 16)
	hi, err2 := strconv.ParseUint(second, 10, 16)
	if err1 != nil || err2 != nil {
		return nil, x.fail("%s is not %s (0 to 65535)", x.quoted(), expected(h.kind))
	}
	x.at++
	if lo > hi {
		lo, hi = hi, lo
	}
	d, a, b := h.direction, uint16(lo), uint16(hi)
	switch h.protocol {
	case "":
		return ports(d, a, b, portProtocols), nil
	case "tcp", "udp", "sctp":
		return ports(d, a, b, []uint8{protocols[h.protocol]}), nil
	}
	return nil, x.failBack("%s has no ports", h.protocol)
}

// protocol reads the number or name of a protocol.
func (x *parser) protocol(h head) (primitive, error) {
	x.take("\\") // which keeps tcpdump from taking a name for a keyword
	n, err := strconv.ParseUint(x.peek(), 10, 8)
	number := uint8(n)
	if err != nil {
		if number = protocols[x.peek()]; number == 0 {
			return nil, x.fail("%s is not the number (0 to 255) or name of a protocol", x.quoted())
		}
	}
	if h.direction != either {
		return nil, x.fail("a protocol has no direction")
	}
	x.at++
	switch h.protocol {
	case "":
		return protocol(number), nil
	case "ip":
		return only(ipv4, protocol(number)), nil
	case "ip6":
		return only(ipv6, protocol(number)), nil
	}
	return nil, x.failBack("proto goes with ip or ip6, not with %s", h.protocol)
}
