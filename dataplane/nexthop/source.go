package nexthop

import (
	"net/netip"

	"ulvs/wire"
)

// sourceOf chooses the host's address for packets of its own toward n: what
// the route prefers, else as the kernel does (inet_select_addr in
// net/ipv4/devinet.c) the link's address in the neighbour's subnet, the link's
// first, or the host's first of that family. Virtual addresses are passed over.
func (t *Table) sourceOf(s *snapshot, n *neighbour) wire.Addr {
	preferred := n.source
	if p := s.path(n.addr); preferred.IsZero() && p.link == n.link {
		preferred = p.source
	}
	if !preferred.IsZero() && !t.virtual[preferred] {
		return preferred
	}
	if a := t.linkSource(n.link, n.addr); !a.IsZero() && !linkLocal6(a.Netip()) {
		return a
	}
	beyond := func(a netip.Addr) bool { return a.Is4() == n.addr.Is4() && !a.IsLoopback() && !linkLocal6(a) }
	if a := t.pick(func(a Address) bool { return a.Index == n.link && beyond(a.Prefix.Addr()) }); !a.IsZero() {
		return a
	}
	return t.pick(func(a Address) bool { return beyond(a.Prefix.Addr()) })
}

// linkLocal6 reports whether a is an IPv6 address that means something on its
// link only: gateways often have one, and no packet beyond the link may have it
// as its source (RFC 4291 section 2.5.6).
func linkLocal6(a netip.Addr) bool { return a.Is6() && a.IsLinkLocalUnicast() }

// linkSource returns the address of a link for talking to target there: one
// of its subnet if possible, never a virtual one; zero if there is none.
func (t *Table) linkSource(link int, target wire.Addr) wire.Addr {
	ip := target.Netip()
	sameSubnet := func(a Address) bool { return a.Index == link && a.Prefix.Contains(ip) && !host(a.Prefix) }
	if a := t.pick(sameSubnet); !a.IsZero() {
		return a
	}
	return t.pick(func(a Address) bool { return a.Index == link && a.Prefix.Addr().Is4() == ip.Is4() })
}

// host reports whether p is a single address.
func host(p netip.Prefix) bool { return p.Bits() == p.Addr().BitLen() }

// pick returns the first address, primary ones before secondary, that is
// wanted and not virtual.
func (t *Table) pick(want func(Address) bool) wire.Addr {
	for _, secondary := range []bool{false, true} {
		for _, a := range t.addresses {
			addr := wire.AddrFrom(a.Prefix.Addr())
			if a.Secondary == secondary && !t.virtual[addr] && want(a) {
				return addr
			}
		}
	}
	return wire.Addr{}
}
