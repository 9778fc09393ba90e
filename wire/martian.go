package wire

// Martian reports whether a parsed IP packet has a source that no client can
// have: this network (0/8), loopback, multicast, broadcast, unset, IPv6
// link-local, or the packet's own destination ("land"). Such a packet must never make a
// connection (RFC 1812 section 5.3.7; kernel net/ipv4/route.c,
// ip_route_input_slow, which like this lets 240/4 pass).
func Martian(p *Packet) bool {
	if p.Src == p.Dst {
		return true
	}
	if p.Src.Is4() {
		return martian4(p.Src.As4())
	}
	return martian6(p.Src)
}

// martian6 is the IPv6 part of Martian. A link-local source cannot be answered
// by a host on another link (RFC 4291 section 2.5.6).
func martian6(a Addr) bool {
	return isGroup6(a) || a.IsZero() || a == AddrFrom16([16]byte{15: 1}) || isLinkLocal6(a)
}

// Unicast6 reports whether an IPv6 address can name a single host beyond the
// link.
func Unicast6(a Addr) bool { return !martian6(a) }

// isLinkLocal6 reports whether a is in fe80::/10.
func isLinkLocal6(a Addr) bool { return a.w0&0xc0ff == 0x80fe }

// martian4 is the IPv4 part of Martian.
func martian4(a [4]byte) bool {
	return a[0] == 0 || a[0] == 127 || a[0]&0xf0 == 224 || a == [4]byte{255, 255, 255, 255}
}
