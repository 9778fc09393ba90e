package wire

import (
	"encoding/binary"
	"math/bits"
)

// Sum adds b, taken as big-endian 16-bit words, to the partial sum acc and
// returns the new partial sum (RFC 1071). A last odd byte counts as the high
// byte of a word, so of several pieces only the last may have odd length.
//
// A partial sum is any number that is congruent to the sum modulo 0xffff; make
// 16 bits of it with Fold, or a finished checksum with Checksum. Partial sums
// may be added with + as long as there are fewer than 2^40 of them.
//
// It adds whole machine words in the machine's byte order and swaps once at the
// end: the one's complement sum does not depend on byte order (RFC 1071 section
// 2, B). The s += c of a step cannot overflow: a sum that carried is at most
// 2^64-2.
func Sum(b []byte, acc uint64) uint64 {
	var s, c uint64
	for len(b) >= 32 {
		s, c = bits.Add64(s, binary.NativeEndian.Uint64(b), 0)
		s, c = bits.Add64(s, binary.NativeEndian.Uint64(b[8:]), c)
		s, c = bits.Add64(s, binary.NativeEndian.Uint64(b[16:]), c)
		s, c = bits.Add64(s, binary.NativeEndian.Uint64(b[24:]), c)
		s += c
		b = b[32:]
	}
	for len(b) >= 8 {
		s, c = bits.Add64(s, binary.NativeEndian.Uint64(b), 0)
		s += c
		b = b[8:]
	}
	tail, odd := sumTail(b)
	s, c = bits.Add64(s, tail, 0)
	return acc + uint64(swapNative(Fold(s+c))) + odd
}

// sumTail sums at most 7 bytes: words in machine byte order, and a last odd
// byte as it counts in network order.
func sumTail(b []byte) (words, odd uint64) {
	if len(b) >= 4 {
		words = uint64(binary.NativeEndian.Uint32(b))
		b = b[4:]
	}
	if len(b) >= 2 {
		words += uint64(binary.NativeEndian.Uint16(b))
		b = b[2:]
	}
	if len(b) > 0 {
		odd = uint64(b[0]) << 8
	}
	return words, odd
}

// swapNative turns v from the machine's byte order into network order.
func swapNative(v uint16) uint16 {
	var b [2]byte
	binary.NativeEndian.PutUint16(b[:], v)
	return binary.BigEndian.Uint16(b[:])
}

// Fold reduces a partial sum to 16 bits, uncomplemented. It is 0 only for 0.
func Fold(acc uint64) uint16 {
	acc = acc>>32 + acc&0xffffffff // at most 33 bits
	acc = acc>>32 + acc&0xffffffff // at most 32 bits
	acc = acc>>16 + acc&0xffff     // at most 17 bits
	acc = acc>>16 + acc&0xffff
	return uint16(acc)
}

// Checksum returns the finished Internet checksum of b and the partial sum acc
// (0 or a PseudoSum), the value that goes into the header. Over bytes that
// hold a right checksum it returns 0.
func Checksum(b []byte, acc uint64) uint16 {
	return ^Fold(Sum(b, acc))
}

// PseudoSum returns the partial sum of the pseudo-header (RFC 9293 section
// 3.1, RFC 8200 section 8.1). length is the transport header and payload in
// bytes. IPv4 and IPv6 share it: the prefix of an IPv4-mapped address sums to
// 0xffff, which is zero in one's complement arithmetic.
func PseudoSum(src, dst Addr, proto uint8, length int) uint64 {
	return src.sum() + dst.sum() + uint64(proto) + uint64(length)
}

// sum returns the partial sum of the address, at most 2^35.
func (a *Addr) sum() uint64 {
	hi, lo := bits.ReverseBytes64(a.w0), bits.ReverseBytes64(a.w1)
	return hi>>32 + hi&0xffffffff + lo>>32 + lo&0xffffffff
}

// headerSumOK reports whether the 20 bytes of b verify as an IPv4 header
// without options. A sum of ones' complement 16-bit words is right if it is a
// multiple of 0xffff, in whatever byte order.
func headerSumOK(b *[IPv4Len]byte) bool {
	s, c := bits.Add64(binary.NativeEndian.Uint64(b[0:]), binary.NativeEndian.Uint64(b[8:]), 0)
	s, c = bits.Add64(s, uint64(binary.NativeEndian.Uint32(b[16:])), c)
	return (s+c)%0xffff == 0 && s != 0
}
