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
// bare ring without, 0.88 with it.
type Ahead struct {
	Hash Hash // of the client's end, for Lock
	slot uint64
	tag  uint32
}

// AimInbound begins the look-up of a client's packet: it hashes.
func (t *Table) AimInbound(a *Ahead, client, virtual *wire.Addr, clientPort, virtualPort uint16, proto uint8) {
	a.Hash = t.secrets.hash(client, clientPort, proto)
	a.tag = tag(a.Hash, virtual, virtualPort, t.secrets.inbound)
}

// AimOutbound begins the look-up of a real server's packet.
func (t *Table) AimOutbound(a *Ahead, client, real *wire.Addr, clientPort, realPort uint16, proto uint8) {
	a.Hash = t.secrets.hash(client, clientPort, proto)
	a.tag = tag(a.Hash, real, realPort, t.secrets.reply)
}

// Look reads the slot of the index at which the search will start.
func (t *Table) Look(a *Ahead) {
	s := &t.shards[a.Hash>>t.shift]
	a.slot = atomic.LoadUint64(&s.slots[s.home(a.tag)])
}

// Reach reads the entry that the slot leads to, if it is likely to be the one.
// The result is of no use but to keep the read from being left out.
func (t *Table) Reach(a *Ahead) uint32 {
	if a.slot == 0 || uint32(a.slot>>32) != a.tag {
		return 0
	}
	s := &t.shards[a.Hash>>t.shift]
	return s.conns[uint32(a.slot)-1].valid.Load()
}
