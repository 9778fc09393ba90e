package wire

import "encoding/binary"

// IPv6 is a packet from its IP header on (RFC 8200 section 3).
//
//	+-------+---------------+---------------------------------------+
//	|Version| Traffic Class |              Flow Label               |
//	+-------+---------------+-------+---------------+---------------+
//	|        Payload Length         |  Next Header  |   Hop Limit   |
//	+-------------------------------+---------------+---------------+
//	|                  Source Address (16 bytes)                    |
//	|                Destination Address (16 bytes)                 |
type IPv6 []byte

// Version returns the version field.
func (h IPv6) Version() uint8 { return h[0] >> 4 }

// TrafficClass returns what IPv4 calls TOS: DSCP and ECN.
func (h IPv6) TrafficClass() uint8 { return uint8(binary.BigEndian.Uint16(h) >> 4) }

// FlowLabel returns the 20 bits of the flow label (RFC 6437).
func (h IPv6) FlowLabel() uint32 { return binary.BigEndian.Uint32(h) & 0xfffff }

// PayloadLen returns the length in bytes of what follows the 40 bytes of the
// header, extension headers included.
func (h IPv6) PayloadLen() int { return int(binary.BigEndian.Uint16(h[4:])) }

// NextHeader returns the kind of the first header after this one.
func (h IPv6) NextHeader() uint8 { return h[6] }

// HopLimit returns what IPv4 calls TTL.
func (h IPv6) HopLimit() uint8 { return h[7] }

// Src returns the source address.
func (h IPv6) Src() [16]byte { return [16]byte(h[8:24]) }

// Dst returns the destination address.
func (h IPv6) Dst() [16]byte { return [16]byte(h[24:40]) }

// SetPayloadLen writes the payload length in bytes.
func (h IPv6) SetPayloadLen(n int) { binary.BigEndian.PutUint16(h[4:], uint16(n)) }

// SetNextHeader writes the kind of the first header after this one.
func (h IPv6) SetNextHeader(v uint8) { h[6] = v }

// SetHopLimit writes the hop limit.
func (h IPv6) SetHopLimit(v uint8) { h[7] = v }

// IPv6Header holds the fields of a header, to build one.
type IPv6Header struct {
	TrafficClass uint8
	PayloadLen   int // bytes after the header
	NextHeader   uint8
	HopLimit     uint8
	Src, Dst     Addr
}

// Put writes the header, its flow label zero, over the first 40 bytes of b. No
// byte of what b held remains in them.
func (f *IPv6Header) Put(b []byte) IPv6 {
	h := IPv6(b)
	_ = h[IPv6Len-1]
	binary.BigEndian.PutUint32(h, 6<<28|uint32(f.TrafficClass)<<20)
	h.SetPayloadLen(f.PayloadLen)
	h.SetNextHeader(f.NextHeader)
	h.SetHopLimit(f.HopLimit)
	f.Src.Put16(h[8:])
	f.Dst.Put16(h[24:])
	return h
}
