package dataplane

import (
	"ulvs/wire"
)

// Handle decides what happens to one packet and queues whatever shall be sent
// because of it. It belongs between Begin and End. The packet's memory must
// stay until the queues have been sent.
//
// This is the order of kernel ip_vs_core.c (ip_vs_in, ip_vs_out): parse, ARP and
// neighbour discovery, fragments, ICMP errors, connection, virtual service. Without any service the
// Director is out of the path, as ip_vs is.
func (l *Lane) Handle(p *wire.Packet) Verdict {
	if p.PktType == wire.ToOtherHost || p.PktType == wire.Outgoing {
		return l.done(PassedOtherHost)
	}
	if p.HasVLAN {
		return l.done(PassedVLAN)
	}
	if f := wire.Parse(p); f != wire.FaultNone {
		return l.malformed(p, f)
	}
	if p.EtherType != wire.EtherTypeIPv4 {
		if v, ok := l.neighbours(p); ok {
			return v
		}
	}
	if p.PktType != wire.ToHost {
		return l.done(PassedOtherHost)
	}
	if l.view.idle {
		return l.done(PassedNoService)
	}
	if p.IsFragment() {
		return l.fragment(p)
	}
	switch p.Proto {
	case wire.ProtoTCP, wire.ProtoUDP:
		return l.transport(p)
	case wire.ProtoICMP, wire.ProtoICMPv6:
		return l.icmpPacket(p)
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

// fragment: fragments are not balanced yet; those to a virtual address end
// here, so that no piece of a datagram takes another way than the rest.
func (l *Lane) fragment(p *wire.Packet) Verdict {
	if l.view.vips.has(&p.Dst) {
		return l.done(DroppedFragment)
	}
	return l.done(PassedFragment)
}

// transport handles TCP and UDP. Whether the destination is a virtual address tells
// which direction to try first; the other is tried too, for connections whose
// service has been deleted.
func (l *Lane) transport(p *wire.Packet) Verdict {
	if l.view.vips.has(&p.Dst) {
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
	return l.done(PassedNoService)
}
