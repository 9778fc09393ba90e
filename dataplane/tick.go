package dataplane

import (
	"time"

	"ulvs/sched"
	"ulvs/wire"
)

// Upkeep of a lane.
const (
	// expiryBudget bounds the timers that one tick looks at: with a tick of
	// 10 ms, 400,000 connections a second and worker, at well under a
	// millisecond each.
	expiryBudget = 4096
	slowPeriod   = time.Second
)

// TickHops sends what the next-hop table has to send: ARP requests, and frames
// whose neighbour has answered. It is cheap when there is nothing: call it
// every round, so that held frames leave before later ones of their flow.
func (l *Lane) TickHops() { l.d.hops.Tick(l.now, l.send) }

// Tick does the bounded upkeep that happens without a packet. Any lane may do
// it for all; what needs doing once is done by the first.
func (l *Lane) Tick() {
	l.d.conns.Tick(l.now, expiryBudget)
	if l != l.d.lanes[0] {
		return
	}
	if l.d.announcing.Load() {
		l.sendAnnouncements()
	}
	if l.now >= l.slow && l.d.sweepTrash() {
		l.d.tidySchedulers(l.now)
		l.slow = l.now + slowPeriod
	}
}

// tidySchedulers does the upkeep of the schedulers that have any. As sweepTrash
// it does not wait while the configuration is being changed; there is another
// second.
func (d *Director) tidySchedulers(now time.Duration) {
	if !d.mu.TryLock() {
		return
	}
	defer d.mu.Unlock()
	for _, s := range d.services {
		if u, ok := s.sched.(sched.Upkeep); ok {
			s.change(func() { u.Tick(now) })
		}
	}
}

// sendFrame queues a frame that the next-hop table has completed. Its memory
// is its own, so that no bound but the table's holds.
func (l *Lane) sendFrame(port uint16, p *wire.Packet) {
	p.Out = port
	l.queue(p)
}

// setARP makes p, a fresh frame of ours, an ARP frame.
func setARP(p *wire.Packet, op uint16, srcMAC wire.MAC, srcIP wire.Addr, dstMAC wire.MAC, dstIP wire.Addr) {
	p.End = p.Start + len(wire.BuildARP(p.Buf[p.Start:], op, srcMAC, srcIP, dstMAC, dstIP))
}
