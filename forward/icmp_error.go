package forward

import "ulvs/wire"

const (
	// maxError is the greatest length in bytes of an ICMP error (RFC 1812
	// section 4.3.2.3).
	maxError = 576

	// MaxICMPErrorFrame is the length in bytes of the longest frame that
	// BuildICMPError makes.
	MaxICMPErrorFrame = wire.EthernetLen + maxError6

	// errorTOS is precedence internetwork control (RFC 1812 section 4.3.2.5).
	errorTOS = 0xc0
	ownTTL   = 64 // of packets that begin here
)

// CanError reports whether an ICMP error may be sent about p (RFC 1122 section
// 3.2.2, RFC 1812 section 4.3.2.7): never about an ICMP error, a fragment other
// than the first, a packet to many or from no single host.
func CanError(p *wire.Packet) bool {
	if p.Is6() {
		return canError6(p)
	}
	return p.FragOff == 0 &&
		p.PktType != wire.ToBroadcast && p.PktType != wire.ToMulticast &&
		!(p.Proto == wire.ProtoICMP && wire.ICMPTypeIsError(p.ICMPType)) &&
		unicast(p.Src) && unicast(p.Dst)
}

// unicast reports whether an IPv4 address can name a single host on a wire.
func unicast(a wire.Addr) bool {
	first := a.As4()[0]
	return first != 0 && first != 127 && first < 224
}

// BuildICMPError makes the fresh packet dst an ICMP error of src to the source
// of orig, quoting as much of orig, as it is now, as makes 576 bytes in all; for
// IPv6 typ and code are ICMPv6's and it is 1280 bytes. mtu is for fragmentation
// needed (RFC 1191) or packet too big, and otherwise 0. Nothing but the
// quote comes from orig; the MAC addresses are zero. The caller has asked
// CanError.
func BuildICMPError(dst, orig *wire.Packet, typ, code uint8, mtu uint16, src wire.Addr) {
	if orig.Is6() {
		buildError6(dst, orig, typ, code, mtu, src)
		return
	}
	quote := orig.Buf[orig.L3:min(orig.IPEnd, orig.L3+maxError-wire.IPv4Len-wire.ICMPLen)]
	blank(dst, wire.EtherTypeIPv4, wire.ICMPLen+len(quote))
	icmp := dst.ICMPv4()
	icmp.SetType(typ)
	icmp.SetCode(code)
	icmp.SetRest(0, mtu)
	copy(icmp.Payload(), quote)
	icmp.FillChecksum()

	h := wire.IPv4Header{
		TOS: errorTOS, TotalLen: dst.IPLen(), TTL: ownTTL, Protocol: wire.ProtoICMP,
		// As good as a counter: where the ids are equal, so are the messages.
		ID:  icmp.Checksum(),
		Src: src.As4(), Dst: orig.Src.As4(),
	}
	h.Put(dst.IPv4())
	setFlow(dst, src, orig.Src, wire.ProtoICMP)
	dst.TTL, dst.ICMPType, dst.ICMPCode = ownTTL, typ, code
	dst.In = orig.In
}

// blank makes the fresh packet p a frame with n bytes after an IP header without
// options; all but the Ethernet header is left to the caller to write.
func blank(p *wire.Packet, etherType uint16, n int) {
	*p = wire.Packet{Buf: p.Buf, Start: wire.Headroom, EtherType: etherType}
	p.L3 = p.Start + wire.EthernetLen
	p.L4 = p.L3 + headerLen(etherType == wire.EtherTypeIPv6)
	p.End = p.L4 + n
	p.IPEnd = p.End
	frame := p.Ethernet()
	frame.SetDst(wire.MAC{})
	frame.SetSrc(wire.MAC{})
	frame.SetEtherType(etherType)
}

// headerLen is the length in bytes of an IP header without options.
func headerLen(is6 bool) int {
	if is6 {
		return wire.IPv6Len
	}
	return wire.IPv4Len
}
