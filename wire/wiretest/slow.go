package wiretest

import "ulvs/wire"

// SlowSum is the Internet sum of the pieces, each padded to an even length,
// one word at a time as RFC 1071 says it: the oracle for wire.Sum.
func SlowSum(pieces ...[]byte) uint16 {
	var sum uint16
	for _, b := range pieces {
		for i := 0; i < len(b); i += 2 {
			w := uint16(b[i]) << 8
			if i+1 < len(b) {
				w |= uint16(b[i+1])
			}
			sum = addOnes(sum, w)
		}
	}
	return sum
}

// addOnes adds two words with the carry brought round.
func addOnes(a, b uint16) uint16 {
	s := uint32(a) + uint32(b)
	if s > 0xffff {
		s -= 0xffff
	}
	return uint16(s)
}

// SlowChecksum is the finished checksum of the pieces.
func SlowChecksum(pieces ...[]byte) uint16 { return ^SlowSum(pieces...) }

// PseudoHeader returns the bytes of the pseudo-header of IPv4 (RFC 9293
// section 3.1) or IPv6 (RFC 8200 section 8.1).
func PseudoHeader(src, dst wire.Addr, proto uint8, length int) []byte {
	if src.Is4() {
		s, d := src.As4(), dst.As4()
		b := append(s[:], d[:]...)
		return append(b, 0, proto, byte(length>>8), byte(length))
	}
	s, d := src.As16(), dst.As16()
	b := append(s[:], d[:]...)
	return append(b, byte(length>>24), byte(length>>16), byte(length>>8), byte(length), 0, 0, 0, proto)
}
