package defrag

import (
	"sync"
	"time"

	"ulvs/wire"
)

// Bounds of a Table.
const (
	// MaxBytes is the most fragments in store, in bytes (as Linux's
	// net.ipv4.ipfrag_high_thresh).
	MaxBytes = 4 << 20
	// MaxDatagrams is the most datagrams in store.
	MaxDatagrams = 1024
	// MaxPieces is the most fragments of one datagram: the largest one over
	// links of 1500 bytes has 45.
	MaxPieces = 64
	// Timeout is how long the fragments of a datagram may take to arrive (as
	// net.ipv4.ipfrag_time; IPv6 waits twice as long in RFC 8200 section 4.5).
	Timeout = 30 * time.Second
	// MaxPacket is the length of the largest datagram, an IPv6 packet.
	MaxPacket = wire.IPv6Len + 0xffff
)

// Table holds the datagrams that are not complete yet. The zero value is empty.
type Table struct {
	mu    sync.Mutex
	all   map[key]*datagram
	first *datagram // the oldest
	last  *datagram
	bytes int
	stats Stats
}

// Stats are counts since the beginning, but for the first two.
type Stats struct {
	Datagrams int // in store
	Bytes     int
	Completed uint64 // datagrams
	Expired   uint64 // datagrams that did not become complete in time
	Evicted   uint64 // datagrams that gave way to newer ones
	Overlaps  uint64 // datagrams with fragments that overlap or contradict each other
}

// Stats returns the counts.
func (t *Table) Stats() Stats {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.stats
	s.Datagrams, s.Bytes = len(t.all), t.bytes
	return s
}

// Result says what became of a fragment.
type Result uint8

// Results of Add.
const (
	Held     Result = iota // waits for the rest
	Complete               // the datagram is whole
	Refused                // a duplicate, or of a datagram that is given up
)

// Add takes the fragment p, parsed, at time now. With Complete the datagram is
// in whole, which is not parsed, and the sizes of its fragments' payloads, in
// order, are appended to sizes; whole.Buf must have room for MaxPacket behind
// wire.Headroom and a link header. The frame is p's, the headers before the
// payload are those of the first fragment.
func (t *Table) Add(now time.Duration, p, whole *wire.Packet, sizes []int) (Result, []int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.expire(now)
	f := read(p)
	d := t.all[f.key]
	if d == nil {
		d = t.add(f.key, now)
	}
	switch d.put(&f) {
	case repeated:
		return Refused, sizes
	case contradicting:
		t.spoil(d)
		return Refused, sizes
	}
	t.bytes += d.newest
	t.shrink(d)
	if !d.whole() {
		return Held, sizes
	}
	sizes = d.assemble(p, whole, sizes)
	t.remove(d)
	t.stats.Completed++
	return Complete, sizes
}

// Expire gives up what has waited too long.
func (t *Table) Expire(now time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.expire(now)
}

// expire: the oldest is the first that is due, as all wait equally long.
func (t *Table) expire(now time.Duration) {
	for t.first != nil && t.first.since+Timeout <= now {
		if !t.first.spoilt {
			t.stats.Expired++
		}
		t.remove(t.first)
	}
}

// add makes room for a datagram and enters it as the newest.
func (t *Table) add(k key, now time.Duration) *datagram {
	if t.all == nil {
		t.all = map[key]*datagram{}
	}
	for len(t.all) >= MaxDatagrams {
		t.evict()
	}
	d := &datagram{key: k, since: now, total: unknown, prev: t.last}
	if t.last == nil {
		t.first = d
	} else {
		t.last.next = d
	}
	t.last = d
	t.all[k] = d
	return d
}

// shrink evicts the oldest until the bytes are within the bound, but not keep.
func (t *Table) shrink(keep *datagram) {
	for t.bytes > MaxBytes && t.first != keep {
		t.evict()
	}
}

func (t *Table) evict() {
	t.stats.Evicted++
	t.remove(t.first)
}

// spoil gives a datagram up but keeps its name, so that what still comes of it
// does not begin it anew.
func (t *Table) spoil(d *datagram) {
	if !d.spoilt {
		t.stats.Overlaps++
	}
	t.bytes -= d.size()
	d.pieces, d.spoilt = nil, true
}

// remove takes a datagram out.
func (t *Table) remove(d *datagram) {
	delete(t.all, d.key)
	t.bytes -= d.size()
	if d.prev == nil {
		t.first = d.next
	} else {
		d.prev.next = d.next
	}
	if d.next == nil {
		t.last = d.prev
	} else {
		d.next.prev = d.prev
	}
}
