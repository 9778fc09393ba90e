package conntrack

import (
	"math/bits"
	"sync"
	"sync/atomic"
	"time"

	"ulvs/service"
	"ulvs/wire"
)

// Shard is the part of a Table that one lock guards: a contiguous piece of the
// entries, their index and their timers. Its methods need the lock that
// Table.Lock took, and work on the client's end whose hash was given there.
type Shard struct {
	mu    sync.Mutex
	hash  Hash     // given to Lock
	slots []uint64 // the index, see index.go
	conns []Conn

	t      *Table
	blocks []block
	dues   []uint32
	id     int
	first  int // number of conns[0] in the table
	free   int // no block below this one has a free unit
	hand   int // unit at which the search for a victim goes on
	at     int // block at which an unfinished sweep goes on
	stats  Stats

	count atomic.Uint32 // connections
	_     uint32
}

// shardSize is the size of Shard, pinned by a test to a multiple of the cache
// line.
const shardSize = 256

// Unlock gives the shard back. No *Conn found in it may be used afterwards.
func (s *Shard) Unlock() { s.mu.Unlock() }

// FindInbound returns the connection or template that k names, or nil.
func (s *Shard) FindInbound(k *Key) *Conn {
	tg := tag(s.hash, &k.Virtual, k.VirtualPort, s.t.secrets.inbound)
	four := k.is4()
	for i := s.home(tg); ; i = s.next(i) {
		e := s.slots[i]
		if uint32(e) == 0 {
			return nil
		}
		if uint32(e>>32) == tg {
			if c := &s.conns[uint32(e)-1]; four && c.isInbound4(k) || c.isInbound6(k) {
				if c.flags&(replyIndexed|NoOutput|Template) == 0 {
					s.relink(c)
				}
				return c
			}
		}
	}
}

// FindOutbound returns the connection of a reply: k has the real server's end
// in Virtual and VirtualPort. Connections made with NoOutput or Template are
// not found. If several match (one client port to two VIPs of the same real
// server) it is the newest, as in ip_vs (kernel ip_vs_conn.c, ip_vs_conn_hash,
// enters at the head); once that is gone, the next that the client uses.
func (s *Shard) FindOutbound(k *Key) *Conn {
	tg := tag(s.hash, &k.Virtual, k.VirtualPort, s.t.secrets.reply)
	four := k.is4()
	for i := s.home(tg); ; i = s.next(i) {
		e := s.slots[i]
		if uint32(e) == 0 {
			return nil
		}
		if uint32(e>>32) == tg {
			if c := &s.conns[uint32(e)-1]; four && c.isReply4(k) || c.isReply6(k) {
				return c
			}
		}
	}
}

// Spec is what Insert needs beside the key.
type Spec struct {
	Real     wire.Addr
	RealPort uint16
	Method   service.Method
	State    State // after the first packet
	Flags    Flags // Inactive is set by Insert from State
	Server   uint32
	Mark     uint32
	Control  Ref // held; belongs to the connection once it is inserted
}

// InsertResult says what became of an Insert.
type InsertResult uint8

// Results of Insert. All but InsertFull inserted.
const (
	Inserted InsertResult = iota
	EvictedHalfOpen
	EvictedClosing
	EvictedUnproven
	InsertFull
)

var resultNames = [...]string{"inserted", "evicted-half-open", "evicted-closing", "evicted-unproven", "full"}

// String returns the stable name of r.
func (r InsertResult) String() string { return resultNames[r] }

// Insert makes a connection with one packet seen, to end after timeout. The
// caller has looked k up under the same lock and not found it.
//
// When the table is full, a connection is evicted: a half-open one if there is
// any, else a closing one, else one of UDP that had a single packet or a
// template that was never of use; never another one. If there is nothing to
// evict the result is nil and InsertFull, and sp.Control is still the caller's.
func (s *Shard) Insert(k *Key, sp *Spec, now, timeout time.Duration) (*Conn, InsertResult) {
	n := unitsOf(k, sp)
	i, result := s.place(n, now)
	if result == InsertFull {
		s.stats.Refused++
		return nil, InsertFull
	}
	a, b := tag(s.hash, &k.Virtual, k.VirtualPort, s.t.secrets.inbound), tag(s.hash, &sp.Real, sp.RealPort, s.t.secrets.reply)
	s.bringNear(i, b)
	c := &s.conns[i]
	s.fill(c, k, sp)
	if n == 2 {
		c.flags |= wide
		*c.ext() = ext{client: k.Client, virtual: k.Virtual, real: sp.Real}
	}
	c.unit = uint32(s.first + i)
	c.deadline = deadline(now, timeout)
	c.setLifetime(timeout)
	s.occupy(i, n, c.class)
	s.queue(c, now)
	s.link(c, a, b)
	s.stats.Inserted++
	if established(k.Proto, sp.State) && c.flags&Template == 0 {
		s.t.Assure(c.control)
	}
	c.valid.Store(Layout)
	return c, result
}

// bringNear has the processor fetch what an insertion at unit i with this reply
// tag will write. Each atomic store of an insertion waits for all that is before
// it: without this the cache misses come one after the other. With reads instead
// of prefetches a new connection took 577 ns, with them 558 (`ulvs bench
// new-connections`, medians of six in alternation).
func (s *Shard) bringNear(i int, reply uint32) {
	nearSlot(&s.slots[s.home(reply)])
	nearConn(&s.conns[i])
	nearDue(&s.dues[i])
}

// unitsOf returns 1 if all three addresses are IPv4, else 2.
func unitsOf(k *Key, sp *Spec) int {
	if is4(words(&k.Client)) && is4(words(&k.Virtual)) && is4(words(&sp.Real)) {
		return 1
	}
	return 2
}

// fill sets all fields that k and sp give, and zeroes the rest.
func (s *Shard) fill(c *Conn, k *Key, sp *Spec) {
	c.client, c.virtual, c.real = pack(&k.Client), pack(&k.Virtual), pack(&sp.Real)
	c.clientPort, c.virtPort, c.realPort = k.ClientPort, k.VirtualPort, sp.RealPort
	c.proto, c.state, c.method = k.Proto, sp.State, sp.Method
	c.server, c.mark, c.control = sp.Server, sp.Mark, sp.Control
	c.flags = sp.Flags &^ ownFlags
	if c.flags&Template == 0 && !Active(k.Proto, sp.State) {
		c.flags |= Inactive
	}
	c.class = firstClass(k.Proto, c.flags, c.state)
	c.packets = 1
	c.holders.Store(0)
}

// Touch lets c live for timeout from now on: what each packet of it does. It
// stores the new deadline and nothing else, unless that is earlier than the
// next look at c.
func (s *Shard) Touch(c *Conn, now, timeout time.Duration) {
	c.deadline = now + timeout
	if c.class == unproven && c.flags&Template == 0 {
		s.reclass(c, kept)
	}
	if before(tick(c.deadline), c.due) {
		c.deadline = deadline(now, timeout)
		s.queue(c, now)
	}
}

// Change says how a new state changes the counts of the real server.
type Change int8

// Values of Change.
const (
	Same        Change = 0
	Activated   Change = 1  // one more active, one fewer inactive
	Deactivated Change = -1 // the reverse
)

// SetState stores a new state and keeps the Inactive flag right. A connection
// that becomes established assures its template.
func (s *Shard) SetState(c *Conn, to State) Change {
	if c.state == to {
		return Same
	}
	c.state = to
	if c.proto != wire.ProtoTCP && c.proto != wire.ProtoSCTP || c.flags&Template != 0 {
		return Same
	}
	return s.changed(c, to)
}

// changed is the rare part of SetState.
func (s *Shard) changed(c *Conn, to State) Change {
	if cl := stateClass(c.proto, to); cl != c.class {
		s.reclass(c, cl)
	}
	if established(c.proto, to) {
		s.t.Assure(c.control)
	}
	switch active := Active(c.proto, to); {
	case active && c.flags&Inactive != 0:
		c.flags &^= Inactive
		return Activated
	case !active && c.flags&Inactive == 0:
		c.flags |= Inactive
		return Deactivated
	}
	return Same
}

// Remove ends c now. c is gone afterwards, except if it controls connections:
// then it cannot be found any more and goes when they have ended.
func (s *Shard) Remove(c *Conn) {
	if c.Controlled() != 0 {
		s.hide(c)
		c.deadline = 0
		return
	}
	s.stats.Removed++
	s.discard(c)
}

// Expire lets c end at once but in the next Tick: it cannot be found any more
// and is listed until then.
func (s *Shard) Expire(c *Conn, now time.Duration) {
	s.hide(c)
	c.deadline = now
	s.queue(c, now)
}

// Invalidate does to a template whose server is no longer usable what ip_vs
// does (kernel ip_vs_conn.c, ip_vs_check_template): it cannot be found any more
// and stays for its time, listed with ports 65535.
func (s *Shard) Invalidate(c *Conn) {
	s.hide(c)
	c.virtPort, c.realPort, c.clientPort = 0xffff, 0xffff, 0
}

// hide takes c out of the index.
func (s *Shard) hide(c *Conn) {
	if c.flags&Hashed != 0 {
		s.unlink(c)
	}
}

// discard frees c's memory and tells the owner.
func (s *Shard) discard(c *Conn) {
	if s.t.expired != nil {
		s.t.expired(c)
	}
	s.hide(c)
	c.valid.Store(0)
	if c.control != 0 {
		s.t.Release(c.control)
	}
	s.vacate(c)
}

// snapshot copies the connections of block b and returns how many.
func (s *Shard) snapshot(b int, buf *[64]Info) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for m := s.blocks[b].heads(); m != 0; m &= m - 1 {
		s.conns[b*64+bits.TrailingZeros64(m)].Info(&buf[n])
		n++
	}
	return n
}

// removeIf is RemoveIf for one block.
func (s *Shard) removeIf(b int, match func(*Conn) bool) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for m := s.blocks[b].heads(); m != 0; m &= m - 1 {
		if c := &s.conns[b*64+bits.TrailingZeros64(m)]; match(c) {
			s.Remove(c)
			n++
		}
	}
	return n
}

// addStats adds the shard's counts to sum.
func (s *Shard) addStats(sum *Stats) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sum.Len += int(s.count.Load())
	sum.HalfOpen += int(s.t.evictable[halfOpen][s.id].Load())
	sum.Closing += int(s.t.evictable[closing][s.id].Load())
	sum.Unproven += int(s.t.evictable[unproven][s.id].Load())
	sum.Inserted += s.stats.Inserted
	sum.Expired += s.stats.Expired
	sum.Removed += s.stats.Removed
	sum.Refused += s.stats.Refused
	for i, n := range s.stats.Evicted {
		sum.Evicted[i] += n
	}
}
