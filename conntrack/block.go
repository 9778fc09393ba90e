package conntrack

import "math/bits"

// block is the bookkeeping of 64 neighbouring units: one bit for each instead
// of links in the entries, so that taking, freeing and searching touch no other
// entry's cache line.
type block struct {
	live  uint64           // in use
	tail  uint64           // second unit of an IPv6 connection
	class [numClass]uint64 // may be evicted, both units of a wide one
	due   uint32           // no entry is due for a look before this tick
	_     uint32
}

const blockSize = 48

// evens has the bits of units on which a wide entry may start.
const evens = 0x5555555555555555

// heads returns the units on which an entry starts.
func (b *block) heads() uint64 { return b.live &^ b.tail }

// pick returns a free unit for n units in a row, or -1. Single ones come first
// from halves of pairs, to leave whole pairs to IPv6.
func pick(free uint64, n int) int {
	pairs := free & (free >> 1) & evens
	if n == 2 {
		free = pairs
	} else if singles := free &^ (pairs | pairs<<1); singles != 0 {
		free = singles
	}
	if free == 0 {
		return -1
	}
	return bits.TrailingZeros64(free)
}

// find returns the first free place for n units, or -1. Lowest first keeps a
// lightly used table within few pages.
func (s *Shard) find(n int) int {
	for b := s.free; b < len(s.blocks); b++ {
		if i := pick(^s.blocks[b].live, n); i >= 0 {
			return b*64 + i
		}
		if n == 1 {
			s.free = b + 1
		}
	}
	return -1
}

// unitMask returns the bits of n units from i in their block.
func unitMask(i, n int) uint64 { return (1<<n - 1) << (i & 63) }

// occupy marks n units from i as used.
func (s *Shard) occupy(i, n int, cl class) {
	b := &s.blocks[i/64]
	b.live |= unitMask(i, n)
	if n == 2 {
		b.tail |= unitMask(i+1, 1)
	}
	s.count.Add(1)
	s.addClass(b, i, n, cl)
}

// vacate frees the units of c.
func (s *Shard) vacate(c *Conn) {
	i, n := int(c.unit)-s.first, c.units()
	b := &s.blocks[i/64]
	s.dropClass(b, i, n, c.class)
	b.live &^= unitMask(i, n)
	b.tail &^= unitMask(i, n)
	s.free = min(s.free, i/64)
	s.count.Add(^uint32(0))
	s.t.used.Add(-int64(n))
}

// units returns how many units c takes.
func (c *Conn) units() int {
	if c.flags&wide != 0 {
		return 2
	}
	return 1
}

// reclass moves c to another class.
func (s *Shard) reclass(c *Conn, to class) {
	i, n := int(c.unit)-s.first, c.units()
	b := &s.blocks[i/64]
	s.dropClass(b, i, n, c.class)
	s.addClass(b, i, n, to)
	c.class = to
}

func (s *Shard) addClass(b *block, i, n int, cl class) {
	if cl == kept {
		return
	}
	b.class[cl] |= unitMask(i, n)
	s.t.evictable[cl][s.id].Add(1)
	s.t.wet()
}

func (s *Shard) dropClass(b *block, i, n int, cl class) {
	if cl == kept {
		return
	}
	b.class[cl] &^= unitMask(i, n)
	s.t.evictable[cl][s.id].Add(^uint32(0))
}
