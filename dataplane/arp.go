package dataplane

import (
	"time"

	"ulvs/dataplane/nexthop"
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

// announce queues an announcement of every virtual address that was not in
// the configuration before. d.mu is held.
func (d *Director) announce(old *view, vips map[wire.Addr]bool) {
	for a := range vips {
		if !old.vips.has(&a) {
			d.garp = append(d.garp, announcement{addr: a, left: announceTimes})
		}
	}
	d.announcing.Store(len(d.garp) > 0)
}

// sendAnnouncements queues the announcements that are due, on every link that is up and whose host has not the address. What
// the queues cannot take, or no link, waits for a later tick; so does all while
// the configuration is being changed.
func (l *Lane) sendAnnouncements() {
	d := l.d
	if !d.mu.TryLock() {
		return
	}
	defer d.mu.Unlock()
	links := l.linksUp()
	keep := d.garp[:0]
	for _, g := range d.garp {
		if d.hops.IsLocal(g.addr) || !d.view.Load().vips.has(&g.addr) {
			continue
		}
		if g.due <= l.now && l.announceOn(links, g.addr) {
			g.left, g.due = g.left-1, l.now+announceEvery
		}
		if g.left > 0 {
			keep = append(keep, g)
		}
	}
	d.garp = keep
	d.announcing.Store(len(keep) > 0)
}

// linksUp lists the links that are up, in the order of their ports.
func (l *Lane) linksUp() (up []nexthop.Link) {
	for port := range l.queues {
		if link, ok := l.d.hops.LinkOf(uint16(port)); ok && link.Up {
			up = append(up, link)
		}
	}
	return up
}

// announceOn queues one announcement for each link, or none and
// reports false.
func (l *Lane) announceOn(links []nexthop.Link, a wire.Addr) bool {
	if len(links) == 0 || l.Full() || len(links) > len(l.frames)-l.used {
		return false
	}
	for _, link := range links {
		p := l.frame()
		setAnnouncement(p, link.MAC, a)
		p.Out = link.Port
		l.queue(p)
	}
	return true
}

// Announce announces all virtual addresses again, as is due when a link comes
// up or has another hardware address.
func (d *Director) Announce() {
	d.mu.Lock()
	defer d.mu.Unlock()
	v := d.view.Load()
	d.garp = d.garp[:0] // all of them are virtual addresses, or will not be sent
	for _, a := range v.vips.slots {
		if !a.IsZero() {
			d.garp = append(d.garp, announcement{addr: a, left: announceTimes})
		}
	}
	d.announcing.Store(len(d.garp) > 0)
}
