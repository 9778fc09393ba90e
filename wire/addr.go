package wire

import (
	"encoding/binary"
	"net/netip"
)

// Addr is an IP address as the data path holds it: 16 bytes in network order,
// an IPv4 address in its IPv4-mapped form (RFC 4291 section 2.5.5.2). At the
// edges (configuration, text) addresses are netip.Addr.
//
// The bytes are kept as two words, loaded little-endian, rather than as an array:
// the compiler then copies, compares and passes addresses in registers, where a
// copy of 16 bytes would have to wait for the two fresh stores of 8.
type Addr struct{ w0, w1 uint64 }

// v4Mark is the lower half of w1 of an IPv4 address, the bytes 0 0 ff ff; w0 is
// then 0.
const v4Mark = 0xffff0000

// AddrFrom4 makes an Addr of a 4-byte IPv4 address in network order.
func AddrFrom4(b [4]byte) Addr { return AddrFromV4(binary.LittleEndian.Uint32(b[:])) }

// AddrFromV4 is the inverse of Addr.V4.
func AddrFromV4(v uint32) Addr { return Addr{w1: uint64(v)<<32 | v4Mark} }

// AddrFrom16 makes an Addr of 16 bytes in network order.
func AddrFrom16(b [16]byte) Addr {
	return Addr{binary.LittleEndian.Uint64(b[:8]), binary.LittleEndian.Uint64(b[8:])}
}

// AddrFrom makes an Addr of ip, which may be IPv4, IPv4-mapped or IPv6. The
// zone is dropped; the zero netip.Addr gives the zero Addr.
func AddrFrom(ip netip.Addr) Addr {
	if !ip.IsValid() {
		return Addr{}
	}
	return AddrFrom16(ip.As16())
}

// Netip returns the address as netip.Addr, IPv4 unmapped. The zero Addr gives
// the zero netip.Addr.
func (a Addr) Netip() netip.Addr {
	if a.IsZero() {
		return netip.Addr{}
	}
	return netip.AddrFrom16(a.As16()).Unmap()
}

// Is4 reports whether a holds an IPv4 address.
func (a Addr) Is4() bool { return a.w0 == 0 && uint32(a.w1) == v4Mark }

// V4 returns the bytes of an IPv4 address as they lie in memory, loaded
// little-endian: for packing and hashing, not for arithmetic.
func (a Addr) V4() uint32 { return uint32(a.w1 >> 32) }

// Words returns the 16 bytes as two words, loaded little-endian.
func (a Addr) Words() (w0, w1 uint64) { return a.w0, a.w1 }

// IsZero reports whether a was never set.
func (a Addr) IsZero() bool { return a == Addr{} }

// As4 returns the last four bytes, the IPv4 address if Is4.
func (a Addr) As4() (b [4]byte) {
	binary.LittleEndian.PutUint32(b[:], a.V4())
	return b
}

// As16 returns the 16 bytes in network order.
func (a Addr) As16() (b [16]byte) {
	binary.LittleEndian.PutUint64(b[:8], a.w0)
	binary.LittleEndian.PutUint64(b[8:], a.w1)
	return b
}

// Put4 writes the IPv4 address over the first four bytes of b.
func (a Addr) Put4(b []byte) { binary.LittleEndian.PutUint32(b, a.V4()) }

// And returns a with the bits cleared that are not in mask, 16 bytes in network
// order.
func (a Addr) And(mask [16]byte) Addr {
	m := AddrFrom16(mask)
	return Addr{a.w0 & m.w0, a.w1 & m.w1}
}

// Put16 writes the 16 bytes in network order over the first of b.
func (a Addr) Put16(b []byte) {
	binary.LittleEndian.PutUint64(b[:8], a.w0)
	binary.LittleEndian.PutUint64(b[8:16], a.w1)
}

// String returns the usual text form.
func (a Addr) String() string {
	if a.IsZero() {
		return "unset"
	}
	return a.Netip().String()
}

// MAC is an Ethernet hardware address (EUI-48).
type MAC [6]byte

// Broadcast is the Ethernet broadcast address.
var Broadcast = MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

// IsGroup reports whether m is a multicast or broadcast address.
func (m MAC) IsGroup() bool { return m[0]&1 != 0 }

// IsZero reports whether m was never set.
func (m MAC) IsZero() bool { return m == MAC{} }

// String returns m as six colon-separated hex bytes.
func (m MAC) String() string {
	const hex = "0123456789abcdef"
	var b [17]byte
	for i, v := range m {
		b[3*i], b[3*i+1] = hex[v>>4], hex[v&15]
		if i < 5 {
			b[3*i+2] = ':'
		}
	}
	return string(b[:])
}
