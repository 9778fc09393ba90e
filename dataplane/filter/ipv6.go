package filter

import (
	"cmp"
	"encoding/binary"
	"maps"
	"net/netip"
	"slices"

	"golang.org/x/net/bpf"
)

// IPv6 is matched by addresses only: ports may lie behind extension headers,
// which a program without loops cannot walk over.

// Places in an IPv6 frame.
const (
	offNext6   = 14 + 6
	offSource6 = 14 + 8
	offDest6   = 14 + 24

	etherTypeIPv6 = 0x86dd
	protoICMPv6   = 58
)

// words is an IPv6 address as a program compares it.
type words [4]uint32

// addresses6 lists the IPv6 addresses of endpoints, each once, in order.
func addresses6(endpoints []Endpoint) []words {
	seen := map[netip.Addr]bool{}
	for _, e := range endpoints {
		if e.Addr.Unmap().Is6() {
			seen[e.Addr.WithZone("")] = true
		}
	}
	var out []words
	for a := range maps.Keys(seen) {
		b := a.As16()
		var w words
		for i := range w {
			w[i] = binary.BigEndian.Uint32(b[4*i:])
		}
		out = append(out, w)
	}
	slices.SortFunc(out, func(a, b words) int { return cmp.Or(cmp.Compare(a[3], b[3]), slices.Compare(a[:], b[:])) })
	return out
}

// has6 reports whether any rule is about IPv6.
func (r *Rules) has6() bool {
	is6 := func(e Endpoint) bool { return e.Addr.Unmap().Is6() }
	return slices.ContainsFunc(r.Services, is6) || slices.ContainsFunc(r.NATReals, is6)
}

// ipv6 writes the part of a program for IPv6 frames: ICMPv6, which is neighbour
// discovery, errors and pings, passes, and so does what is to a virtual or from
// a NAT real server's address.
func (p *program) ipv6(r *Rules) {
	fromReal := p.next()
	p.do(bpf.LoadAbsolute{Off: offNext6, Size: 1})
	p.when(bpf.JumpEqual, protoICMPv6, accept)
	p.side6(addresses6(r.Services), offDest6, fromReal)
	p.mark(fromReal)
	p.side6(addresses6(r.NATReals), offSource6, drop)
}

// side6 accepts a frame with one of the addresses at the offset, and goes to
// miss with the rest. It searches by the last word, in which addresses differ
// most, and then compares the others.
func (p *program) side6(addrs []words, off uint32, miss label) {
	if len(addrs) == 0 {
		p.jump(miss)
		return
	}
	var leaves []leaf
	for _, a := range addrs {
		if n := len(leaves); n == 0 || leaves[n-1].val != a[3] {
			leaves = append(leaves, leaf{a[3], p.next()})
		}
	}
	p.do(bpf.LoadAbsolute{Off: off + 12, Size: 4})
	p.search(leaves, miss)
	at := -1
	for i, a := range addrs {
		if i == 0 || addrs[i-1][3] != a[3] {
			if i > 0 {
				p.jump(miss)
			}
			at++
			p.mark(leaves[at].target)
		}
		p.rest6(a, off)
	}
	p.jump(miss)
}

// rest6 accepts if the first three words at the offset are a's too, and falls
// through otherwise.
func (p *program) rest6(a words, off uint32) {
	other := p.next()
	for i, w := range a[:2] {
		p.do(bpf.LoadAbsolute{Off: off + 4*uint32(i), Size: 4})
		p.when(bpf.JumpNotEqual, w, other)
	}
	p.do(bpf.LoadAbsolute{Off: off + 8, Size: 4})
	p.when(bpf.JumpEqual, a[2], accept)
	p.mark(other)
}
