package nexthop

import "ulvs/wire"

// request builds the frame that asks who has target (RFC 826), from the host's
// address source or, with source zero, from nobody in particular (an ARP probe,
// RFC 5227 section 1.1, which is answered just as well). To is the broadcast
// address, or that of a neighbour to be confirmed.
func request(own wire.MAC, source wire.Addr, to wire.MAC, target wire.Addr) *wire.Packet {
	p := &wire.Packet{Buf: make([]byte, wire.Headroom+wire.ARPFrameLen), Start: wire.Headroom}
	p.End, p.L3, p.EtherType = len(p.Buf), p.Start+wire.EthernetLen, wire.EtherTypeARP
	p.IPEnd = p.End
	wire.BuildARP(p.Frame(), wire.ARPRequest, own, source, to, target)
	return p
}
