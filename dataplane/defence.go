package dataplane

import (
	"time"

	"ulvs/conntrack"
	"ulvs/sysctl"
	"ulvs/wire"
)

// The automatic defences look at what is left of the connection table, in the
// place of ip_vs's free memory: that is reserved at the start here, and does
// not run out.
const (
	// perPage is how many connections a page of 4096 bytes holds.
	perPage = 4096 / conntrack.UnitSize
	// reserve is the largest part of the table that amemthresh keeps free, as
	// a divisor.
	reserve = 8
)

// guard is a lane's share of the defences.
type guard struct {
	secure  bool // secure_tcp is active
	rate    int32
	counter int32 // new connections until the next is dropped

	// For drop_entry, which only the first lane does:
	part   int           // of the table, next
	thinAt time.Duration // when
	kinds  [maxProof + 1]int
}

// begin takes over what is in force for a batch.
func (g *guard) begin(d *Director, s *sysctl.Settings) {
	g.secure = s.SecureTCP >= sysctl.DefenceActive
	g.rate = d.dropRate.Load()
}

// drops reports whether drop_packet takes the next new connection (kernel
// include/net/ip_vs.h, ip_vs_todrop). Each lane counts for itself.
func (g *guard) drops() bool {
	if g.rate == 0 {
		return false
	}
	if g.counter--; g.counter > 0 {
		return false
	}
	g.counter = g.rate
	return true
}

// defend adjusts the automatic defences. It does nothing while the
// configuration is being changed, which will do it itself.
func (d *Director) defend() {
	if !d.mu.TryLock() {
		return
	}
	defer d.mu.Unlock()
	d.defendLocked()
}

// defendLocked is defend with d.mu held (kernel ip_vs_ctl.c,
// update_defense_level).
func (d *Director) defendLocked() {
	was := d.view.Load()
	v := *was
	limit := min(v.settings.AmemThresh*perPage, d.conns.Cap()/reserve)
	free := d.conns.Cap() - d.conns.Used()
	s := &v.settings
	for _, level := range []*int{&s.DropEntry, &s.DropPacket, &s.SecureTCP} {
		*level = automatic(*level, free < limit)
	}
	d.dropRate.Store(dropRate(s, limit, free))
	if v.settings != was.settings {
		d.view.Store(&v)
	}
}

// automatic switches a level that is automatic.
func automatic(level int, short bool) int {
	switch {
	case level != sysctl.DefenceAuto && level != sysctl.DefenceActive:
		return level
	case short:
		return sysctl.DefenceActive
	}
	return sysctl.DefenceAuto
}

// dropRate is the rate of drop_packet: one in so many.
func dropRate(s *sysctl.Settings, limit, free int) int32 {
	switch s.DropPacket {
	case sysctl.DefenceAlways:
		return int32(s.AmDroprate)
	case sysctl.DefenceActive:
		return int32(limit / (limit - free))
	}
	return 0
}

// drop_entry goes through a part of the table each second. ip_vs takes a 32nd
// of its buckets at random, ulvs goes round, in steps of a tick.
const (
	thinSecond = 32 // seconds for all of the table
	thinParts  = thinSecond * int(time.Second/tickPeriod)
	// maxProof is the number of packets above which a connection is left alone,
	// idleProof the time without one below which it is (kernel ip_vs_conn.c,
	// todrop_entry).
	maxProof  = 8
	idleProof = time.Minute
)

// thin does the share of drop_entry that is due.
func (l *Lane) thin() {
	g := &l.guard
	if l.view.settings.DropEntry < sysctl.DefenceActive {
		g.thinAt = l.now
		return
	}
	due := min(int((l.now-g.thinAt)/tickPeriod), thinParts/thinSecond)
	g.thinAt += time.Duration(due) * tickPeriod
	if l.now-g.thinAt >= tickPeriod { // late by more than a second
		g.thinAt = l.now
	}
	for range due {
		l.d.conns.RemoveIn(g.part, thinParts, l.expendable)
		g.part = (g.part + 1) % thinParts
	}
}

// expendable reports whether drop_entry takes a connection (kernel
// ip_vs_conn.c, ip_vs_random_dropentry).
func (l *Lane) expendable(c *conntrack.Conn) bool {
	switch {
	case c.Controlled() != 0:
		return false
	case c.Has(conntrack.Template):
		return !c.Assured()
	case c.Proto() != wire.ProtoTCP:
		return l.unproven(c)
	}
	switch c.State() {
	case conntrack.SynRecv, conntrack.SynAck:
		return true
	case conntrack.Established:
		return l.unproven(c)
	}
	return false
}

// unproven reports whether c is idle, had few packets, and is the last of as
// many of its kind as it had packets.
func (l *Lane) unproven(c *conntrack.Conn) bool {
	n := c.Packets()
	if n == 0 || n > maxProof {
		return false
	}
	if idle := l.d.timeouts.Of(c.Proto(), c.State()) - (c.Deadline() - l.now); idle < idleProof {
		return false
	}
	kind := &l.guard.kinds[n]
	if *kind--; *kind > 0 {
		return false
	}
	*kind = int(n)
	return true
}
