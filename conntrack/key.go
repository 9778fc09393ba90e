package conntrack

import (
	"encoding/binary"
	"math/bits"

	"github.com/cespare/xxhash/v2"

	"ulvs/wire"
)

// Key names a connection as the client's packets do: the client's end, the
// virtual end and the IP protocol. Ports are in host byte order. A template or
// another entry without a client port has ClientPort 0.
type Key struct {
	Client, Virtual         wire.Addr
	ClientPort, VirtualPort uint16
	Proto                   uint8 // IP protocol; 0 for a firewall-mark template
}

// Hash is the seeded hash of a client's end. It selects the shard, which both
// directions of a connection therefore share.
type Hash uint64

// secrets are derived from the table's seed. Without them nobody outside can
// choose packets whose hashes collide.
type secrets struct {
	client  [3]uint64 // whiten the words that xxhash sees
	inbound uint64    // second stage, virtual end
	reply   uint64    // second stage, real end
}

func newSecrets(seed uint64) (s secrets) {
	for i, p := range []*uint64{&s.client[0], &s.client[1], &s.client[2], &s.inbound, &s.reply} {
		var b [16]byte
		binary.LittleEndian.PutUint64(b[:], seed)
		binary.LittleEndian.PutUint64(b[8:], uint64(i)+1)
		*p = xxhash.Sum64(b[:])
	}
	return s
}

// hash packs the client's end and hashes it: an IPv4 end into one word, of which
// xxhash is a permutation, another into three. The words are masked with secrets
// first: xxhash alone has pairs of inputs of three words that collide under every
// seed. One word instead of three saves 5 ns of a connection hit.
func (s *secrets) hash(client *wire.Addr, port uint16, proto uint8) Hash {
	lo, hi := words(client)
	end := uint64(port) | uint64(proto)<<16
	if is4(lo, hi) {
		return Hash(xxhashWord((hi>>32<<32 | end) ^ s.client[0]))
	}
	var b [24]byte
	binary.LittleEndian.PutUint64(b[:], lo^s.client[0])
	binary.LittleEndian.PutUint64(b[8:], hi^s.client[1])
	binary.LittleEndian.PutUint64(b[16:], end^s.client[2])
	return Hash(xxhash.Sum64(b[:]))
}

// Constants of xxhash (XXH64 specification, section "XXH64 algorithm").
const (
	xxPrime1 uint64 = 0x9E3779B185EBCA87
	xxPrime2 uint64 = 0xC2B2AE3D27D4EB4F
	xxPrime3 uint64 = 0x165667B19E3779F9
	xxPrime4 uint64 = 0x85EBCA77C2B2AE63
	xxPrime5 uint64 = 0x27D4EB2F165667C5
)

// xxhashWord is xxhash.Sum64 of the eight bytes of w in little-endian order.
// Written out for one word it can be inlined and stays in registers, which the
// assembly cannot: 4 ns less per hit.
func xxhashWord(w uint64) uint64 {
	h := xxPrime5 + 8
	h ^= bits.RotateLeft64(w*xxPrime2, 31) * xxPrime1
	h = bits.RotateLeft64(h, 27)*xxPrime1 + xxPrime4
	h ^= h >> 33
	h *= xxPrime2
	h ^= h >> 29
	h *= xxPrime3
	return h ^ h>>32
}

// tag mixes the other end into h by one folded multiplication with a secret
// (s.inbound for a virtual end, s.reply for a real one) and keeps 32 bits: the
// home in the shard's index and the quick comparison there.
func tag(h Hash, a *wire.Addr, port uint16, secret uint64) uint32 {
	lo, hi := words(a)
	x, y := bits.Mul64(uint64(h)^hi, secret^lo^uint64(port)<<40^uint64(port)<<7)
	return uint32((x ^ y) >> 32)
}

// words returns the address as two words in the byte order of memory.
func words(a *wire.Addr) (lo, hi uint64) {
	return a.Words()
}

// The words of an IPv4 address: lo is 0, the lower half of hi is v4Mark.
const v4Mark = 0xffff0000

// is4 reports whether the words are those of an IPv4 address.
func is4(lo, hi uint64) bool { return lo == 0 && uint32(hi) == v4Mark }
