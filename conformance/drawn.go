package conformance

import (
	"encoding/binary"

	"ulvs/wire"
)

// What the kernel draws by itself, from a counter or at random, nobody can
// draw alike. It is copied from the recorded packet into the one that left, as
// long as packets that had it in common still do: fragments of one datagram.

// excuseDrawn copies such fields of want into got.
func (p *player) excuseDrawn(want, got []byte) {
	if len(want) < wire.IPv4Len || len(got) != len(want) || want[0]>>4 != got[0]>>4 {
		return
	}
	if want[0]>>4 == 4 {
		p.excuseIPv4(wire.IPv4(want), wire.IPv4(got))
	} else if len(want) >= wire.IPv6Len {
		p.excuseIPv6(wire.IPv6(want), wire.IPv6(got))
	}
}

// excuseIPv4: the id of the kernel's own ICMP, and outside a tunnel where the
// packet may be cut. The checksum must be right with it.
func (p *player) excuseIPv4(want, got wire.IPv4) {
	own := want.Protocol() == wire.ProtoICMP && want.TTL() == 64
	d, ok := decode(want)
	tunnel := ok && d.isTunnel() && !want.DF()
	if (own || tunnel) && p.alike(uint32(want.ID()), uint32(got.ID())) {
		got.SetID(want.ID())
		got[:wire.IPv4Len].FillChecksum()
	}
}

// excuseIPv6: the flow label of the kernel's own ICMPv6 (RFC 6437 section 3),
// which no checksum covers, and the id of a fragment.
func (p *player) excuseIPv6(want, got wire.IPv6) {
	const flowLabel = 0x000fffff
	if want.NextHeader() == wire.ProtoICMPv6 && want.HopLimit() == 64 {
		first := binary.BigEndian.Uint32(got)&^flowLabel | binary.BigEndian.Uint32(want)&flowLabel
		binary.BigEndian.PutUint32(got, first)
	}
	at, ok := fragmentID(want)
	if ok && p.alike(binary.BigEndian.Uint32(want[at:]), binary.BigEndian.Uint32(got[at:])) {
		copy(got[at:at+4], want[at:])
	}
}

// fragmentID finds the id in the fragment header of an IPv6 packet (RFC 8200
// section 4.5), behind options at most.
func fragmentID(b []byte) (at int, ok bool) {
	const hopByHop, fragment, destination = 0, 44, 60
	next := b[6]
	for at = wire.IPv6Len; at+8 <= len(b); at += 8 * (1 + int(b[at+1])) {
		switch next {
		case fragment:
			return at + 4, true
		case hopByHop, destination:
			next = b[at]
		default:
			return 0, false
		}
	}
	return 0, false
}

// alike reports whether got stands for the recorded id want in every packet of
// the step.
func (p *player) alike(want, got uint32) bool {
	if p.ids == nil {
		p.ids = map[uint32]uint32{}
	}
	if known, ok := p.ids[want]; ok {
		return known == got
	}
	p.ids[want] = got
	return true
}
