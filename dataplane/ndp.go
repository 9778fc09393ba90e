package dataplane

import (
	"ulvs/dataplane/nexthop"
	"ulvs/wire"
)

// ndp is arp for IPv6 (RFC 4861 section 7.2): it answers solicitations for
// virtual addresses that are not the host's own, and learns what it was waiting
// for.
func (l *Lane) ndp(p *wire.Packet) Verdict {
	n, ok := wire.ReadNDP(p)
	if !ok || p.PktType == wire.ToOtherHost {
		return l.done(PassedNDP)
	}
	if n.Type == wire.ICMP6NeighbourAnswer {
		if !n.MAC.IsZero() {
			l.d.hops.Learn(l.now, p.In, n.Target, n.MAC)
		}
		return l.done(PassedNDP)
	}
	if !p.Src.IsZero() && !n.MAC.IsZero() {
		l.d.hops.Learn(l.now, p.In, p.Src, n.MAC)
	}
	if !l.view.vips.has(&n.Target) || l.d.hops.IsLocal(n.Target) || p.Src == n.Target {
		return l.done(PassedNDP)
	}
	link, ok := l.d.hops.LinkOf(p.In)
	if !ok || !l.advertise(p, &n, link) {
		return l.done(PassedNDP)
	}
	return l.done(AnsweredNDP)
}

// advertise queues the answer to the solicitation n in p: to the host that
// asks, or to all if that one has no address yet and must learn that this one
// is taken. It reports false if there is nobody to tell, or no frame.
func (l *Lane) advertise(p *wire.Packet, n *wire.Neighbour, link nexthop.Link) bool {
	to, mac := p.Src, n.MAC
	flags := wire.NeighbourSolicited | wire.NeighbourOverride
	if mac.IsZero() {
		mac = p.Ethernet().Src()
	}
	if to.IsZero() {
		to, mac, flags = wire.AllNodes, wire.GroupMAC(wire.AllNodes), wire.NeighbourOverride
	} else if mac.IsGroup() || mac.IsZero() {
		return false
	}
	reply := l.frame()
	if reply == nil {
		return false
	}
	setNDP(reply, flags, link.MAC, n.Target, mac, to)
	reply.Out = p.In
	l.queue(reply)
	return true
}

// setNDP makes p, a fresh frame of ours, an advertisement that addr is at own.
func setNDP(p *wire.Packet, flags uint8, own wire.MAC, addr wire.Addr, dstMAC wire.MAC, dst wire.Addr) {
	n := wire.Neighbour{Type: wire.ICMP6NeighbourAnswer, Flags: flags, Target: addr, MAC: own}
	p.End = p.Start + len(wire.BuildNDP(p.Buf[p.Start:], &n, own, addr, dstMAC, dst))
}

// setAnnouncement makes p, a fresh frame of ours, tell all hosts on a link that
// addr is at own: gratuitous ARP (RFC 5227 section 3) or an unsolicited
// advertisement (RFC 4861 section 7.2.6).
func setAnnouncement(p *wire.Packet, own wire.MAC, addr wire.Addr) {
	if addr.Is4() {
		setARP(p, wire.ARPRequest, own, addr, wire.Broadcast, addr)
		return
	}
	setNDP(p, wire.NeighbourOverride, own, addr, wire.GroupMAC(wire.AllNodes), wire.AllNodes)
}
