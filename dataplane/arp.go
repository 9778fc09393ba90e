package dataplane

import (
	"net/netip"
	"time"

	"ulvs/wire"
)

// arp answers requests for virtual addresses that are not the host's own, and
// learns what it was waiting for from every answer.
func (l *Lane) arp(p *wire.Packet) Verdict {
	a := p.ARP()
	sender, target, mac := wire.AddrFrom4(a.SenderIP()), wire.AddrFrom4(a.TargetIP()), a.SenderMAC()
	l.d.hops.Learn(l.now, p.In, sender, mac)
	if a.Op() != wire.ARPRequest || !l.view.vips.has(&target) || l.d.hops.IsLocal(target) || sender == target {
		return l.done(PassedARP)
	}
	if mac.IsGroup() || mac.IsZero() { // no host's (RFC 1812 section 3.3.2)
		return l.done(PassedARP)
	}
	link, ok := l.d.hops.LinkOf(p.In)
	if !ok {
		return l.done(PassedARP)
	}
	reply := l.frame()
	if reply == nil {
		return l.done(PassedARP)
	}
	setARP(reply, wire.ARPReply, link.MAC, target, mac, sender)
	reply.Out = p.In
	l.queue(reply)
	return l.done(AnsweredARP)
}

// announcement is a virtual address whose owner the neighbours shall learn:
// sent by Tick, a few times, because broadcasts get lost.
type announcement struct {
	addr wire.Addr
	left int
	due  time.Duration
}

// A new virtual address is announced twice (RFC 5227 section 2.3), a second
// apart.
const (
	announceTimes = 2
	announceEvery = time.Second
)

// announce queues a gratuitous ARP for every virtual address that was not in
// the configuration before. d.mu is held.
func (d *Director) announce(old *view, vips map[wire.Addr]bool) {
	for a := range vips {
		if !old.vips.has(&a) && a.Is4() {
			d.garp = append(d.garp, announcement{addr: a, left: announceTimes})
		}
	}
	d.announcing.Store(len(d.garp) > 0)
}

// sendAnnouncements queues the gratuitous ARP requests that are due (RFC 5227
// section 3), on every link that is up and whose host has not the address. What
// the queues cannot take waits for the next tick.
func (l *Lane) sendAnnouncements() {
	d := l.d
	d.mu.Lock()
	defer d.mu.Unlock()
	keep := d.garp[:0]
	for _, g := range d.garp {
		if d.hops.IsLocal(g.addr) || !l.view.vips.has(&g.addr) {
			continue
		}
		if g.due <= l.now && !l.Full() {
			for port := range l.queues {
				l.announceOn(uint16(port), g.addr)
			}
			g.left, g.due = g.left-1, l.now+announceEvery
		}
		if g.left > 0 {
			keep = append(keep, g)
		}
	}
	d.garp = keep
	d.announcing.Store(len(keep) > 0)
}

// announceOn queues one gratuitous ARP request.
func (l *Lane) announceOn(port uint16, a wire.Addr) {
	link, ok := l.d.hops.LinkOf(port)
	if !ok || !link.Up {
		return
	}
	p := l.frame()
	if p == nil {
		return
	}
	setARP(p, wire.ARPRequest, link.MAC, a, wire.Broadcast, a)
	p.Out = port
	l.queue(p)
}

// Announce announces virtual addresses again, as is due when a link comes up.
func (d *Director) Announce(addrs ...netip.Addr) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, a := range addrs {
		d.garp = append(d.garp, announcement{addr: wire.AddrFrom(a), left: announceTimes})
	}
	d.announcing.Store(len(d.garp) > 0)
}
