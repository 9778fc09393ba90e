package conntrack

import (
	"math/bits"
	"time"
)

// Expiry is lazy. dues[i] is the tick at which entry i is to be looked at next,
// never later than its deadline; block.due is the least of 64 of them, and
// Table.wake the least of a shard. A packet only stores a later deadline in its
// entry; the look finds it and moves dues[i]. An earlier deadline (a FIN after
// ESTABLISHED) moves dues[i] at once.
//
// This does the work of a timer wheel without lists through the entries: a
// connection is added, moved and freed without touching a neighbour's cache
// line, and what falls due together is found by reading a few neighbouring
// words and then entries in the order of memory, which the processor fetches
// ahead. It costs 4 bytes per entry.

const (
	tickShift = 20      // a tick is 2^20 ns, 1.05 ms
	horizon   = 1 << 30 // ticks; the farthest look, 13 days; ticks wrap at 2^32
	holdMax   = 64      // looks for which Tick keeps a shard locked
	// grace is by how much an entry that still controls others is prolonged
	// (kernel ip_vs_conn.c, ip_vs_conn_expire).
	grace = time.Minute
)

// tick returns the tick in which d lies.
func tick(d time.Duration) uint32 { return uint32(d >> tickShift) }

// before compares ticks that are less than 2^31 apart.
func before(a, b uint32) bool { return int32(a-b) < 0 }

// Tick ends connections whose deadline is at or before now. It looks at about
// budget entries at most, fewer than 128 with a shard locked, passes over shards
// that are in use, and goes on in the next call where it stopped. It returns
// how many it ended. Any worker may call it; with nothing due it costs a few
// hundred nanoseconds.
func (t *Table) Tick(now time.Duration, budget int) (expired int) {
	start := t.cursor.Load()
	u := tick(now)
	for n := range uint32(len(t.shards)) {
		i := (start + n) & uint32(len(t.shards)-1)
		if before(u, t.wake[i].Load()) {
			continue
		}
		looked, gone := t.shards[i].tickShard(now, budget)
		expired += gone
		if budget -= looked; budget <= 0 {
			t.cursor.Store(i)
			break
		}
	}
	return expired
}

// tickShard sweeps the shard to its end or for budget looks, in pieces.
func (s *Shard) tickShard(now time.Duration, budget int) (looked, gone int) {
	for done := false; !done && looked < budget; {
		if !s.mu.TryLock() {
			return looked, gone
		}
		var l, g int
		l, g, done = s.sweep(now, min(holdMax, budget-looked))
		s.mu.Unlock()
		looked, gone = looked+l, gone+g
	}
	return looked, gone
}

// sweepNow ends what is overdue in a full shard and reports whether that made
// room.
func (s *Shard) sweepNow(now time.Duration) bool {
	if before(tick(now), s.t.wake[s.id].Load()) {
		return false
	}
	_, gone, _ := s.sweep(now, holdMax)
	return gone > 0
}

// sweep looks at the entries that are due, at limit of them or up to 63 more,
// from where the last sweep stopped. done says that it came to the end.
func (s *Shard) sweep(now time.Duration, limit int) (looked, gone int, done bool) {
	u := tick(now)
	for ; s.at < len(s.blocks); s.at++ {
		b := &s.blocks[s.at]
		if b.live == 0 || before(u, b.due) {
			continue
		}
		if looked >= limit {
			return looked, gone, false
		}
		l, g := s.sweepBlock(s.at, now, u)
		looked, gone = looked+l, gone+g
	}
	s.at = 0
	s.t.wake[s.id].Store(s.earliest(u))
	return looked, gone, true
}

// earliest returns the least tick at which a block is due.
func (s *Shard) earliest(u uint32) uint32 {
	least := u + horizon
	for i := range s.blocks {
		if b := &s.blocks[i]; b.live != 0 && before(b.due, least) {
			least = b.due
		}
	}
	return least
}

// sweepBlock looks at what is due in one block and recomputes its due tick.
func (s *Shard) sweepBlock(b int, now time.Duration, u uint32) (looked, gone int) {
	least := u + horizon
	for m := s.blocks[b].heads(); m != 0; m &= m - 1 {
		i := b*64 + bits.TrailingZeros64(m)
		d := s.dues[i]
		if !before(u, d) {
			looked++
			if s.look(&s.conns[i], now) {
				gone++
				continue
			}
			d = s.dues[i]
		}
		if before(d, least) {
			least = d
		}
	}
	s.blocks[b].due = least
	return looked, gone
}

// look ends c if its deadline has passed and says so, else sets its next look.
// If c controls connections it is prolonged, but only by the next Tick: those
// that run out with it are to go first, and it with them. So it is in the
// kernel, where of timers for the same jiffy the one set last comes first.
func (s *Shard) look(c *Conn, now time.Duration) bool {
	at := c.deadline
	if c.deadline <= now {
		if c.Controlled() == 0 {
			s.stats.Expired++
			s.discard(c)
			return true
		}
		if c.flags&waiting == 0 {
			at = now // the next Tick looks again
		} else {
			at = now + grace
			c.deadline = at
			c.setLifetime(grace)
		}
		c.flags ^= waiting
	}
	c.due = dueTick(at, now)
	s.dues[int(c.unit)-s.first] = c.due
	return false
}

// dueTick returns the tick of the next look.
func dueTick(deadline, now time.Duration) uint32 {
	return tick(min(deadline, now+horizon<<tickShift))
}

// queue sets the next look at c, which is live, by its deadline.
func (s *Shard) queue(c *Conn, now time.Duration) {
	i := int(c.unit) - s.first
	c.due = dueTick(c.deadline, now)
	s.dues[i] = c.due
	b := &s.blocks[i/64]
	if alone := b.live == unitMask(i, c.units()); alone || before(c.due, b.due) {
		b.due = c.due
	}
	if w := &s.t.wake[s.id]; s.count.Load() == 1 || before(c.due, w.Load()) {
		w.Store(c.due)
	}
}
