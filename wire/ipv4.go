package wire

import "encoding/binary"

// IPv4 is a packet from its IP header on (RFC 791 section 3.1).
//
//	 0                   1                   2                   3
//	+-------+-------+---------------+-------------------------------+
//	|Version|  IHL  |      TOS      |         Total Length          |
//	+-------+-------+---------------+-----+-------------------------+
//	|         Identification        |Flags|     Fragment Offset     |
//	+---------------+---------------+-----+-------------------------+
//	|      TTL      |    Protocol   |        Header Checksum        |
//	+---------------+---------------+-------------------------------+
//	|                        Source Address                         |
//	|                     Destination Address                       |
//	|                      Options (0-40 bytes)                     |
type IPv4 []byte

// Bits of the flags and fragment offset field.
const (
	ipv4DF       = 0x4000
	ipv4MF       = 0x2000
	ipv4FragMask = 0x1fff
)

// Version returns the version field.
func (h IPv4) Version() uint8 { return h[0] >> 4 }

// HeaderLen returns the length of the header in bytes, options included.
func (h IPv4) HeaderLen() int { return int(h[0]&15) * 4 }

// TOS returns the type of service byte: DSCP and ECN.
func (h IPv4) TOS() uint8 { return h[1] }

// TotalLen returns the length of header and payload in bytes.
func (h IPv4) TotalLen() int { return int(binary.BigEndian.Uint16(h[2:])) }

// ID returns the identification.
func (h IPv4) ID() uint16 { return binary.BigEndian.Uint16(h[4:]) }

// flags returns the flags and fragment offset field.
func (h IPv4) flags() uint16 { return binary.BigEndian.Uint16(h[6:]) }

// DF reports whether the packet must not be fragmented.
func (h IPv4) DF() bool { return h.flags()&ipv4DF != 0 }

// MoreFrags reports whether more fragments follow.
func (h IPv4) MoreFrags() bool { return h.flags()&ipv4MF != 0 }

// FragOff returns the fragment offset in bytes.
func (h IPv4) FragOff() int { return int(h.flags()&ipv4FragMask) * 8 }

// TTL returns the time to live.
func (h IPv4) TTL() uint8 { return h[8] }

// Protocol returns the protocol of the payload.
func (h IPv4) Protocol() uint8 { return h[9] }

// Checksum returns the header checksum field.
func (h IPv4) Checksum() uint16 { return binary.BigEndian.Uint16(h[10:]) }

// Src returns the source address.
func (h IPv4) Src() [4]byte { return [4]byte(h[12:16]) }

// Dst returns the destination address.
func (h IPv4) Dst() [4]byte { return [4]byte(h[16:20]) }

// Options returns the bytes between the fixed header and the payload.
func (h IPv4) Options() []byte { return h[IPv4Len:h.HeaderLen()] }

// Payload returns the bytes from the end of the header to the total length.
func (h IPv4) Payload() []byte { return h[h.HeaderLen():h.TotalLen()] }

// SetTOS writes the type of service byte.
func (h IPv4) SetTOS(v uint8) { h[1] = v }

// SetTotalLen writes the total length in bytes.
func (h IPv4) SetTotalLen(n int) { binary.BigEndian.PutUint16(h[2:], uint16(n)) }

// SetID writes the identification.
func (h IPv4) SetID(v uint16) { binary.BigEndian.PutUint16(h[4:], v) }

// SetFragment writes flags and fragment offset. off is in bytes, a multiple of 8.
func (h IPv4) SetFragment(df, more bool, off int) {
	v := uint16(off / 8)
	if df {
		v |= ipv4DF
	}
	if more {
		v |= ipv4MF
	}
	binary.BigEndian.PutUint16(h[6:], v)
}

// SetTTL writes the time to live.
func (h IPv4) SetTTL(v uint8) { h[8] = v }

// SetProtocol writes the protocol of the payload.
func (h IPv4) SetProtocol(v uint8) { h[9] = v }

// SetChecksum writes the header checksum field.
func (h IPv4) SetChecksum(v uint16) { binary.BigEndian.PutUint16(h[10:], v) }

// SetSrc writes the source address; the checksum is left as it is.
func (h IPv4) SetSrc(a [4]byte) { copy(h[12:16], a[:]) }

// SetDst writes the destination address; the checksum is left as it is.
func (h IPv4) SetDst(a [4]byte) { copy(h[16:20], a[:]) }

// FillChecksum computes the header checksum from nothing and writes it.
func (h IPv4) FillChecksum() {
	h.SetChecksum(0)
	h.SetChecksum(Checksum(h[:h.HeaderLen()], 0))
}

// ChecksumOK reports whether the header, options included, verifies.
func (h IPv4) ChecksumOK() bool { return Checksum(h[:h.HeaderLen()], 0) == 0 }

// IPv4Header holds the fields of a header without options, to build one.
type IPv4Header struct {
	TOS      uint8
	TotalLen int // bytes, header included
	ID       uint16
	DF       bool
	TTL      uint8
	Protocol uint8
	Src, Dst [4]byte
}

// Put writes the header, its checksum included, over the first 20 bytes of b.
// No byte of what b held remains in them. The checksum is of the values: to sum
// bytes that have just been stored piece by piece would wait for the stores.
func (f *IPv4Header) Put(b []byte) IPv4 {
	h := IPv4(b)
	_ = h[IPv4Len-1]
	src, dst := uint64(binary.BigEndian.Uint32(f.Src[:])), binary.BigEndian.Uint32(f.Dst[:])
	w0 := (4<<4|IPv4Len/4)<<56 | uint64(f.TOS)<<48 | uint64(uint16(f.TotalLen))<<32 | uint64(f.ID)<<16
	if f.DF {
		w0 |= ipv4DF
	}
	w1 := uint64(f.TTL)<<56 | uint64(f.Protocol)<<48 | src
	sum := Fold(w0>>32 + w0&0xffffffff + w1>>32 + src + uint64(dst))
	binary.BigEndian.PutUint64(h[0:], w0)
	binary.BigEndian.PutUint64(h[8:], w1|uint64(^sum)<<32)
	binary.BigEndian.PutUint32(h[16:], dst)
	return h
}
