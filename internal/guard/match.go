package guard

import (
	"encoding/binary"
	"math/bits"
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
)

// A Match is what a rule compares packets with. A zero field matches every
// packet; without an address the rule is for both families.
type Match struct {
	Protocol                      uint8 // IP protocol number
	Source, Destination           netip.Prefix
	SourcePorts, DestinationPorts Ports
	Interface                     string // by which the packet comes in
	// Except gives what it matches back to the host; the rules after it do not
	// see that. In Rules.Taken only.
	Except bool
}

// Ports is a range of ports, both ends included; the zero value is all.
type Ports struct{ First, Last uint16 }

// reverse is the match of the packets the other way.
func (m Match) reverse() Match {
	m.Source, m.Destination = m.Destination, m.Source
	m.SourcePorts, m.DestinationPorts = m.DestinationPorts, m.SourcePorts
	return m
}

// Chains beside the first. Sync fills two: with what Rules.Taken and Rules.Replies
// say.
const (
	chainTaken   = "taken"
	chainRanges  = "ranges"
	chainReplies = "replies"
	chainGone    = "gone"
)

// setMatches prepares the content of the chains that hold matches.
func (f *family) setMatches(conn *nftables.Conn, r Rules) {
	taken, ranges := f.chains[chainTaken], f.chains[chainRanges]
	conn.FlushChain(taken)
	for _, m := range r.Taken {
		if end := f.drop(); f.matches(m) {
			if m.Except {
				end = verdict(expr.VerdictReturn, "")
			}
			rule(conn, taken, f.match(m), end)
		}
	}
	conn.FlushChain(ranges)
	for _, m := range r.Replies {
		if f.matches(m) {
			rule(conn, ranges, f.match(m.reverse()), f.conversation(f.src, 0), f.remember())
			rule(conn, ranges, f.match(m), verdict(expr.VerdictJump, f.chains[chainReplies].Name))
		}
	}
}

// matches reports whether packets of the family can match.
func (f *family) matches(m Match) bool {
	of := func(p netip.Prefix) bool { return !p.IsValid() || f.has(p.Addr()) }
	return of(m.Source) && of(m.Destination)
}

// match goes on with the packets that match.
func (f *family) match(m Match) (parts []expr.Any) {
	if m.Interface != "" {
		name := make([]byte, 16) // IFNAMSIZ: with the zeros behind it, it is the whole name
		copy(name, m.Interface)
		parts = append(parts, &expr.Meta{Key: expr.MetaKeyIIFNAME, Register: reg}, equal(name...))
	}
	if m.Protocol != 0 {
		parts = append(parts, protocol(reg), equal(m.Protocol))
	}
	parts = append(parts, f.inPrefix(f.src, m.Source)...)
	parts = append(parts, f.inPrefix(f.dst, m.Destination)...)
	parts = append(parts, inRange(0, m.SourcePorts)...)
	return append(parts, inRange(2, m.DestinationPorts)...)
}

// inPrefix compares the address at an offset with a prefix.
func (f *family) inPrefix(offset uint32, p netip.Prefix) []expr.Any {
	if !p.IsValid() || p.Bits() == 0 {
		return nil
	}
	mask := make([]byte, f.addrLen)
	for i := range p.Bits() {
		mask[i/8] |= bits.Reverse8(1 << (i % 8))
	}
	return append(f.addrAt(offset, reg),
		&expr.Bitwise{SourceRegister: reg, DestRegister: reg, Len: f.addrLen, Mask: mask, Xor: make([]byte, f.addrLen)},
		equal(p.Masked().Addr().AsSlice()...))
}

// inRange compares the port at an offset with a range.
func inRange(offset uint32, r Ports) []expr.Any {
	if r == (Ports{}) {
		return nil
	}
	return []expr.Any{portAt(offset, reg), &expr.Range{
		Op: expr.CmpOpEq, Register: reg,
		FromData: binary.BigEndian.AppendUint16(nil, r.First), ToData: binary.BigEndian.AppendUint16(nil, r.Last),
	}}
}
