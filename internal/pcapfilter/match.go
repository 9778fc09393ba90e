package pcapfilter

import "encoding/binary"

// Program is a compiled filter. It is immutable.
type Program struct {
	text  string
	by    [families]code
	every bool // matches every frame
	need  needed
}

// code is a program for the frames of one family. Steps 0 and 1 stand for "no"
// and "yes"; jumps lead from higher to lower steps only, so that each program
// ends.
type code struct {
	steps []step
	entry uint16
}

// step is one test and where to go on. It loads four bytes, big-endian.
type step struct {
	test
	yes, no uint16
}

// test compares what four bytes of a frame hold.
type test struct {
	off    uint16 // from the begin of the frame, or of the transport header
	l4     uint16 // all bits set: the latter
	either bool   // each half of the four bytes is compared, mask is not used
	mask   uint32
	lo     uint32 // holds if lo <= value <= lo+span
	span   uint32
}

// family is a kind of frame that has a program of its own.
type family uint8

const (
	ipv4 family = iota
	ipv6
	other
	families
)

// Ether types and offsets in frames.
const (
	etherIPv4 = 0x0800
	etherIPv6 = 0x86dd
	etherARP  = 0x0806
	etherRARP = 0x8035

	etherLen = 14
	l4IPv6   = etherLen + 40
)

// String returns the filter as it was written.
func (p *Program) String() string { return p.text }

// Match reports whether a frame, from its Ethernet header on, matches.
func (p *Program) Match(b []byte) bool {
	if p.every || len(b) < etherLen {
		return p.every
	}
	switch binary.BigEndian.Uint16(b[12:]) {
	case etherIPv4:
		if len(b) == etherLen {
			return p.by[ipv4].match(b, 0)
		}
		return p.by[ipv4].match(b, etherLen+uint(b[etherLen]&0xf)*4)
	case etherIPv6:
		return p.by[ipv6].match(b, l4IPv6)
	}
	return p.by[other].match(b, 0)
}

// match runs a program on a frame whose transport header begins at l4.
func (c *code) match(b []byte, l4 uint) bool {
	at := c.entry
	for at > 1 {
		s := &c.steps[at]
		at = s.no
		o := uint(s.off) + l4&uint(s.l4)
		if o+4 > uint(len(b)) {
			continue
		}
		v := binary.BigEndian.Uint32(b[o : o+4])
		if s.either {
			if v>>16-s.lo <= s.span || v&0xffff-s.lo <= s.span {
				at = s.yes
			}
		} else if v&s.mask-s.lo <= s.span {
			at = s.yes
		}
	}
	return at == 1
}
