package nexthop

import (
	"time"

	"ulvs/wire"
)

// Times of resolution, in the manner of the kernel's neighbour table (defaults
// of net/ipv4/neigh: retrans_time 1 s, three solicitations, base reachable
// time 30 s, locktime 1 s).
const (
	retry     = time.Second
	attempts  = 3
	freshFor  = 30 * time.Second
	lockFor   = time.Second
	scanEvery = 100 * time.Millisecond
	// refreshEvery is how often cached hops are called back and unused
	// neighbours noticed.
	refreshEvery = 10 * time.Second
	// forgetAfter is how long an unused neighbour is kept.
	forgetAfter = 10 * time.Minute
	// never is long enough before the clock's zero to be neither fresh nor in
	// use.
	never = -freshFor
)

// sendFunc takes a frame to be sent by a port; the packet is the taker's.
type sendFunc = func(port uint16, p *wire.Packet)

// Tick does what is due: it asks for neighbours that frames wait for, every
// second up to three times, and then drops the frames; asks used neighbours
// unconfirmed for 30 s by unicast; sends the frames of neighbours now known.
// Out gets each frame complete with MACs and keeps it; it must not call back
// into the table but for Lookup and the like. With nothing due Tick costs two
// loads: call it after every batch and at least every 100 ms.
func (t *Table) Tick(now time.Duration, out func(port uint16, p *wire.Packet)) {
	if !t.hasUrgent.Load() && int64(now) < t.nextScan.Load() {
		return
	}
	if !t.mu.TryLock() {
		return // another worker is at it
	}
	defer t.mu.Unlock()
	t.clock = now
	t.serveUrgent(now, out)
	if int64(now) >= t.nextScan.Load() {
		t.scan(now, out)
		t.nextScan.Store(int64(now + scanEvery))
	}
}

// serveUrgent asks for or flushes the neighbours that changed since last time.
func (t *Table) serveUrgent(now time.Duration, out sendFunc) {
	t.hasUrgent.Store(false)
	for i, n := range t.urgent {
		n.urgent = false
		t.serve(n, now, out)
		t.urgent[i] = nil
	}
	t.urgent = t.urgent[:0]
}

// scan serves all neighbours and, every refreshEvery, renews all hops.
func (t *Table) scan(now time.Duration, out sendFunc) {
	for n := range t.snap.Load().neighbours.all() {
		t.serve(n, now, out)
	}
	if now >= t.refresh {
		t.noteUse(now)
		t.refresh = now + refreshEvery
		t.dirty = true
	}
	if t.dirty {
		t.sweep()
	}
}

// noteUse records which neighbours were used since the last refresh and lets
// go of those unused for long.
func (t *Table) noteUse(now time.Duration) {
	for n := range t.snap.Load().neighbours.all() {
		if n.used.Swap(false) {
			n.lastUsed = now
		} else if n.phase == ready && !n.kernel && now-n.lastUsed > forgetAfter {
			n.phase = idle
		}
	}
}

// serve does what n's phase asks for at this time.
func (t *Table) serve(n *neighbour, now time.Duration, out sendFunc) {
	switch n.phase {
	case asking:
		t.ask(n, now, wire.Broadcast, out)
	case ready:
		t.flush(n, out)
		if t.old(n, now) {
			n.phase, n.probes, n.due = probing, 0, now
			t.ask(n, now, n.mac, out)
		}
	case probing:
		t.flush(n, out)
		t.ask(n, now, n.mac, out)
	}
}

// old reports whether a neighbour in use should be confirmed again.
func (t *Table) old(n *neighbour, now time.Duration) bool {
	inUse := n.used.Load() || now-n.lastUsed < freshFor
	return inUse && !n.pinned && now-n.confirmed >= freshFor
}

// ask sends the next request if it is due, or gives up after the last.
func (t *Table) ask(n *neighbour, now time.Duration, to wire.MAC, out sendFunc) {
	if now < n.due {
		return
	}
	if n.probes == attempts {
		t.giveUp(n, now)
		return
	}
	n.probes++
	n.due = now + retry
	l := t.link(n.link)
	if l == nil || !l.Up {
		return
	}
	source := t.linkSource(n.link, n.addr)
	if source.IsZero() && !n.addr.Is4() {
		return // who has no address cannot ask
	}
	t.stats.requests.Add(1)
	out(l.Port, request(l.MAC, source, to, n.addr))
}

// giveUp ends a phase without an answer: a probed neighbour is asked for by
// broadcast, one asked for in vain loses its frames. Due stays, so that new
// frames do not bring more than one request a second.
func (t *Table) giveUp(n *neighbour, now time.Duration) {
	if n.phase == probing {
		t.unlearn(n)
		n.phase, n.probes, n.due = asking, 0, now
		return
	}
	n.phase = idle
	t.dirty = t.dirty || !n.gateway
	t.stats.failed.Add(1)
	t.discard(n)
}

// flush sends what waited for n.
func (t *Table) flush(n *neighbour, out sendFunc) {
	h := n.hop.Load()
	if h == nil || len(n.waiting.frames) == 0 {
		return
	}
	for _, p := range t.take(n) {
		p.Out = h.Port
		e := wire.Ethernet(p.Frame())
		e.SetDst(h.Dst)
		e.SetSrc(h.Src)
		t.stats.flushed.Add(1)
		out(h.Port, p)
	}
}
