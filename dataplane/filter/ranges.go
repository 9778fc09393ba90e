package filter

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/net/bpf"
)

// Range is a prefix with a protocol and a range of ports in host order, both
// ends included; 0 to 65535 are all. The zero Prefix is every address.
type Range struct {
	Prefix      netip.Prefix
	Proto       uint8
	First, Last uint16
}

// is reports whether packets of the family can be in the range.
func (r *Range) is(six bool) bool { return !r.Prefix.IsValid() || r.Prefix.Addr().Is6() == six }

// ranges writes the part of a program about one direction's ranges, one after
// the other: accept what is in one of them, go to miss with the rest.
func (p *program) ranges(list []Range, precision Precision, d direction, miss label) {
	for _, r := range list {
		if !r.is(d.six) {
			continue
		}
		other := p.next()
		p.prefix(r.Prefix, d, other)
		if precision == Exact {
			p.portRange(r, d, other)
		}
		p.jump(accept)
		p.mark(other)
	}
	p.jump(miss)
}

// prefix goes on if the address is in the prefix.
func (p *program) prefix(pre netip.Prefix, d direction, other label) {
	if !pre.IsValid() {
		return
	}
	b := pre.Masked().Addr().AsSlice()
	for at := 0; at < pre.Bits(); at += 32 {
		p.do(bpf.LoadAbsolute{Off: d.addr + uint32(at/8), Size: 4})
		if n := pre.Bits() - at; n < 32 {
			p.do(bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: ^uint32(0) << (32 - n)})
		}
		p.when(bpf.JumpNotEqual, binary.BigEndian.Uint32(b[at/8:]), other)
	}
}

// portRange goes on if protocol and port are in the range. Fragments of the
// protocol are accepted, as their ports are not known, and in IPv6 whatever has
// extension headers.
func (p *program) portRange(r Range, d direction, other label) {
	allPorts := r.First == 0 && r.Last == 65535
	if d.six {
		p.protocol(d)
	} else {
		p.do(bpf.LoadAbsolute{Off: offProtocol, Size: 1})
	}
	p.when(bpf.JumpNotEqual, uint32(r.Proto), other)
	if allPorts {
		return
	}
	if !d.six {
		p.do(bpf.LoadAbsolute{Off: offFragment, Size: 2})
		p.when(bpf.JumpBitsSet, anyFragment, accept)
	}
	p.port(d)
	p.when(bpf.JumpLessThan, uint32(r.First), other)
	p.when(bpf.JumpGreaterThan, uint32(r.Last), other)
}
