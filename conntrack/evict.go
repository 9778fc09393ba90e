package conntrack

import (
	"math/bits"
	"time"
)

// maxSkip bounds the search for a victim, over all shards: how many entries of
// the right class may turn out to be held before the search gives up. The next
// search goes on behind them.
const maxSkip = 64

// search is the state of one search for a victim.
type search struct {
	skips  int  // left of maxSkip
	passed bool // a shard in use was passed over
}

// complete reports whether the search left nothing out.
func (q *search) complete() bool { return q.skips > 0 && !q.passed }

// room is the result of reserve.
type room uint8

const (
	reserved room = iota
	tableFull
	shardFull // or without a pair of units for IPv6
)

// place finds n units, evicting if need be.
func (s *Shard) place(n int, now time.Duration) (int, InsertResult) {
	result := Inserted
	i, why := s.reserve(n)
	// An IPv6 connection may need two victims, and another worker may take the
	// room that was made.
	for try := 0; why != reserved && try < 4; try++ {
		cl := s.evict(n, now, why)
		if cl == kept {
			break
		}
		if cl < numClass {
			result = EvictedHalfOpen + InsertResult(cl)
		}
		i, why = s.reserve(n)
	}
	if why != reserved {
		return -1, InsertFull
	}
	return i, result
}

// reserve counts n units against the capacity and finds them in this shard.
func (s *Shard) reserve(n int) (int, room) {
	t := s.t
	if t.used.Add(int64(n)) > t.limit {
		t.used.Add(-int64(n))
		return -1, tableFull
	}
	i := s.find(n)
	if i < 0 {
		t.used.Add(-int64(n))
		return -1, shardFull
	}
	return i, reserved
}

// overdue is what evict returns when an expired entry made room.
const overdue = kept + 1

// evict makes room by one entry or pair and returns the class of the victim,
// overdue, or kept if there was nothing.
func (s *Shard) evict(n int, now time.Duration, why room) class {
	if s.sweepNow(now) {
		return overdue
	}
	if why == tableFull && s.t.dry.Load() {
		return kept
	}
	q := search{skips: maxSkip}
	if cl := s.searchAll(&q, n, why); cl != kept || why == shardFull || !q.complete() {
		return cl
	}
	// Nothing: search once more, to be able to say that this still holds.
	before := s.t.countEvictable()
	if cl := s.searchAll(&q, n, why); cl != kept || !q.complete() {
		return cl
	}
	s.t.drain(before)
	return kept
}

// searchAll evicts from this shard or, if the whole table is full, from another,
// the lowest class first.
func (s *Shard) searchAll(q *search, n int, why room) class {
	for cl := range class(numClass) {
		if s.victim(q, cl, why == shardFull && n == 2) {
			return cl
		}
		if why == tableFull && s.evictElsewhere(q, cl) {
			return cl
		}
	}
	return kept
}

// evictElsewhere evicts from the next shard that has something to evict. It
// only tries locks: a shard that is in use is passed over, and two workers can
// not wait for each other.
func (s *Shard) evictElsewhere(q *search, cl class) bool {
	all := s.t.shards
	for n := 1; n < len(all) && q.skips > 0; n++ {
		o := &all[(s.id+n)&(len(all)-1)]
		if s.t.evictable[cl][o.id].Load() == 0 {
			continue
		}
		if !o.mu.TryLock() {
			q.passed = true
			continue
		}
		ok := o.victim(q, cl, false)
		o.mu.Unlock()
		if ok {
			return true
		}
	}
	return false
}

// victim evicts one entry of class cl, or all of a pair of units. The search
// goes round the shard from where it last stopped: new entries take the places
// that were freed, so that the oldest goes first, about.
func (s *Shard) victim(q *search, cl class, pair bool) bool {
	if s.t.evictable[cl][s.id].Load() == 0 {
		return false
	}
	from := s.hand / 64
	for n := 0; n <= len(s.blocks) && q.skips > 0; n++ {
		b := (from + n) % len(s.blocks)
		m := s.blocks[b].victims(cl, pair)
		if n == 0 {
			m &= ^uint64(0) << (s.hand & 63)
		}
		for ; m != 0; m &= m - 1 {
			i := b*64 + bits.TrailingZeros64(m)
			s.hand = (i + 1) % len(s.conns)
			if s.drop(i, cl, pair) {
				return true
			}
			q.skips--
		}
	}
	return false
}

// victims returns where entries of class cl start or, for a pair, where two
// units are free or of that class.
func (b *block) victims(cl class, pair bool) uint64 {
	m := b.class[cl]
	if pair {
		m |= ^b.live
		return m & (m >> 1) & evens
	}
	return m &^ b.tail
}

// drop evicts the entry at i, and for a pair the one after it, unless one of
// them is held. It reports whether it did.
func (s *Shard) drop(i int, cl class, pair bool) bool {
	second := pair && s.blocks[i/64].heads()&unitMask(i+1, 1) != 0
	first := s.blocks[i/64].live&unitMask(i, 1) != 0
	if first && !s.mayDrop(&s.conns[i]) || second && !s.mayDrop(&s.conns[i+1]) {
		return false
	}
	if first {
		s.stats.Evicted[cl]++
		s.discard(&s.conns[i])
	}
	if second {
		s.stats.Evicted[cl]++
		s.discard(&s.conns[i+1])
	}
	return first || second
}

// mayDrop reports whether c is neither held nor assured. An assured template is
// not looked at again.
func (s *Shard) mayDrop(c *Conn) bool {
	h := c.holders.Load()
	if h&assuredBit != 0 && c.class == unproven {
		s.reclass(c, kept)
	}
	return h == 0
}

// countEvictable sums the shards' counts of what may be evicted.
func (t *Table) countEvictable() (n uint32) {
	for cl := range t.evictable {
		for i := range t.evictable[cl] {
			n += t.evictable[cl][i].Load()
		}
	}
	return n
}

// drain notes that there is nothing to evict anywhere, so that a flood against
// a full table does not search it for each packet. before is what countEvictable was
// before the search: whoever adds to it afterwards either is seen here or
// sees the note and takes it back.
func (t *Table) drain(before uint32) {
	t.dry.Store(true)
	if t.countEvictable() != before {
		t.dry.Store(false)
	}
}

// wet takes the note back.
func (t *Table) wet() {
	if t.dry.Load() {
		t.dry.Store(false)
	}
}
