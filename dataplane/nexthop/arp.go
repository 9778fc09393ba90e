package nexthop

import "ulvs/wire"

// request builds the frame that asks who has target (RFC 826), from the host's
// address source or, with source zero, from nobody in particular (an ARP probe,
// RFC 5227 section 1.1, which is answered just as well). To is the broadcast
// address, or that of a neighbour to be confirmed.
func request(own wire.MAC, source wire.Addr, to wire.MAC, target wire.Addr) *wire.Packet {
	if !target.Is4() {
		return solicitation(own, source, to, target)
	}
	p := &wire.Packet{Buf: make([]byte, wire.Headroom+wire.ARPFrameLen), Start: wire.Headroom}
	p.End, p.L3, p.EtherType = len(p.Buf), p.Start+wire.EthernetLen, wire.EtherTypeARP
	p.IPEnd = p.End
	wire.BuildARP(p.Frame(), wire.ARPRequest, own, source, to, target)
	return p
}

// solicitation is request for IPv6 (RFC 4861 section 7.2.2), which asks the
// group of those whose address ends alike rather than everyone. source must not
// be zero: that would be a claim to the address.
func solicitation(own wire.MAC, source wire.Addr, to wire.MAC, target wire.Addr) *wire.Packet {
	dst := target
	if to == wire.Broadcast {
		dst = wire.SolicitedNode(target)
		to = wire.GroupMAC(dst)
	}
	p := &wire.Packet{Buf: make([]byte, wire.Headroom+wire.NDPFrameLen), Start: wire.Headroom}
	n := wire.Neighbour{Type: wire.ICMP6NeighbourAsk, Target: target, MAC: own}
	p.End = p.Start + len(wire.BuildNDP(p.Buf[p.Start:], &n, own, source, to, dst))
	wire.Parse(p)
	return p
}
