package nexthop

import (
	"cmp"
	"math/bits"
	"net/netip"
	"slices"

	"ulvs/wire"
)

// key128 is an address as a number, so that both families compare alike.
type key128 struct{ hi, lo uint64 }

// keyOf returns a as a number.
func keyOf(a wire.Addr) key128 {
	w0, w1 := a.Words()
	return key128{bits.ReverseBytes64(w0), bits.ReverseBytes64(w1)}
}

// less reports whether k comes before o.
func (k key128) less(o key128) bool { return k.hi < o.hi || k.hi == o.hi && k.lo < o.lo }

// compare is -1, 0 or 1.
func (k key128) compare(o key128) int {
	return cmp.Or(cmp.Compare(k.hi, o.hi), cmp.Compare(k.lo, o.lo))
}

// next returns k+1; ok is false past the end of the address space.
func (k key128) next() (n key128, ok bool) {
	n = key128{k.hi, k.lo + 1}
	if n.lo == 0 {
		n.hi++
	}
	return n, n != key128{}
}

// block is a prefix with its path, on the way to spans.
type block struct {
	first, last key128
	bits        int // prefix length in the 128-bit space
	is4         bool
	path        *path
}

// blockOf makes the block of a prefix of either family.
func blockOf(p netip.Prefix, to *path) block {
	bits := p.Bits()
	if p.Addr().Is4() {
		bits += 96
	}
	first := keyOf(wire.AddrFrom(p.Masked().Addr()))
	hi, lo := hostMask(bits)
	return block{first, key128{first.hi | hi, first.lo | lo}, bits, p.Addr().Is4(), to}
}

// hostMask returns the bits below a prefix of the given length.
func hostMask(bits int) (hi, lo uint64) {
	const all = ^uint64(0)
	if bits < 64 {
		return all >> bits, all
	}
	return 0, all >> (bits - 64) // a shift by 64 gives 0
}

// covers reports whether o lies inside b, as the kernel sees it: IPv4 has an
// address space of its own.
func (b block) covers(o block) bool {
	return b.is4 == o.is4 && !o.first.less(b.first) && !b.last.less(o.last)
}

// Fixed blocks: the two roots, and destinations that never have a neighbour.
var (
	roots     = []netip.Prefix{netip.MustParsePrefix("::/0"), netip.MustParsePrefix("0.0.0.0/0")}
	loopbacks = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	groups    = []netip.Prefix{netip.MustParsePrefix("224.0.0.0/4"), netip.MustParsePrefix("255.255.255.255/32"),
		netip.MustParsePrefix("ff00::/8"), netip.MustParsePrefix("0.0.0.0/8")}
)

// spans lays all prefixes out as disjoint spans of the address space, each
// with the path of its longest prefix. As in the kernel, what is local is
// asked first: a main-table route inside a local prefix is never reached.
func (t *Table) spans(s *snapshot) ([]key128, []*path) {
	first := t.localBlocks()
	all := slices.Clone(first)
	for _, b := range t.routeBlocks(s) {
		if !slices.ContainsFunc(first, func(l block) bool { return l.covers(b) }) {
			all = append(all, b)
		}
	}
	none := &path{status: NoRoute}
	for _, p := range roots {
		all = append(all, blockOf(p, none))
	}
	return flatten(all)
}

// localBlocks are the prefixes of the host itself and those that no packet
// is sent to.
func (t *Table) localBlocks() (blocks []block) {
	local, group := &path{status: LocalHost}, &path{status: Blackhole}
	add := func(p netip.Prefix, to *path) { blocks = append(blocks, blockOf(p, to)) }
	for _, a := range t.addresses {
		add(netip.PrefixFrom(a.Prefix.Addr(), a.Prefix.Addr().BitLen()), local)
	}
	for _, r := range t.routes {
		switch r.Type {
		case Local:
			add(r.Dst, local)
		case Broadcast:
			add(r.Dst, group)
		}
	}
	for _, p := range loopbacks {
		add(p, local)
	}
	for _, p := range groups {
		add(p, group)
	}
	return blocks
}

// routeBlocks are the routes that lead somewhere or refuse.
func (t *Table) routeBlocks(s *snapshot) (blocks []block) {
	for _, r := range t.bestRoutes() {
		blocks = append(blocks, blockOf(r.Dst, t.pathOf(s, r)))
	}
	return blocks
}

// bestRoutes keeps, of routes to equal prefixes, the one with the smallest
// metric; among equal metrics one whose link is up, then the first.
func (t *Table) bestRoutes() []Route {
	best := make(map[netip.Prefix]int)
	var out []Route
	for _, r := range t.routes {
		if r.Type == Local || r.Type == Broadcast {
			continue
		}
		i, seen := best[r.Dst.Masked()]
		switch {
		case !seen:
			best[r.Dst.Masked()] = len(out)
			out = append(out, r)
		case t.better(r, out[i]):
			out[i] = r
		}
	}
	return out
}

// better reports whether a is to be preferred to b, which came before it.
func (t *Table) better(a, b Route) bool {
	if a.Metric != b.Metric {
		return a.Metric < b.Metric
	}
	return t.usable(a) && !t.usable(b)
}

// usable reports whether r leads out by a port whose link is up.
func (t *Table) usable(r Route) bool {
	l := t.link(r.Index)
	return r.Type == Unicast && l != nil && l.Up
}

// pathOf makes the path of a route and the neighbour entry of its gateway.
func (t *Table) pathOf(s *snapshot, r Route) *path {
	l := t.link(r.Index)
	switch {
	case r.Type != Unicast:
		return &path{status: Blackhole}
	case l == nil:
		return &path{status: NoRoute}
	case !l.Up:
		return &path{status: LinkDown}
	}
	p := &path{status: Ready, link: r.Index, source: wire.AddrFrom(r.Source)}
	if r.Gateway.IsValid() {
		p.via = s.neighbours.ensure(r.Index, wire.AddrFrom(r.Gateway))
		if p.via == nil { // more gateways than neighbours are allowed
			return &path{status: NoRoute}
		}
		p.via.gateway = true
		p.via.source = p.source
	}
	return p
}

// flatten turns nested blocks into spans: of the blocks open at a point the
// innermost decides. Of equal blocks the first given wins.
func flatten(blocks []block) (starts []key128, paths []*path) {
	slices.SortStableFunc(blocks, func(a, b block) int {
		return cmp.Or(a.first.compare(b.first), cmp.Compare(a.bits, b.bits))
	})
	emit := func(at key128, p *path) {
		if n := len(starts); n > 0 && starts[n-1] == at {
			paths[n-1] = p
			return
		}
		starts, paths = append(starts, at), append(paths, p)
	}
	var open []block
	closeBefore := func(at key128, all bool) {
		for len(open) > 0 && (all || open[len(open)-1].last.less(at)) {
			after, more := open[len(open)-1].last.next()
			open = open[:len(open)-1]
			if more && len(open) > 0 {
				emit(after, open[len(open)-1].path)
			}
		}
	}
	for _, b := range blocks {
		closeBefore(b.first, false)
		if n := len(open); n > 0 && open[n-1].first == b.first && open[n-1].bits == b.bits {
			continue
		}
		open = append(open, b)
		emit(b.first, b.path)
	}
	closeBefore(key128{}, true)
	return starts, paths
}
