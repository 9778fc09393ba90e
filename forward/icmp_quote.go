package forward

import "ulvs/wire"

// Quoted is the packet that an ICMP error is about, as far as it is quoted.
type Quoted struct {
	Src, Dst         wire.Addr
	SrcPort, DstPort uint16 // valid iff Proto is TCP, UDP or SCTP
	Proto            uint8

	l3, l4 int // offsets in the Buf of the error
	is6    bool
}

// minQuote is how much of the transport header an error must quote (RFC 792;
// ICMPv6 has room for more).
const minQuote = 8

// QuotedFlow reads the flow that the ICMP error p is about. It reports false if
// p is not a whole ICMP error of a kind that concerns a flow (unreachable,
// source quench, time exceeded; ip_vs leaves parameter problem alone) or if the
// quote is not the beginning of a TCP, UDP or SCTP packet with at least 8 bytes of its transport
// header. It does not verify the checksum: see ValidICMP.
func QuotedFlow(p *wire.Packet) (q Quoted, ok bool) {
	if !hasQuote(p) {
		return q, false
	}
	q, ok = readQuote(p, p.L4+wire.ICMPLen, p.Is6())
	return q, ok && q.hasPorts()
}

// TunnelQuote reads an ICMP error about a packet that Tunnel.Encap made: outer
// are the ends of the tunnel, for Tunnel.Made to compare, and inner becomes a
// view, in p's memory, of the client's packet as far as it is quoted, good for
// looking up its connection and for BuildICMPError. It reports false if the error does not quote a packet
// in a packet with the inner IP header and 8 bytes of its TCP, UDP or SCTP header.
func TunnelQuote(inner, p *wire.Packet) (outer Quoted, ok bool) {
	if !hasQuote(p) {
		return outer, false
	}
	if outer, ok = readQuote(p, p.L4+wire.ICMPLen, p.Is6()); !ok {
		return outer, false
	}
	at, etherType := outer.carried(p)
	if etherType != wire.EtherTypeIPv4 && etherType != wire.EtherTypeIPv6 {
		return outer, false
	}
	q, ok := readQuote(p, at, etherType == wire.EtherTypeIPv6)
	if ok && q.hasPorts() {
		q.view(inner, p)
		return outer, true
	}
	return outer, false
}

// carried finds the packet that the quoted packet q carries, if it is one of a
// tunnel's: its offset in p.Buf and its EtherType, else 0.
func (q *Quoted) carried(p *wire.Packet) (at int, etherType uint16) {
	b := p.Buf[q.l4:p.IPEnd]
	switch q.Proto {
	case wire.ProtoGRE:
		if n, typ, _, ok := wire.ParseGRE(b); ok {
			return q.l4 + n, typ
		}
	case wire.ProtoUDP:
		if n, proto, ok := wire.ParseGUE(b[wire.UDPLen:]); ok {
			return q.l4 + wire.UDPLen + n, wire.EtherTypeOf(proto)
		}
	}
	return q.l4, wire.EtherTypeOf(q.Proto)
}

// Made reports whether a packet with the quoted ends is the tunnel's.
func (t *Tunnel) Made(outer *Quoted) bool {
	switch {
	case outer.Dst != t.dst:
		return false
	case t.kind == IPIP:
		return wire.EtherTypeOf(outer.Proto) != 0
	}
	return outer.Proto == t.proto && outer.DstPort == t.port
}

// view makes inner the quoted packet q of p.
func (q *Quoted) view(inner, p *wire.Packet) {
	if q.is6 {
		q.view6(inner, p)
		return
	}
	ip := wire.IPv4(p.Buf[q.l3:p.IPEnd])
	end := min(p.IPEnd, q.l3+ip.TotalLen())
	*inner = wire.Packet{
		Buf: p.Buf, Start: q.l3, End: end, In: p.In, EtherType: wire.EtherTypeIPv4,
		L3: q.l3, L4: q.l4, IPEnd: end, TTL: ip.TTL(), MoreFrags: ip.MoreFrags(),
		Src: q.Src, Dst: q.Dst, SrcPort: q.SrcPort, DstPort: q.DstPort, Proto: q.Proto,
	}
}

// hasQuote reports whether p is an unfragmented ICMP error about some flow.
func hasQuote(p *wire.Packet) bool {
	if p.Is6() {
		return p.Proto == wire.ProtoICMPv6 && !p.IsFragment() && wire.ICMP6TypeIsError(p.ICMPType)
	}
	return p.Proto == wire.ProtoICMP && !p.IsFragment() &&
		wire.ICMPTypeIsError(p.ICMPType) && p.ICMPType != wire.ICMPRedirect && p.ICMPType != wire.ICMPParamProblem
}

// readQuote reads the IP packet quoted at the offset l3 of p.Buf. It reports
// false if its header is not there or not sound, if it is not a first fragment,
// or if less than 8 bytes follow the header.
func readQuote(p *wire.Packet, l3 int, is6 bool) (q Quoted, ok bool) {
	if is6 {
		return readQuote6(p, l3)
	}
	ip := wire.IPv4(p.Buf[l3:p.IPEnd])
	if len(ip) < wire.IPv4Len || ip.Version() != 4 || ip.FragOff() != 0 {
		return q, false
	}
	n := ip.HeaderLen()
	if n < wire.IPv4Len || min(ip.TotalLen(), len(ip)) < n+minQuote {
		return q, false
	}
	q = Quoted{
		Src: wire.AddrFrom4(ip.Src()), Dst: wire.AddrFrom4(ip.Dst()),
		Proto: ip.Protocol(), l3: l3, l4: l3 + n,
	}
	q.readPorts(p)
	return q, true
}

// readPorts reads the ports, which lie alike in TCP, UDP and SCTP.
func (q *Quoted) readPorts(p *wire.Packet) {
	if q.hasPorts() {
		l4 := wire.UDP(p.Buf[q.l4:p.IPEnd])
		q.SrcPort, q.DstPort = l4.SrcPort(), l4.DstPort()
	}
}

func (q *Quoted) hasPorts() bool {
	return q.Proto == wire.ProtoTCP || q.Proto == wire.ProtoUDP || q.Proto == wire.ProtoSCTP
}

// ValidICMP reports whether the checksum of the ICMP message p is right. A
// message that is a fragment cannot be checked and is not valid.
//
// One whose checksum is left to the device, which only IPv6 has, is.
func ValidICMP(p *wire.Packet) bool {
	switch {
	case p.IsFragment():
		return false
	case p.Is6():
		return p.Offload.Partial() || p.ICMPv6().ChecksumOK(p.Src, p.Dst)
	}
	return p.ICMPv4().ChecksumOK()
}
