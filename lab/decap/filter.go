package decap

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"ulvs/wire"
)

// Reason is what became of a packet.
type Reason uint8

// The reasons. A packet is counted under the first that fits.
const (
	Delivered     Reason = iota
	NotDirector          // the outer source is no director of ours
	Malformed            // no plain header of the tunnel, or no whole inner IPv4 packet with right checksums
	NotVIP               // the inner destination is none of our virtual addresses
	Martian              // no client can have the inner source
	Congested            // marked congested on a flow that does not know ECN (RFC 6040)
	Undeliverable        // the device did not take it
	numReasons
)

var reasonNames = [numReasons]string{
	"delivered", "not-director", "malformed", "not-vip", "martian", "congested", "undeliverable",
}

// String returns the reason as a stable word.
func (r Reason) String() string { return reasonNames[r] }

// Stats are packets by Reason.
type Stats [numReasons]uint64

// String lists the counts that are not 0, and that of delivered packets.
func (s Stats) String() string {
	var words []string
	for r, n := range s {
		if n != 0 || Reason(r) == Delivered {
			words = append(words, fmt.Sprintf("%s=%d", Reason(r), n))
		}
	}
	return strings.Join(words, " ")
}

// filter says what is accepted.
type filter struct {
	kind      Type
	directors map[[4]byte]bool
	vips      map[[4]byte]bool
}

func newFilter(directors, vips []netip.Addr) (f filter, err error) {
	if f.directors, err = set(directors, "director"); err != nil {
		return f, err
	}
	f.vips, err = set(vips, "virtual address")
	return f, err
}

// set makes a set of IPv4 addresses.
func set(addrs []netip.Addr, what string) (map[[4]byte]bool, error) {
	if len(addrs) == 0 {
		return nil, errors.New(what + ": at least one IPv4 address is needed")
	}
	s := make(map[[4]byte]bool)
	for _, a := range addrs {
		if !a.Unmap().Is4() {
			return nil, fmt.Errorf("%s %s: not an IPv4 address", what, a)
		}
		s[a.Unmap().As4()] = true
	}
	return s, nil
}

// unwrap returns the inner packet of what has arrived. The inner packet's ECN
// field may have been changed.
func (f *filter) unwrap(a arrived) (wire.IPv4, Reason) {
	if !f.directors[a.src] {
		return nil, NotDirector
	}
	inner, ok := f.kind.carried(a.body)
	if !ok || !whole(inner) {
		return nil, Malformed
	}
	inner = inner[:inner.TotalLen()]
	switch {
	case !f.vips[inner.Dst()]:
		return nil, NotVIP
	case martian(inner):
		return nil, Martian
	case !carryECN(a.tos, inner):
		return nil, Congested
	}
	return inner, Delivered
}

// whole reports whether b begins with an IPv4 packet that is all there.
func whole(b wire.IPv4) bool {
	return len(b) >= wire.IPv4Len && b.Version() == 4 &&
		b.HeaderLen() >= wire.IPv4Len && b.HeaderLen() <= len(b) &&
		b.TotalLen() >= b.HeaderLen() && b.TotalLen() <= len(b) && b.ChecksumOK()
}

// martian reports whether the kernel would have to refuse the source. The
// tunnel is a way around its checks on the real interface.
func martian(p wire.IPv4) bool {
	return wire.Martian(&wire.Packet{Src: wire.AddrFrom4(p.Src()), Dst: wire.AddrFrom4(p.Dst())})
}

// Values of the ECN field (RFC 3168 section 5).
const (
	ecnMask = 3
	notECT  = 0
	ect1    = 1
	ce      = 3
)

// carryECN brings a congestion mark from the outer header to the inner one by
// the table of RFC 6040 section 4.2. It reports false where the packet is to
// be dropped: a mark for a flow that would not understand it.
func carryECN(outerTOS uint8, inner wire.IPv4) bool {
	mark, own := outerTOS&ecnMask, inner.TOS()&ecnMask
	switch {
	case mark == ce && own == notECT:
		return false
	case mark == ce && own != ce, mark == ect1 && own != notECT && own != ce:
		inner.SetTOS(inner.TOS()&^ecnMask | mark)
		inner.FillChecksum()
	}
	return true
}
