package nexthop

import (
	"iter"
	"math/bits"
	"sync/atomic"
	"time"

	"ulvs/wire"
)

// neighbour is one host on one link. Its identity never changes; hop and used
// are shared with readers, the rest is guarded by the table's lock.
type neighbour struct {
	link int // interface index
	addr wire.Addr
	hop  atomic.Pointer[Hop] // nil while unresolved
	used atomic.Bool         // since the last refresh

	gateway bool      // some route leads by it
	source  wire.Addr // that route's preferred source
	urgent  bool      // in the table's list of that name
	phase   phase
	kernel  bool     // the kernel has an entry with MAC told
	told    wire.MAC // what the kernel last said, so that repeating is no news
	pinned  bool
	mac     wire.MAC
	// On the injected clock: when mac was confirmed or last changed, when Lookup last
	// found it (to a refresh's accuracy), when the next request is due.
	confirmed, lastUsed, due time.Duration
	probes                   int // requests sent in this phase
	waiting                  queue
}

// phase is where a neighbour is in resolution.
type phase uint8

const (
	idle    phase = iota // MAC unknown, nobody asks
	asking               // MAC unknown, asked by broadcast
	ready                // MAC known
	probing              // MAC known but old: asked by unicast
)

// resolved reports whether the MAC is known.
func (n *neighbour) resolved() bool { return n.phase >= ready }

// use returns the hop and marks the neighbour as used. The load before the
// store keeps the cache line shared among workers.
func (n *neighbour) use() (*Hop, Status) {
	if !n.used.Load() {
		n.used.Store(true)
	}
	if h := n.hop.Load(); h != nil {
		return h, Ready
	}
	return nil, Unresolved
}

// index finds neighbours by link and address: open addressing, linear probing,
// at most half full. Readers need no lock; the table's lock serialises add.
// Nothing is ever removed: the table makes a new index instead.
type index struct {
	slots []atomic.Pointer[neighbour]
	seed  uint64
	count int
	limit int
}

// newIndex makes an empty index for the configured number of neighbours.
func newIndex(cfg Config) *index {
	size := 1 << bits.Len(uint(2*cfg.MaxNeighbours))
	return &index{slots: make([]atomic.Pointer[neighbour], size), seed: cfg.Seed, limit: cfg.MaxNeighbours}
}

// slot returns where the search for a neighbour begins.
func (x *index) slot(link int, addr wire.Addr) int {
	k := keyOf(addr)
	hi, lo := bits.Mul64(k.lo^x.seed, k.hi^uint64(link)^0x9e3779b97f4a7c15) // an odd constant without structure
	return int(hi^lo) & (len(x.slots) - 1)
}

// find returns the neighbour or nil.
func (x *index) find(link int, addr wire.Addr) *neighbour {
	for i := x.slot(link, addr); ; i = (i + 1) & (len(x.slots) - 1) {
		n := x.slots[i].Load()
		if n == nil || n.addr == addr && n.link == link {
			return n
		}
	}
}

// ensure returns the neighbour, made if need be, or nil if the index is full.
func (x *index) ensure(link int, addr wire.Addr) *neighbour {
	n := x.find(link, addr)
	if n == nil && x.count < x.limit {
		n = &neighbour{link: link, addr: addr, confirmed: never, lastUsed: never}
		x.add(n)
	}
	return n
}

// add puts in a neighbour that is not there yet.
func (x *index) add(n *neighbour) {
	i := x.slot(n.link, n.addr)
	for x.slots[i].Load() != nil {
		i = (i + 1) & (len(x.slots) - 1)
	}
	x.slots[i].Store(n)
	x.count++
}

// all yields every neighbour.
func (x *index) all() iter.Seq[*neighbour] {
	return func(yield func(*neighbour) bool) {
		for i := range x.slots {
			if n := x.slots[i].Load(); n != nil && !yield(n) {
				return
			}
		}
	}
}

// kept makes an index of the neighbours still needed. What waits for others is
// dropped.
func (t *Table) kept() *index {
	x := newIndex(t.cfg)
	for n := range t.snap.Load().neighbours.all() {
		if t.keeps(n) {
			x.add(n)
			continue
		}
		n.phase = idle
		t.discard(n)
	}
	return x
}

// keeps reports whether n is still needed: the kernel has it, a route leads by
// it, or it is known or asked for on a link that is up.
func (t *Table) keeps(n *neighbour) bool {
	l := t.link(n.link)
	return l != nil && (n.kernel || n.gateway || l.Up && n.phase != idle)
}

// setHop gives n the hop of generation gen that its MAC and link now make.
// The lock is held.
func (t *Table) setHop(s *snapshot, n *neighbour, gen uint32) {
	l := t.link(n.link)
	if l == nil || !n.resolved() {
		n.hop.Store(nil)
		return
	}
	n.hop.Store(&Hop{Port: l.Port, Src: l.MAC, Dst: n.mac, MTU: l.MTU, Source: t.sourceOf(s, n), Gen: gen})
}
