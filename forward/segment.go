package forward

import "ulvs/wire"

// SegmentLen returns the IP length in bytes of the largest packet that p stands
// for: for a super-frame that of one segment, else its own. It is what an MTU
// must be compared with.
func SegmentLen(p *wire.Packet) int {
	size := int(p.Offload.GSOSize)
	if p.Offload.GSO() == wire.GSONone || size == 0 {
		return p.IPLen()
	}
	return min(p.IPLen(), payload(p)-p.L3+size)
}

// payload returns the offset in p.Buf of the transport payload.
func payload(p *wire.Packet) int {
	switch p.Proto {
	case wire.ProtoTCP:
		return p.L4 + p.TCP().HeaderLen()
	case wire.ProtoUDP:
		return p.L4 + wire.UDPLen
	}
	return p.L4
}

// Segment cuts the super-frame p into packets as its sender would have sent
// them, each with finished checksums: TCP with its sequence number, FIN and PSH
// only on the last, CWR only on the first, UDP as one datagram each, IP ids
// counting up from p's. TCP segments carry at most GSOSize bytes and fit into
// mtu; datagrams keep their size, since cutting would change the message, and
// one longer than mtu is for Fragment.
//
// next returns a fresh packet for a frame of size bytes; by the time it is
// called again, or Segment returns, the one before is complete. Segment reports
// false if next returned nil, in which case the rest is missing, or if p is not
// a TCP or UDP super-frame, in which case next was not called. p itself is left
// as it was.
func Segment(p *wire.Packet, mtu int, next func(size int) *wire.Packet) bool {
	c := cutter{p: p, headers: payload(p), size: int(p.Offload.GSOSize)}
	if !c.valid(mtu) {
		return false
	}
	for at := c.headers; at < p.IPEnd; at += c.size {
		end := min(at+c.size, p.IPEnd)
		out := next(c.headers - p.Start + end - at)
		if out == nil {
			return false
		}
		c.cut(out, at, end)
	}
	return true
}

// cutter is one super-frame being segmented.
type cutter struct {
	p       *wire.Packet
	headers int // offset in p.Buf at which the payload begins
	size    int // payload bytes of a segment
	count   int // segments made
}

// valid reports whether the offload header says the same as the packet, and for
// TCP lowers the size to what fits into mtu.
func (c *cutter) valid(mtu int) bool {
	p := c.p
	if p.IsFragment() || c.headers >= p.IPEnd {
		return false
	}
	switch {
	case (p.Offload.GSO() == wire.GSOTCPv4 || p.Offload.GSO() == wire.GSOTCPv6) && p.Proto == wire.ProtoTCP:
		c.size = min(c.size, mtu-(c.headers-p.L3))
	case p.Offload.GSO() != wire.GSOUDPL4 || p.Proto != wire.ProtoUDP:
		return false
	}
	return c.size > 0
}

// cut makes out the segment with the payload p.Buf[at:end].
func (c *cutter) cut(out *wire.Packet, at, end int) {
	derive(out, c.p, c.headers, c.p.Buf[at:end])
	setLength(out)
	if !out.Is6() {
		ip := out.IPv4()
		ip.SetID(ip.ID() + uint16(c.count))
		ip.FillChecksum()
	}
	if c.p.Proto == wire.ProtoTCP {
		c.tcp(out, at, end)
	} else {
		c.udp(out)
	}
	c.count++
}

// tcp finishes the TCP header of a segment.
func (c *cutter) tcp(out *wire.Packet, at, end int) {
	tcp := out.TCP()
	tcp.SetSeq(tcp.Seq() + uint32(at-c.headers))
	if end < c.p.IPEnd {
		out.TCPFlags &^= wire.FIN | wire.PSH
	}
	if c.count > 0 {
		out.TCPFlags &^= wire.CWR
	}
	tcp.SetFlags(out.TCPFlags)
	sumTransport(out, wire.TCPChecksumOffset)
}

// udp finishes the UDP header of a datagram; one without a checksum stays so.
func (c *cutter) udp(out *wire.Packet) {
	udp := out.UDP()
	udp.SetLength(len(udp))
	if c.p.Offload.Partial() || udp.Checksum() != 0 {
		sumTransport(out, wire.UDPChecksumOffset)
	}
}

// sumTransport computes the transport checksum of p, at the offset at, from
// nothing.
func sumTransport(p *wire.Packet, at int) {
	l4 := p.Transport()
	l4[at], l4[at+1] = 0, 0
	putTransport(l4[at:], p.Proto, wire.Checksum(l4, wire.PseudoSum(p.Src, p.Dst, p.Proto, len(l4))))
}

// derive makes the fresh packet out one of p's: with p's fields, p's headers,
// which end at the offset headers of p.Buf, and then body.
func derive(out, p *wire.Packet, headers int, body []byte) {
	buf := out.Buf
	*out = *p
	out.Buf, out.Offload = buf, wire.Offload{}
	shift := wire.Headroom - p.Start
	out.Start = wire.Headroom
	out.L3 += shift
	out.L4 += shift
	out.End = headers + shift + len(body)
	out.IPEnd = out.End
	n := copy(buf[out.Start:out.End], p.Buf[p.Start:headers])
	copy(buf[out.Start+n:out.End], body)
}
