package pcapfilter

import (
	"encoding/binary"
	"math/bits"
)

// Quick tells at once of most frames that none of some filters matches them: of
// those with an IPv4 header without options, by a few comparisons. The packet
// path asks it before it calls Match. The zero Quick knows of no frame.
type Quick struct {
	header        uint32 // what the bytes from the ether type on must be, little-endian
	protocol      bitsOf // of the word that ends with the protocol
	src, dst      bitsOf
	ports, ports2 bitsOf
	places        Places   // those of them that are compared
	more          []masked // instead of those, where they do not suffice
}

// Places are what Quick compares.
type Places uint8

// Places, to be joined.
const (
	Ports Places = 1 << iota
	Hosts
	Protocol
)

// Places returns what is compared. Who asks often asks for that only.
func (q *Quick) Places() Places { return q.places }

// bitsOf compares bits of a word, little-endian.
type bitsOf struct{ mask, value uint32 }

// masked is bitsOf four bytes at a fixed place.
type masked struct {
	off uint32
	bitsOf
}

// maxQuick is the most tests that RejectsMore makes; beyond, Match is as fast.
const maxQuick = 6

// plainHeader is the header of Quick's frames: ether type and length of the IPv4
// header. quickLen is their least length: Ethernet, IPv4 and TCP headers.
const (
	plainHeader = 0x450008
	quickLen    = etherLen + 20 + 20
)

// never is a comparison that fails.
var never = bitsOf{value: 1}

// NewQuick returns what can be told of frames that none of the filters matches.
func NewQuick(filters ...*Program) Quick {
	var tests []masked
	for _, p := range filters {
		if !p.need.ok {
			return Quick{}
		}
		tests = append(tests, p.need.tests...)
	}
	q := Quick{header: plainHeader, protocol: never, src: never, dst: never, ports: never, ports2: never}
	for _, t := range tests {
		if q.place(t) {
			continue
		}
		if len(tests) > maxQuick {
			return Quick{}
		}
		return Quick{more: tests}
	}
	return q
}

// place gives a test its place, and reports whether there is one.
func (q *Quick) place(t masked) bool {
	for _, p := range []struct {
		off uint32
		to  *bitsOf
		at  Places
	}{
		{20, &q.protocol, Protocol}, {26, &q.src, Hosts}, {30, &q.dst, Hosts}, {34, &q.ports, Ports}, {34, &q.ports2, Ports},
	} {
		if p.off == t.off && *p.to == never {
			*p.to = t.bitsOf
			q.places |= p.at
			return true
		}
	}
	return false
}

// Plain is the begin of a frame that Quick can tell of.
type Plain [quickLen]byte

// Plain returns b's begin, nil if Quick knows nothing of it. Quick is asked in
// steps that are small enough to be inlined: calls, and comparisons that no filter
// has, would be half of what it costs. If Plain is not nil and all others are
// true, no filter matches.
func (q *Quick) Plain(b []byte) *Plain {
	if len(b) < quickLen || binary.LittleEndian.Uint32(b[12:])&0xffffff != q.header {
		return nil
	}
	return (*Plain)(b)
}

// OtherPorts reports whether neither port is one that the filters ask for.
func (q *Quick) OtherPorts(f *Plain) bool {
	v := binary.LittleEndian.Uint32(f[34:])
	return v&q.ports.mask != q.ports.value && v&q.ports2.mask != q.ports2.value
}

// OtherHosts reports whether neither address is one that the filters ask for.
func (q *Quick) OtherHosts(f *Plain) bool {
	return binary.LittleEndian.Uint32(f[26:])&q.src.mask != q.src.value &&
		binary.LittleEndian.Uint32(f[30:])&q.dst.mask != q.dst.value
}

// OtherProtocol reports whether the protocol is not the one that the filters ask
// for.
func (q *Quick) OtherProtocol(f *Plain) bool {
	return binary.LittleEndian.Uint32(f[20:])&q.protocol.mask != q.protocol.value
}

// Rejects reports that no filter matches the frame; false says nothing.
func (q *Quick) Rejects(b []byte) bool {
	f := q.Plain(b)
	return f != nil && q.OtherPorts(f) && q.OtherHosts(f) && q.OtherProtocol(f)
}

// RejectsMore is Rejects for filters that it cannot decide; Rejects is false of
// every frame then.
func (q *Quick) RejectsMore(b []byte) bool {
	if q.more == nil || len(b) < quickLen || binary.LittleEndian.Uint32(b[12:])&0xffffff != plainHeader {
		return false
	}
	for i := range q.more {
		if t := &q.more[i]; binary.LittleEndian.Uint32(b[t.off:])&t.mask == t.value {
			return false
		}
	}
	return true
}

// needed are tests of which a frame fulfils at least one if it matches.
type needed struct {
	ok    bool // there are such
	tests []masked
}

// need finds them in a filter for IPv4 packets without options.
func (n *node) need() needed {
	switch n.op {
	case opNo:
		return needed{ok: true}
	case opTest:
		return n.t.need()
	case opAnd: // each of them is needed; the one that fails most often comes first
		for i := range n.kids {
			if x := n.kids[i].need(); x.ok && len(x.tests) <= maxQuick {
				return x
			}
		}
	case opOr:
		all := needed{ok: true}
		for i := range n.kids {
			x := n.kids[i].need()
			if !x.ok {
				return x
			}
			all.tests = append(all.tests, x.tests...)
		}
		return all
	}
	return needed{}
}

// need is the test in a fixed place, or two of which it is one. A range of values
// is none.
func (t *test) need() needed {
	off := uint32(t.off)
	if t.l4 != 0 {
		off += etherLen + 20
	}
	switch {
	case off+4 > quickLen || t.span != 0:
		return needed{}
	case t.either:
		return needed{true, []masked{newMasked(off, 0xffff, t.lo), newMasked(off, 0xffff0000, t.lo<<16)}}
	}
	return needed{true, []masked{newMasked(off, t.mask, t.lo)}}
}

// newMasked turns the bytes round: little-endian is what is loaded in one step.
func newMasked(off, mask, value uint32) masked {
	return masked{off, bitsOf{bits.ReverseBytes32(mask), bits.ReverseBytes32(value)}}
}
