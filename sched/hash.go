package sched

import (
	"math/bits"

	"ulvs/wire"
)

// fold makes an address one word, as the kernel's hashing schedulers do: an
// IPv4 address as the number it is, of an IPv6 address the four 32-bit words
// in network order XORed. IPv6 addresses that differ by words that swap or
// cancel fold to the same: a client can choose among them.
func fold(a wire.Addr) uint32 {
	if a.Is4() {
		return bits.ReverseBytes32(a.V4())
	}
	w0, w1 := a.Words()
	w0 ^= w1
	return bits.ReverseBytes32(uint32(w0) ^ uint32(w0>>32))
}

// buckets is the size of the tables of dh and sh (kernel ip_vs_dh.c and
// ip_vs_sh.c, both with their default of 8 bits).
const buckets = 256

// bucket is the multiplicative hash of dh and sh: the top 8 bits of the 32-bit
// product of x and 2^32 divided by the square of the golden ratio, made odd
// (kernel include/linux/hash.h, hash_32).
func bucket(x uint32) uint8 { return uint8(x * 0x61C88647 >> 24) }

// sipHash13 is SipHash-1-3 of the four bytes of x, least significant first,
// under a key whose halves are both k, cut to 32 bits (kernel lib/siphash.c,
// hsiphash_1u32 on 64-bit machines; Aumasson and Bernstein, "SipHash: a fast
// short-input PRF").
func sipHash13(x uint32, k uint64) uint32 {
	v := sipState{
		k ^ 0x736f6d6570736575, k ^ 0x646f72616e646f6d,
		k ^ 0x6c7967656e657261, k ^ 0x7465646279746573,
	}
	last := uint64(4)<<56 | uint64(x) // the length and the bytes
	v[3] ^= last
	v.round()
	v[0] ^= last
	v[2] ^= 0xff
	v.round()
	v.round()
	v.round()
	return uint32(v[0] ^ v[1] ^ v[2] ^ v[3])
}

type sipState [4]uint64

func (v *sipState) round() {
	v[0] += v[1]
	v[1] = bits.RotateLeft64(v[1], 13) ^ v[0]
	v[0] = bits.RotateLeft64(v[0], 32)
	v[2] += v[3]
	v[3] = bits.RotateLeft64(v[3], 16) ^ v[2]
	v[0] += v[3]
	v[3] = bits.RotateLeft64(v[3], 21) ^ v[0]
	v[2] += v[1]
	v[1] = bits.RotateLeft64(v[1], 17) ^ v[2]
	v[2] = bits.RotateLeft64(v[2], 32)
}
