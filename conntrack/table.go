package conntrack

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"sync/atomic"
	"time"

	"ulvs/wire"
)

// Bounds of Config.Capacity.
const (
	MinCapacity = 1
	MaxCapacity = 1 << 28
)

// Config says how a Table is made.
type Config struct {
	// Capacity is the number of IPv4 connections that fit, templates included;
	// an IPv6 connection counts as two.
	Capacity int
	// Region is the table's memory, at least RegionSize(Capacity) zero bytes
	// aligned to 8. New writes a header and touches nothing else: a fresh mapping
	// takes memory only as connections come. If nil, New allocates it on the
	// heap. Huge pages make lookups in a large table clearly faster.
	Region []byte
	// Seed keys the hashes. It must be random and secret, and not 0.
	Seed uint64
	// Expired is called when a connection leaves the table for whatever reason,
	// with its shard locked: it may read the Conn and must call neither Table
	// nor Shard. It may be nil.
	Expired func(*Conn)
}

// Table is a connection table. Its methods may be called from any goroutine
// that holds no Shard.
type Table struct {
	shards  []Shard
	shift   uint8 // Hash >> shift is the shard's number
	slots   int   // of each shard
	secrets secrets
	expired func(*Conn)
	conns   []Conn
	// By shard, and outside Shard so that a search over all reads few lines:
	wake      []atomic.Uint32           // tick of the earliest look that is due
	evictable [numClass][]atomic.Uint32 // connections by class
	limit     int64                     // units
	bytes     int

	_      [64]byte     // what follows is written by all workers
	used   atomic.Int64 // units
	dry    atomic.Bool  // no shard has anything to evict
	cursor atomic.Uint32
}

// headerSize is the size of the region's header: a unit, so that entries start
// on a cache line.
const headerSize = UnitSize

// magic starts a region.
const magic = "ulvsconn"

// geometry is the division of a table's memory.
type geometry struct {
	shards int
	units  int // per shard, a multiple of 64
	slots  int // per shard
}

// plan divides capacity. Entries fall on shards at random, so that each shard
// has room for six standard deviations more than its share: the capacity as a
// whole, which Insert counts exactly, is what runs out. The index takes two
// keys of every entry at a load of at most 3/4.
func plan(capacity int) geometry {
	n := min(256, max(1, 1<<bits.Len(uint(capacity/1024))>>1))
	share := (capacity + n - 1) / n
	units := share
	if n > 1 {
		units += int(6 * math.Sqrt(float64(share)))
	}
	units = (units + 63) &^ 63
	return geometry{shards: n, units: units, slots: max(3*share, units*8/3) + 8}
}

// RegionSize returns the bytes of Config.Region for a capacity.
func RegionSize(capacity int) int { return plan(capacity).size() + UnitSize - 8 }

// size returns the bytes that all shards take together with the header.
func (g geometry) size() int {
	return headerSize + g.shards*(g.units*(UnitSize+4)+g.slots*8+g.units/64*blockSize)
}

// New makes an empty table. All its memory is reserved here.
func New(cfg Config) (*Table, error) {
	if cfg.Capacity < MinCapacity || cfg.Capacity > MaxCapacity {
		return nil, fmt.Errorf("make connection table: capacity %d is not in %d..%d", cfg.Capacity, MinCapacity, MaxCapacity)
	}
	if cfg.Seed == 0 {
		return nil, fmt.Errorf("make connection table: seed is 0, want a random number")
	}
	region := cfg.Region
	if region == nil {
		region = make([]byte, RegionSize(cfg.Capacity))
	}
	if need := RegionSize(cfg.Capacity); len(region) < need {
		return nil, fmt.Errorf("make connection table: region has %d bytes, capacity %d needs %d", len(region), cfg.Capacity, need)
	}
	if off := misaligned(region); off%8 != 0 {
		return nil, fmt.Errorf("make connection table: region is not aligned to 8 bytes")
	} else if off != 0 {
		region = region[UnitSize-off:]
	}
	return build(cfg, plan(cfg.Capacity), region), nil
}

// perShard is the size of the counters beside a Shard.
const perShard = 4 + 4*int(numClass)

// build makes the table in region, which starts on a cache line. The entries
// come first; what follows them can be rebuilt from them. All zero is an empty
// table, so that no page but the header's is touched.
func build(cfg Config, g geometry, region []byte) *Table {
	writeHeader(region, cfg, g)
	total := g.shards * g.units
	conns, region := carve[Conn](region[headerSize:], total)
	slots, region := carve[uint64](region, g.shards*g.slots)
	blocks, region := carve[block](region, total/64)
	dues, _ := carve[uint32](region, total)
	t := &Table{
		shards:  make([]Shard, g.shards),
		shift:   uint8(64 - bits.TrailingZeros(uint(g.shards))),
		slots:   g.slots,
		secrets: newSecrets(cfg.Seed),
		expired: cfg.Expired,
		conns:   conns,
		wake:    make([]atomic.Uint32, g.shards),
		limit:   int64(cfg.Capacity),
	}
	for cl := range t.evictable {
		t.evictable[cl] = make([]atomic.Uint32, g.shards)
	}
	for i := range t.shards {
		s := &t.shards[i]
		s.t, s.id, s.first = t, i, i*g.units
		s.conns = t.conns[i*g.units : (i+1)*g.units : (i+1)*g.units]
		s.slots = slots[i*g.slots : (i+1)*g.slots : (i+1)*g.slots]
		s.dues = dues[i*g.units : (i+1)*g.units]
		s.blocks = blocks[i*g.units/64 : (i+1)*g.units/64]
		t.wake[i].Store(horizon)
	}
	t.bytes = g.size() + g.shards*(shardSize+perShard)
	return t
}

// writeHeader describes the region for a later reader: magic, layout version,
// unit size, shards, units per shard, capacity, seed.
func writeHeader(region []byte, cfg Config, g geometry) {
	copy(region, magic)
	le := binary.LittleEndian
	le.PutUint32(region[8:], Layout)
	le.PutUint32(region[12:], UnitSize)
	le.PutUint32(region[16:], uint32(g.shards))
	le.PutUint32(region[20:], uint32(g.units))
	le.PutUint64(region[24:], uint64(cfg.Capacity))
	le.PutUint64(region[32:], cfg.Seed)
}

// Hash hashes a client's end; for a template client is the masked address and
// port is 0. A reply has the client's end as its destination.
func (t *Table) Hash(client wire.Addr, port uint16, proto uint8) Hash {
	return t.secrets.hash(&client, port, proto)
}

// HashKey hashes the client's end of k.
func (t *Table) HashKey(k *Key) Hash {
	return t.secrets.hash(&k.Client, k.ClientPort, k.Proto)
}

// Lock locks the shard of h for the work on one packet. What is found there is
// valid until Unlock. A goroutine holds one shard at a time.
func (t *Table) Lock(h Hash) *Shard {
	s := &t.shards[h>>t.shift]
	s.mu.Lock()
	s.hash = h
	return s
}

// Bytes returns the memory of the table: entries, index and timers.
func (t *Table) Bytes() int { return t.bytes }

// Cap returns the capacity given to New.
func (t *Table) Cap() int { return int(t.limit) }

// Used returns how much of Cap is in use.
func (t *Table) Used() int { return int(t.used.Load()) }

// Len returns the number of connections and templates.
func (t *Table) Len() (n int) {
	for i := range t.shards {
		n += int(t.shards[i].count.Load())
	}
	return n
}

// Stats are counts of a table since New, and of what is in it now.
type Stats struct {
	Len, HalfOpen, Closing, Unproven int // now; Unproven: UDP with one packet, templates

	Inserted uint64
	Expired  uint64    // ended by their timeout
	Removed  uint64    // by Remove, RemoveIf or Expire
	Evicted  [3]uint64 // half-open, closing, unproven
	Refused  uint64    // InsertFull
}

// Stats sums the counts of all shards, locking one at a time.
func (t *Table) Stats() (sum Stats) {
	for i := range t.shards {
		t.shards[i].addStats(&sum)
	}
	return sum
}

// Range calls f with a copy of each connection until f returns false. Shards
// are locked for 64 entries at a time and never while f runs, so that f may
// call the table; a connection that comes or goes meanwhile may be missed. The
// *Info is reused.
func (t *Table) Range(f func(*Info) bool) {
	var buf [64]Info
	for i := range t.shards {
		s := &t.shards[i]
		for b := range s.blocks {
			n := s.snapshot(b, &buf)
			for j := range n {
				if !f(&buf[j]) {
					return
				}
			}
		}
	}
}

// RemoveIf removes the connections for which match is true and returns how
// many. match runs with the shard locked, as Config.Expired does.
func (t *Table) RemoveIf(match func(*Conn) bool) (removed int) {
	for i := range t.shards {
		s := &t.shards[i]
		for b := range s.blocks {
			removed += s.removeIf(b, match)
		}
	}
	return removed
}

// deadline adds without overflow.
func deadline(now, timeout time.Duration) time.Duration {
	return now + max(0, min(timeout, MaxTimeout))
}
