package dataplane

import (
	"ulvs/forward"
	"ulvs/wire"
)

// Handle decides what happens to one packet and queues whatever shall be sent
// because of it. It belongs between Begin and End. The packet's memory must
// stay until the queues have been sent.
//
// This is the order of kernel ip_vs_core.c (ip_vs_in, ip_vs_out): parse, ARP and
// neighbour discovery, fragments, ICMP errors, connection, virtual service.
// Without any service the Director is out of the path, as ip_vs is.
func (l *Lane) Handle(p *wire.Packet) Verdict {
	r := &l.prepared[0]
	l.prepare(p, r)
	return l.decide(p, r)
}

// decide is Handle after prepare.
func (l *Lane) decide(p *wire.Packet, r *prepared) Verdict {
	if w := l.watch; w != nil && w.wants(p) {
		return l.observed(p, r)
	}
	if r.plain {
		if v, ok := l.plain(p, r); ok {
			return v
		}
		l.unplain(p, r)
	}
	return l.parsed(p)
}

// parsed is decide for a packet that is parsed.
func (l *Lane) parsed(p *wire.Packet) Verdict {
	if p.PktType == wire.ToOtherHost || p.PktType == wire.Outgoing {
		return l.done(PassedOtherHost)
	}
	if p.HasVLAN {
		return l.done(PassedVLAN)
	}
	if p.Fault != wire.FaultNone {
		return l.malformed(p, p.Fault)
	}
	if p.EtherType != wire.EtherTypeIPv4 {
		if v, ok := l.neighbours(p); ok {
			return v
		}
		if p.L4-p.L3 > wire.IPv6Len {
			forward.DropAtomic(p)
		}
	}
	if p.PktType != wire.ToHost {
		return l.done(PassedOtherHost)
	}
	if l.view.idle(p) {
		return l.done(PassedNoService)
	}
	if p.IsFragment() {
		return l.fragment(p)
	}
	return l.protocol(p)
}

// protocol handles a whole IP packet by what it carries.
func (l *Lane) protocol(p *wire.Packet) Verdict {
	switch p.Proto {
	case wire.ProtoTCP, wire.ProtoUDP:
		return l.transport(p)
	case wire.ProtoICMP, wire.ProtoICMPv6:
		return l.icmpPacket(p)
	case wire.ProtoSCTP:
		return l.sctp(p)
	}
	return l.done(PassedProtocol)
}

// neighbours handles ARP and neighbour discovery; ok is false if p is neither.
func (l *Lane) neighbours(p *wire.Packet) (v Verdict, ok bool) {
	switch {
	case p.EtherType == wire.EtherTypeARP:
		return l.arp(p), true
	case wire.IsNDP(p):
		return l.ndp(p), true
	}
	return 0, false
}

// malformed counts a packet that Parse refused. Ether types that ulvs does not
// speak are the host's and no fault.
func (l *Lane) malformed(p *wire.Packet, f wire.Fault) Verdict {
	if f == wire.FaultEtherType {
		return l.done(PassedNotIP)
	}
	return l.done(Reason(f))
}

// transport handles TCP, UDP and SCTP. Whether the destination is a virtual
// address, or one that mark rules lead to a service, tells which direction to
// try first; the other is tried too, for connections whose service has been
// deleted.
func (l *Lane) transport(p *wire.Packet) Verdict {
	if p.Way == wire.WayInbound {
		if v, ok := l.inbound(p); ok {
			return v
		}
		if v, ok := l.outbound(p); ok {
			return v
		}
		return l.newFlow(p)
	}
	if v, ok := l.outbound(p); ok {
		return v
	}
	if v, ok := l.inbound(p); ok {
		return v
	}
	return l.stray(p)
}
