package forward

import "ulvs/wire"

// What IPv6 does otherwise than IPv4, called from where the two part.

// setAddr6 writes one address of the IPv6 header of p, which has no checksum. It
// returns what wire.DiffAddr does.
func setAddr6(p *wire.Packet, e end, addr *wire.Addr) wire.Delta {
	return putAddr6(p.IPv6(), e, addr)
}

// putAddr6 is setAddr6 in a header.
func putAddr6(ip wire.IPv6, e end, addr *wire.Addr) wire.Delta {
	field := e.addr6(ip)
	d := wire.DiffAddr(wire.AddrFrom16([16]byte(field)), *addr)
	addr.Put16(field)
	return d
}

// rewriteICMP6 follows a change of d in the addresses of an ICMPv6 packet, whose
// checksum covers them. Other packets stay.
func rewriteICMP6(p *wire.Packet, d wire.Delta) {
	if p.Proto != wire.ProtoICMPv6 || !p.Is6() {
		return
	}
	icmp := p.ICMPv6()
	if p.Offload.Partial() {
		icmp.SetChecksum(d.UpdatePartial(icmp.Checksum()))
		return
	}
	icmp.SetChecksum(d.Update(icmp.Checksum()))
}

// canError6 is CanError for IPv6 (RFC 4443 section 2.4 e), but for the
// exceptions that concern groups: there are none here.
func canError6(p *wire.Packet) bool {
	quiet := p.Proto == wire.ProtoICMPv6 && (wire.ICMP6TypeIsError(p.ICMPType) || p.ICMPType == wire.ICMP6Redirect)
	return p.FragOff == 0 && !quiet &&
		p.PktType != wire.ToBroadcast && p.PktType != wire.ToMulticast &&
		wire.Unicast6(p.Src) && wire.Unicast6(p.Dst)
}

// maxError6 is the greatest length in bytes of an ICMPv6 error, the least MTU
// of IPv6 (RFC 4443 section 2.4 c).
const maxError6 = 1280

// buildError6 is BuildICMPError for IPv6.
func buildError6(dst, orig *wire.Packet, typ, code uint8, mtu uint16, src wire.Addr) {
	quote := orig.Buf[orig.L3:min(orig.IPEnd, orig.L3+maxError6-wire.IPv6Len-wire.ICMPLen)]
	blank(dst, wire.EtherTypeIPv6, wire.ICMPLen+len(quote))
	icmp := dst.ICMPv6()
	icmp.SetType(typ)
	icmp.SetCode(code)
	icmp.SetRest(uint32(mtu))
	copy(icmp.Payload(), quote)
	icmp.FillChecksum(src, orig.Src)

	h := wire.IPv6Header{PayloadLen: len(icmp), NextHeader: wire.ProtoICMPv6, HopLimit: ownTTL, Src: src, Dst: orig.Src}
	h.Put(dst.IPv6())
	setFlow(dst, src, orig.Src, wire.ProtoICMPv6)
	dst.TTL, dst.ICMPType, dst.ICMPCode = ownTTL, typ, code
	dst.In = orig.In
}

// echoReply6 is EchoReply for IPv6 (RFC 4443 section 4.2).
func echoReply6(p *wire.Packet) bool {
	if p.Proto != wire.ProtoICMPv6 || p.ICMPType != wire.ICMP6Echo || p.ICMPCode != 0 || !ValidICMP(p) || !CanError(p) {
		return false
	}
	h := wire.IPv6Header{
		TrafficClass: p.IPv6().TrafficClass(), PayloadLen: p.IPEnd - p.L4,
		NextHeader: wire.ProtoICMPv6, HopLimit: ownTTL, Src: p.Dst, Dst: p.Src,
	}
	dropOptions(p, wire.IPv6Len)
	h.Put(p.IPv6())
	icmp := p.ICMPv6()
	icmp.SetType(wire.ICMP6EchoReply)
	icmp.FillChecksum(h.Src, h.Dst)
	p.Offload = wire.Offload{}
	setFlow(p, h.Src, h.Dst, wire.ProtoICMPv6)
	return true
}

// readQuote6 is readQuote for IPv6.
func readQuote6(p *wire.Packet, l3 int) (q Quoted, ok bool) {
	ip := p.Buf[l3:p.IPEnd]
	proto, at, ok := wire.UpperIPv6(ip)
	if !ok || min(wire.IPv6Len+wire.IPv6(ip).PayloadLen(), len(ip)) < at+minQuote {
		return q, false
	}
	h := wire.IPv6(ip)
	q = Quoted{Src: wire.AddrFrom16(h.Src()), Dst: wire.AddrFrom16(h.Dst()), Proto: proto, l3: l3, l4: l3 + at, is6: true}
	if q.Src.Is4() || q.Dst.Is4() { // which would pass for IPv4
		return q, false
	}
	q.readPorts(p)
	return q, true
}

// view6 makes inner the quoted IPv6 packet q of p.
func (q *Quoted) view6(inner, p *wire.Packet) {
	ip := wire.IPv6(p.Buf[q.l3:p.IPEnd])
	end := min(p.IPEnd, q.l3+wire.IPv6Len+ip.PayloadLen())
	*inner = wire.Packet{
		Buf: p.Buf, Start: q.l3, End: end, In: p.In, EtherType: wire.EtherTypeIPv6,
		L3: q.l3, L4: q.l4, IPEnd: end, TTL: ip.HopLimit(),
		Src: q.Src, Dst: q.Dst, SrcPort: q.SrcPort, DstPort: q.DstPort, Proto: q.Proto,
	}
}

// setLength writes the length of p into its IP header, whose checksum, if any,
// stays as it is.
func setLength(p *wire.Packet) {
	if p.Is6() {
		p.IPv6().SetPayloadLen(p.IPLen() - wire.IPv6Len)
		return
	}
	p.IPv4().SetTotalLen(p.IPLen())
}
