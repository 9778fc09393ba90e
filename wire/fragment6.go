package wire

import "encoding/binary"

// FragmentHeaderLen is the length of IPv6's fragment header, in bytes (RFC 8200
// section 4.5).
const FragmentHeaderLen = extUnit

// FragmentHeader6 finds the fragment header of b, an IPv6 packet that Parse took:
// its offset and that of the byte that names it. at is 0 if there is none.
func FragmentHeader6(b []byte) (at, named int) {
	at, named, _ = walkUntil(b, func(next uint8) bool { return next == extFragment })
	return at, named
}

// FragmentPlace6 finds where a fragment header goes into b, an IPv6 packet that
// Parse took and that has none: behind the headers that are for the nodes on the
// way. Options for the destination stand before it, as Linux has it, unless a
// routing header does (kernel net/ipv6/output_core.c, ip6_find_1stfragopt).
// named is the offset of the byte that is to name it.
func FragmentPlace6(b []byte) (at, named int) {
	routing := false
	_, named, at = walkUntil(b, func(next uint8) bool {
		if next == extDestination && routing {
			return true
		}
		routing = routing || next == extRouting
		return false
	})
	return at, named
}

// walkUntil steps over the extension headers of b until one that found takes: at
// is its offset, 0 if there is none, named that of the byte which names it, end
// where the walk ended.
func walkUntil(b []byte, found func(next uint8) bool) (at, named, end int) {
	named, end = 6, IPv6Len
	for isExtension(b[named]) && len(b)-end >= extUnit {
		if found(b[named]) {
			return end, named, end
		}
		n := extUnit
		if b[named] != extFragment {
			n *= 1 + int(b[end+1])
		}
		named, end = end, end+n
	}
	return 0, named, end
}

// FragmentID6 reads the id of the fragment header at the start of h.
func FragmentID6(h []byte) uint32 { return binary.BigEndian.Uint32(h[4:]) }

// PutFragment6 writes a fragment header over the start of h. off is in bytes, a
// multiple of 8.
func PutFragment6(h []byte, next uint8, off int, more bool, id uint32) {
	h[0], h[1] = next, 0
	if more {
		off |= 1
	}
	binary.BigEndian.PutUint16(h[2:], uint16(off))
	binary.BigEndian.PutUint32(h[4:], id)
}

// ProtoFragment is what names the fragment header.
const ProtoFragment = extFragment
