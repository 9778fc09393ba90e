package sched

import (
	"slices"
	"sync/atomic"
	"time"

	"ulvs/wire"
)

// Upkeep of destinations (kernel ip_vs_lblc.c).
const (
	checkPeriod = time.Minute     // between two checks
	fullChecks  = 30              // checks up to one that sweeps all
	shortLife   = 6 * time.Minute // without use, when there are too many
	// maxDestinations is where there begin to be too many: 16 for each of the
	// kernel's 1024 buckets.
	maxDestinations = 16 * 1024
	// hardLimit and memberLimit bound the memory. What does not fit is picked
	// and not remembered, as in a kernel without memory.
	hardLimit   = 4 * maxDestinations
	memberLimit = 1 << 20
)

// destinations is what lblc and lblcr remember: destination addresses and their
// servers. Where the kernel has 1024 buckets of a known hash, all of whose
// entries a sender can get into one bucket, this is a map; so when there are
// too many, which of several unused ones go first is by place, not by bucket.
type destinations struct {
	life  *atomic.Int64 // nanoseconds without use, by the setting
	index map[wire.Addr]uint32
	slots []destination
	free  []uint32 // slots

	members int           // in all sets
	rover   int           // slot where the next sweep begins
	checks  int           // since the last sweep of all, which counts as one
	due     time.Duration // of the next check
}

// destination is one slot; it is free if it has no servers.
type destination struct {
	addr    wire.Addr
	used    time.Duration // last asked for
	changed time.Duration // last time a server joined or left
	servers []*Server     // newest first; lblc has one
}

func (d *destinations) lifetime() time.Duration { return time.Duration(d.life.Load()) }

// find returns the destination of f, and notes its use; nil if it is not known.
// The answer holds until the next add.
func (d *destinations) find(f *Flow) *destination {
	e := d.peek(f)
	if e != nil {
		e.used = f.Now
	}
	return e
}

// peek is find without the note.
func (d *destinations) peek(f *Flow) *destination {
	i, ok := d.index[f.Virtual]
	if !ok {
		return nil
	}
	return &d.slots[i]
}

// add remembers s for the destination of f, which is not known.
func (d *destinations) add(f *Flow, s *Server) {
	if d.full() {
		return
	}
	if d.index == nil {
		d.index = make(map[wire.Addr]uint32)
	}
	i := len(d.slots)
	if n := len(d.free); n > 0 {
		i = int(d.free[n-1])
		d.free = d.free[:n-1]
	} else {
		d.slots = append(d.slots, destination{})
	}
	d.index[f.Virtual] = uint32(i)
	e := &d.slots[i]
	e.addr, e.used = f.Virtual, f.Now
	d.join(e, s, f.Now)
}

// full reports whether there is no room for another destination.
func (d *destinations) full() bool { return len(d.index) >= hardLimit || d.members >= memberLimit }

// join makes s the newest server of e.
func (d *destinations) join(e *destination, s *Server, now time.Duration) {
	if d.members < memberLimit {
		e.servers = slices.Insert(e.servers, 0, s)
		e.changed = now
		d.members++
	}
}

// leave takes server number i off e; -1 is none.
func (d *destinations) leave(e *destination, i int, now time.Duration) {
	if i >= 0 {
		e.servers = slices.Delete(e.servers, i, i+1)
		e.changed = now
		d.members--
	}
}

// back puts s where destinations have a server of its address and port that is
// in the list no more: ip_vs has one object for both. It looks at all of them.
func (d *destinations) back(s *Server, list *ranking) {
	for i := range d.slots {
		for j, old := range d.slots[i].servers {
			if old != s && old.Addr == s.Addr && old.Port == s.Port && !list.has(old) {
				d.slots[i].servers[j] = s
			}
		}
	}
}

// tick makes the checks that are due, after a long pause those of the last half
// hour. The first call starts the clock.
func (d *destinations) tick(now time.Duration) {
	if d.checks == 0 {
		d.checks, d.due = 1, now+checkPeriod
	}
	for d.due = max(d.due, now-fullChecks*checkPeriod); d.due <= now; d.due += checkPeriod {
		d.check(d.due)
	}
}

// check is one check of the upkeep: every 30th drops what is unused for the
// lifetime. Others make room where there are too many, of what is unused for
// six minutes; such a one does not count (kernel ip_vs_lblc.c,
// ip_vs_lblc_check_expire).
func (d *destinations) check(now time.Duration) {
	over := len(d.index) - maxDestinations
	switch {
	case d.checks%fullChecks == 0:
		d.sweep(now, d.lifetime(), len(d.slots))
		d.checks = 1
	case over <= 0:
		d.checks++
	default:
		d.sweep(now, shortLife, min(over*4/3, maxDestinations/2))
	}
}

// sweep drops at most goal destinations that are unused for life.
func (d *destinations) sweep(now, life time.Duration, goal int) {
	for range d.slots {
		if goal <= 0 {
			return
		}
		if d.rover++; d.rover >= len(d.slots) {
			d.rover = 0
		}
		if e := &d.slots[d.rover]; len(e.servers) > 0 && now >= e.used+life {
			d.drop(d.rover)
			goal--
		}
	}
}

// drop forgets the destination in slot i and keeps its memory for another.
func (d *destinations) drop(i int) {
	e := &d.slots[i]
	delete(d.index, e.addr)
	d.members -= len(e.servers)
	clear(e.servers)
	e.servers = e.servers[:0]
	d.free = append(d.free, uint32(i))
}
