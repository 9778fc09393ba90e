package nexthop

import (
	"net/netip"
	"time"

	"ulvs/wire"
)

// Learn takes note of an ARP packet, request or reply, by which ip said it is
// at mac. Only neighbours already asked for or known are learnt of, and one
// with a changed address only if the old one was not confirmed within the
// last second, so that the first answer wins.
func (t *Table) Learn(now time.Duration, port uint16, ip wire.Addr, mac wire.MAC) {
	l, ok := t.LinkOf(port)
	if !ok || t.snap.Load().neighbours.find(l.Index, ip) == nil {
		return // the usual case, without the lock
	}
	if mac.IsGroup() || mac.IsZero() || mac == l.MAC { // RFC 1812 section 3.3.2
		t.stats.refused.Add(1)
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if n := t.snap.Load().neighbours.find(l.Index, ip); n != nil {
		t.hear(n, now, mac)
	}
}

// hear applies what an ARP packet said to n.
func (t *Table) hear(n *neighbour, now time.Duration, mac wire.MAC) {
	changed := n.resolved() && n.mac != mac
	if n.pinned || changed && now-n.confirmed < lockFor {
		if n.mac != mac {
			t.stats.refused.Add(1)
		}
		return
	}
	t.resolve(n, mac)
	n.confirmed = now
}

// resolve makes n known by mac. Only a changed MAC moves the generation: for
// a new one nobody holds a hop yet.
func (t *Table) resolve(n *neighbour, mac wire.MAC) {
	known, same := n.resolved(), n.mac == mac
	n.mac, n.phase, n.probes = mac, ready, 0
	switch {
	case known && same:
		return
	case known:
		t.stats.changed.Add(1)
		t.callBack()
	default:
		t.stats.resolved.Add(1)
	}
	t.setHop(t.snap.Load(), n, t.gen.Load())
	if len(n.waiting.frames) > 0 {
		t.hasten(n)
	}
}

// callBack makes all hops given out invalid. Those that are still right are
// renewed by the next scan; until then Lookup is asked each time.
func (t *Table) callBack() {
	t.gen.Add(1)
	t.dirty = true
}

// unlearn forgets n's MAC and calls back the hops made with it.
func (t *Table) unlearn(n *neighbour) {
	n.phase, n.pinned = idle, false
	n.hop.Store(nil)
	t.callBack()
}

// place names an entry of the kernel's neighbour table.
type place struct {
	index int
	addr  netip.Addr
}

// SetNeighbours replaces what is known of the kernel's neighbour table. What
// was learnt by Learn stays.
func (t *Table) SetNeighbours(all []Neighbour) {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.kernel)
	for _, k := range all {
		t.told(k)
	}
	for n := range t.snap.Load().neighbours.all() {
		if _, listed := t.kernel[place{n.link, n.addr.Netip()}]; n.kernel && !listed {
			t.dropped(n)
		}
	}
}

// UpdateNeighbour takes note of a change of one entry of the kernel's
// neighbour table.
func (t *Table) UpdateNeighbour(k Neighbour) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.told(k)
}

// told remembers an entry of the kernel's and applies it if its link has a
// port.
func (t *Table) told(k Neighbour) {
	at := place{k.Index, k.Addr.Unmap()}
	if k.State == Gone || k.MAC.IsGroup() || k.MAC.IsZero() {
		delete(t.kernel, at)
		if n := t.snap.Load().neighbours.find(k.Index, wire.AddrFrom(k.Addr)); n != nil {
			t.dropped(n)
		}
		return
	}
	t.kernel[at] = k
	t.apply(k)
}

// apply gives an entry of the kernel's to its neighbour.
func (t *Table) apply(k Neighbour) {
	if t.link(k.Index) == nil {
		return
	}
	if n := t.snap.Load().neighbours.ensure(k.Index, wire.AddrFrom(k.Addr)); n != nil {
		t.believe(n, k)
	}
}

// believe weighs an entry of the kernel's against what is known. A stale entry
// only counts if it says something new: our own knowledge may be fresher than
// what the kernel repeats.
func (t *Table) believe(n *neighbour, k Neighbour) {
	news := !n.kernel || n.told != k.MAC
	n.kernel, n.told = true, k.MAC
	switch {
	case k.State == Pinned:
		n.pinned = true
	case n.pinned:
		n.pinned = false // the operator took the pin out
	case k.State == Stale && n.resolved() && !news:
		return
	}
	t.resolve(n, k.MAC)
	n.confirmed = never
	if k.State != Stale {
		n.confirmed = t.clock
	}
}

// dropped notes that the kernel no longer has n. The MAC is kept but has to
// be confirmed soon; a pinned one goes at once.
func (t *Table) dropped(n *neighbour) {
	n.kernel = false
	if n.pinned {
		t.unlearn(n)
		return
	}
	n.confirmed = never
}
