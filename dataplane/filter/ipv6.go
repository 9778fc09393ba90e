package filter

import (
	"cmp"
	"encoding/binary"
	"maps"
	"net/netip"
	"slices"

	"golang.org/x/net/bpf"
)

// IPv6 is matched by ports only where these follow the IP header at once: a
// program without loops cannot walk over extension headers. What has such
// headers, as fragments do, is matched by address.

// Places in an IPv6 frame.
const (
	offNext6   = 14 + 6
	offSource6 = 14 + 8
	offDest6   = 14 + 24
	offPorts6  = 14 + 40

	etherTypeIPv6 = 0x86dd
	protoICMPv6   = 58
)

// extensions are the headers that the pipeline walks over (wire,
// parse_ipv6.go).
var extensions = [...]uint32{0, 43, 44, 60}

// words is an IPv6 address as a program compares it.
type words [4]uint32

// compare orders addresses by the word that they are searched by.
func (w words) compare(o words) int {
	return cmp.Or(cmp.Compare(w[3], o[3]), slices.Compare(w[:], o[:]))
}

func wordsOf(a netip.Addr) (w words) {
	b := a.As16()
	for i := range w {
		w[i] = binary.BigEndian.Uint32(b[4*i:])
	}
	return w
}

// group6 gathers the ports of each IPv6 address; those of virtual have none.
func group6(endpoints []Endpoint, virtual []netip.Addr) map[words]ports {
	sets := map[words]ports{}
	of := func(a netip.Addr) ports {
		w := wordsOf(a)
		if sets[w] == nil {
			sets[w] = ports{}
		}
		return sets[w]
	}
	for _, e := range endpoints {
		if e.Addr.Unmap().Is6() {
			of(e.Addr).add(e.Proto, e.Port)
		}
	}
	for _, a := range virtual {
		if a.Unmap().Is6() {
			of(a)
		}
	}
	return sets
}

// has6 reports whether any rule is about IPv6.
func (r *Rules) has6() bool {
	is6 := func(e Endpoint) bool { return e.Addr.Unmap().Is6() }
	in6 := func(x Range) bool { return x.is(true) }
	return slices.ContainsFunc(r.Services, is6) || slices.ContainsFunc(r.NATReals, is6) ||
		slices.ContainsFunc(r.Virtual, func(a netip.Addr) bool { return a.Unmap().Is6() }) ||
		slices.ContainsFunc(r.ServiceRanges, in6) || slices.ContainsFunc(r.ReplyRanges, in6)
}

// ipv6 writes the part of a program for IPv6 frames: ICMPv6, which is neighbour
// discovery, errors and pings, passes.
func (p *program) ipv6(r *Rules, precision Precision) {
	marked, fromReal, toMarked := p.next(), p.next(), p.next()
	p.do(bpf.LoadAbsolute{Off: offNext6, Size: 1})
	p.when(bpf.JumpEqual, protoICMPv6, accept)
	p.side6(group6(r.Services, r.Virtual), precision, service6, marked)
	p.mark(marked)
	p.ranges(r.ServiceRanges, precision, service6, fromReal)
	p.mark(fromReal)
	p.side6(group6(r.NATReals, nil), precision, reply6, toMarked)
	p.mark(toMarked)
	p.ranges(r.ReplyRanges, precision, reply6, drop)
}

// side6 is side for IPv6. It searches by the last word of the address, in which
// they differ most, and then compares the others.
func (p *program) side6(sets map[words]ports, precision Precision, d direction, miss label) {
	if len(sets) == 0 {
		p.jump(miss)
		return
	}
	addrs := slices.SortedFunc(maps.Keys(sets), words.compare)
	var b blocks
	var leaves []leaf
	for _, a := range addrs {
		if n := len(leaves); n == 0 || leaves[n-1].val != a[3] {
			leaves = append(leaves, leaf{a[3], p.next()})
		}
	}
	p.do(bpf.LoadAbsolute{Off: d.addr + 12, Size: 4})
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
		p.rest6(a, d.addr, b.of(p, sets[a], precision))
	}
	p.jump(miss)
	b.write(p, d, miss)
}

// rest6 goes to found if the first three words at the offset are a's too, and
// falls through otherwise.
func (p *program) rest6(a words, off uint32, found label) {
	other := p.next()
	for i, w := range a[:2] {
		p.do(bpf.LoadAbsolute{Off: off + 4*uint32(i), Size: 4})
		p.when(bpf.JumpNotEqual, w, other)
	}
	p.do(bpf.LoadAbsolute{Off: off + 8, Size: 4})
	p.when(bpf.JumpEqual, a[2], found)
	p.mark(other)
}
