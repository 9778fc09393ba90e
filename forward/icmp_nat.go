package forward

import "ulvs/wire"

// ICMPInbound sends an error from the client's side about a NAT connection's
// answer to the real server that sent it: the destination and, in the quote,
// the source become real:realPort. It reports false, with p unchanged, if p has
// no quote as in QuotedFlow.
func ICMPInbound(p *wire.Packet, real wire.Addr, realPort uint16) bool {
	q, ok := QuotedFlow(p)
	if ok {
		requote(p, &q, source, &real, realPort)
		rewrite(p, destination, &real, 0)
		p.Dst = real
	}
	return ok
}

// ICMPOutbound sends an error from the server's side about a client's packet to
// the client as the virtual service would: the source, be it the real server's
// or a router's, becomes virtual and the quoted destination
// virtual:virtualPort. It reports false, with p unchanged, if p has no quote as
// in QuotedFlow.
func ICMPOutbound(p *wire.Packet, virtual wire.Addr, virtualPort uint16) bool {
	q, ok := QuotedFlow(p)
	if ok {
		requote(p, &q, destination, &virtual, virtualPort)
		rewrite(p, source, &virtual, 0)
		p.Src = virtual
	}
	return ok
}

// requote changes one end of the quoted packet. Its IP header checksum follows,
// and the ICMP checksum follows all that changed; the quoted transport checksum
// stays, as in ip_vs, for a quote is rarely long enough to verify it.
func requote(p *wire.Packet, q *Quoted, e end, addr *wire.Addr, port uint16) {
	d := q.setAddr(p, e, addr) + setPort(p.Buf[q.l4:p.IPEnd], e, port)
	if p.Offload.Partial() { // the device sums what it finds
		return
	}
	icmp := p.ICMPv4() // whose checksum is where ICMPv6 has it
	icmp.SetChecksum(d.Update(icmp.Checksum()))
}

// setAddr changes one address of the quoted IP header and its checksum.
func (q *Quoted) setAddr(p *wire.Packet, e end, addr *wire.Addr) wire.Delta {
	if q.is6 {
		return putAddr6(p.Buf[q.l3:p.IPEnd], e, addr)
	}
	ip := wire.IPv4(p.Buf[q.l3:p.IPEnd])
	was := ip.Checksum()
	d := setAddr(ip, e, addr)
	ip.SetChecksum(d.Update(was))
	return d + wire.Diff16(was, ip.Checksum())
}
