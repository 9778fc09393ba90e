package wire

import "encoding/binary"

// Lengths in bytes of the headers that may stand between an outer IP header and
// an inner packet.
const (
	GRELen         = 4 // RFC 2784 section 2
	GREChecksumLen = 8 // with a checksum
	GUELen         = 4 // draft-ietf-intarea-gue section 3, behind UDP, without extensions
)

// Bits of the first 16 of a GRE header (RFC 2784 section 2.1).
const (
	greChecksum = 0x8000
	greRefused  = 0x7c00 | 0x0007 // routing, key and the like of RFC 1701; any version but 0
)

// ParseGRE reads a GRE header at the start of b: its length in bytes, the
// EtherType of what follows it, and whether there is a checksum, which is not
// looked at. It reports false if the header is not all there or has what RFC
// 2784 does not know: key and sequence number (RFC 2890) are refused too.
func ParseGRE(b []byte) (n int, etherType uint16, sum, ok bool) {
	if len(b) < GRELen {
		return 0, 0, false, false
	}
	flags := binary.BigEndian.Uint16(b)
	n, sum = GRELen, flags&greChecksum != 0
	if sum {
		n = GREChecksumLen
	}
	return n, binary.BigEndian.Uint16(b[2:]), sum, flags&greRefused == 0 && len(b) >= n
}

// PutGRE writes a GRE header before the payload that is already in b, the
// checksum of both included if sum.
func PutGRE(b []byte, etherType uint16, sum bool) {
	binary.BigEndian.PutUint16(b[2:], etherType)
	if !sum {
		binary.BigEndian.PutUint16(b, 0)
		return
	}
	binary.BigEndian.PutUint16(b, greChecksum)
	binary.BigEndian.PutUint32(b[GRELen:], 0)
	binary.BigEndian.PutUint16(b[GRELen:], Checksum(b, 0))
}

// Bits of the first byte of a GUE header (draft-ietf-intarea-gue section 3.1).
const (
	gueVariant = 0xc0 // 0
	gueControl = 0x20 // a message, no packet
	gueExtra   = 0x1f // words of extension fields that follow
)

// ParseGUE reads a GUE header at the start of b: its length in bytes, extension
// fields included, and the IP protocol of what follows it. It reports false if
// the header is not all there, is of another variant or is a control message.
func ParseGUE(b []byte) (n int, proto uint8, ok bool) {
	if len(b) < GUELen || b[0]&(gueVariant|gueControl) != 0 {
		return 0, 0, false
	}
	n = GUELen + int(b[0]&gueExtra)*4
	return n, b[1], len(b) >= n
}

// PutGUE writes a GUE header without extensions over the first GUELen bytes of b.
func PutGUE(b []byte, proto uint8) { binary.BigEndian.PutUint32(b, uint32(proto)<<16) }

// EtherTypeOf is the EtherType of an IP packet inside another: of the protocol
// IPIP or IPv6. It is 0 for other protocols.
func EtherTypeOf(proto uint8) uint16 {
	switch proto {
	case ProtoIPIP:
		return EtherTypeIPv4
	case ProtoIPv6:
		return EtherTypeIPv6
	}
	return 0
}
