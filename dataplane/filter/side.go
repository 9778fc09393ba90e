package filter

import (
	"encoding/binary"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"golang.org/x/net/bpf"
)

// direction says where in a packet an endpoint is looked for.
type direction struct {
	addr uint32 // offset of the address
	port uint32 // offset of the port, in IPv4 less the IP header in X
	icmp bool   // all ICMP passes
	six  bool   // IPv6
}

var (
	service  = direction{addr: offDest, port: offIP + 2, icmp: true}
	reply    = direction{addr: offSource, port: offIP}
	service6 = direction{addr: offDest6, port: offPorts6 + 2, six: true}
	reply6   = direction{addr: offSource6, port: offPorts6, six: true}
)

// ports holds the ports of one address by protocol; a nil list means all.
type ports map[uint8][]uint16

// key tells equal sets of ports, which share their code.
func (s ports) key() string { return fmt.Sprint(s) } // maps print sorted

// group gathers the ports of each IPv4 address.
func group(endpoints []Endpoint) map[uint32]ports {
	sets := map[uint32]ports{}
	for _, e := range endpoints {
		if e.Addr.Unmap().Is4() {
			portsOf(sets, e.Addr).add(e.Proto, e.Port)
		}
	}
	return sets
}

// addVirtual adds addresses without a port.
func addVirtual(sets map[uint32]ports, addrs []netip.Addr) {
	for _, a := range addrs {
		if a.Unmap().Is4() {
			portsOf(sets, a)
		}
	}
}

// portsOf returns the ports of an IPv4 address, in sets from now on.
func portsOf(sets map[uint32]ports, a netip.Addr) ports {
	b := a.Unmap().As4()
	addr := binary.BigEndian.Uint32(b[:])
	if sets[addr] == nil {
		sets[addr] = ports{}
	}
	return sets[addr]
}

func (s ports) add(proto uint8, port uint16) {
	list, known := s[proto]
	switch {
	case port == 0:
		s[proto] = nil
	case !known || list != nil:
		at, found := slices.BinarySearch(list, port)
		if !found {
			s[proto] = slices.Insert(list, at, port)
		}
	}
}

// blocks are the pieces of code of the sets of ports; equal sets share one.
type blocks struct {
	labels map[string]label
	order  []ports
}

// of returns where the set's block is.
func (b *blocks) of(p *program, set ports, precision Precision) label {
	if precision == Addresses {
		return accept
	}
	if b.labels == nil {
		b.labels = map[string]label{}
	}
	at, known := b.labels[set.key()]
	if !known {
		at = p.next()
		b.labels[set.key()] = at
		b.order = append(b.order, set)
	}
	return at
}

// write writes them all.
func (b *blocks) write(p *program, d direction, miss label) {
	for _, set := range b.order {
		p.mark(b.labels[set.key()])
		p.set(set, d, miss)
	}
}

// side writes the part of a program about one direction: accept what is in
// sets, go to miss with the rest.
func (p *program) side(sets map[uint32]ports, precision Precision, d direction, miss label) {
	if len(sets) == 0 {
		p.jump(miss)
		return
	}
	var b blocks
	leaves := make([]leaf, 0, len(sets))
	for _, addr := range slices.Sorted(maps.Keys(sets)) {
		leaves = append(leaves, leaf{addr, b.of(p, sets[addr], precision)})
	}
	p.do(bpf.LoadAbsolute{Off: d.addr, Size: 4})
	p.search(leaves, miss)
	b.write(p, d, miss)
}

// protocol loads the transport protocol; packets whose ports are not where they
// are looked for are accepted: fragments, and what has extension headers.
func (p *program) protocol(d direction) {
	if d.six {
		p.do(bpf.LoadAbsolute{Off: offNext6, Size: 1})
		for _, kind := range extensions {
			p.when(bpf.JumpEqual, kind, accept)
		}
		return
	}
	p.do(bpf.LoadAbsolute{Off: offFragment, Size: 2})
	p.when(bpf.JumpBitsSet, anyFragment, accept)
	p.do(bpf.LoadAbsolute{Off: offProtocol, Size: 1})
}

// port loads the port.
func (p *program) port(d direction) {
	if d.six {
		p.do(bpf.LoadAbsolute{Off: d.port, Size: 2})
		return
	}
	p.do(bpf.LoadMemShift{Off: offIP})
	p.do(bpf.LoadIndirect{Off: d.port, Size: 2})
}

// set writes the block of one set of ports.
func (p *program) set(set ports, d direction, miss label) {
	p.protocol(d)
	if d.icmp {
		p.when(bpf.JumpEqual, protoICMP, accept)
	}
	protos := slices.Sorted(maps.Keys(set))
	leaves := make([]leaf, len(protos))
	for i, proto := range protos {
		leaves[i] = leaf{uint32(proto), accept}
		if set[proto] != nil {
			leaves[i].target = p.next()
		}
	}
	p.search(leaves, miss)
	for i, proto := range protos {
		if leaves[i].target != accept {
			p.mark(leaves[i].target)
			p.portList(set[proto], d, miss)
		}
	}
}

func (p *program) portList(list []uint16, d direction, miss label) {
	leaves := make([]leaf, len(list))
	for i, port := range list {
		leaves[i] = leaf{uint32(port), accept}
	}
	p.port(d)
	p.search(leaves, miss)
}

// leaf is a value of A and where to go with it.
type leaf struct {
	val    uint32
	target label
}

// fewLeaves is the number of values up to which trying one by one is no longer
// than halving.
const fewLeaves = 4

// search goes to the target of the leaf whose value A has, or to miss. leaves
// are sorted. It halves them, so that a packet meets a number of comparisons
// that grows with the logarithm.
func (p *program) search(leaves []leaf, miss label) {
	if len(leaves) <= fewLeaves {
		for _, l := range leaves {
			p.when(bpf.JumpEqual, l.val, l.target)
		}
		p.jump(miss)
		return
	}
	half := len(leaves) / 2
	upper := p.next()
	p.when(bpf.JumpGreaterOrEqual, leaves[half].val, upper)
	p.search(leaves[:half], miss)
	p.mark(upper)
	p.search(leaves[half:], miss)
}
