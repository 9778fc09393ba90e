package conntrack

import (
	"sync/atomic"

	"ulvs/wire"
)

// Ahead is a look-up that has begun without a lock. What it has seen may be out
// of date at once and decides nothing: it is there to bring the memory near.
//
// The look-ups of a group of packets, each step done for all before the next,
// wait for their cache misses side by side; each under its own lock would wait
// alone. `ulvs bench first`, 60,000 flows in a table for a million: 0.75 of the
// bare ring without, 0.88 with it. The steps are prefetches: past a read that
// waits the processor goes on only as many instructions as it can hold, which
// took 141 ns a packet at 1,000,000 connections instead of 96 (`ulvs bench
// pipeline`; docs/decisions/0006-look-ahead-by-prefetch.md).
type Ahead struct {
	Hash Hash // of the client's end, for Lock
	tag  uint32
	at   uint32 // slot at which the search may start
}

// AimInbound begins the look-up of a client's packet: it hashes.
func (t *Table) AimInbound(a *Ahead, client, virtual *wire.Addr, clientPort, virtualPort uint16, proto uint8) {
	a.Hash = t.secrets.hash(client, clientPort, proto)
	t.aim(a, tag(a.Hash, virtual, virtualPort, t.secrets.inbound))
}

// AimOutbound begins the look-up of a real server's packet.
func (t *Table) AimOutbound(a *Ahead, client, real *wire.Addr, clientPort, realPort uint16, proto uint8) {
	a.Hash = t.secrets.hash(client, clientPort, proto)
	t.aim(a, tag(a.Hash, real, realPort, t.secrets.reply))
}

// aim notes where the search starts.
func (t *Table) aim(a *Ahead, tag uint32) {
	a.tag, a.at = tag, uint32(uint64(tag)*uint64(t.slots)>>32)
}

// Look begins to fetch the slot of the index at which the search will start.
func (t *Table) Look(a *Ahead) {
	s := &t.shards[a.Hash>>t.shift]
	nearSlot(&s.slots[a.at])
}

// maxReach is how many slots Reach looks at: with the index as full as it gets,
// nearly all entries are found by then.
const maxReach = 12

// Reach goes on to the slot that is likely to be the one, and begins to fetch
// the entry it leads to. It reports whether there is one.
func (t *Table) Reach(a *Ahead) bool {
	s := &t.shards[a.Hash>>t.shift]
	for i, n := int(a.at), 0; n < maxReach; i, n = s.next(i), n+1 {
		e := atomic.LoadUint64(&s.slots[i])
		if uint32(e) == 0 {
			return false
		}
		if uint32(e>>32) == a.tag {
			a.at = uint32(i)
			nearConn(&s.conns[uint32(e)-1])
			return true
		}
	}
	return false
}
