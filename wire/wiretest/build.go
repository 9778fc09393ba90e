package wiretest

import (
	"encoding/binary"
	"net/netip"

	"ulvs/wire"
)

// Flow names the ends of a packet as text: "192.0.2.1:1000", or an address
// alone where there are no ports.
type Flow struct{ Src, Dst string }

// Reply returns the flow of the answer.
func (f Flow) Reply() Flow { return Flow{Src: f.Dst, Dst: f.Src} }

// Addr parses an address.
func Addr(s string) wire.Addr { return wire.AddrFrom(netip.MustParseAddr(s)) }

// end parses "address" or "address:port".
func end(s string) (wire.Addr, uint16) {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return wire.AddrFrom(ap.Addr()), ap.Port()
	}
	return Addr(s), 0
}

// Payload returns n bytes that differ from place to place.
func Payload(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8)
	}
	return b
}

// TCP makes a segment. Like all builders it returns a packet that was parsed.
func TCP(f Flow, flags uint8, payload []byte, opts ...Option) *wire.Packet {
	s := newSpec(opts)
	h := make([]byte, wire.TCPLen, wire.TCPMaxLen)
	binary.BigEndian.PutUint32(h[4:], s.seq)
	binary.BigEndian.PutUint32(h[8:], s.ack)
	h[12] = byte((wire.TCPLen + len(s.tcpOptions)) / 4 << 4)
	h[13] = flags
	binary.BigEndian.PutUint16(h[14:], s.window)
	h = append(h, s.tcpOptions...)
	return s.transport(f, wire.ProtoTCP, h, payload)
}

// UDP makes a datagram.
func UDP(f Flow, payload []byte, opts ...Option) *wire.Packet {
	h := make([]byte, wire.UDPLen)
	binary.BigEndian.PutUint16(h[4:], uint16(wire.UDPLen+len(payload)))
	return newSpec(opts).transport(f, wire.ProtoUDP, h, payload)
}

// ICMPEcho makes an echo request of the flow's family. For a reply use ICMP.
func ICMPEcho(f Flow, id, seq uint16, payload []byte, opts ...Option) *wire.Packet {
	if src, _ := end(f.Src); !src.Is4() {
		return ICMP(f, wire.ICMP6Echo, 0, id, seq, payload, opts...)
	}
	return ICMP(f, wire.ICMPEcho, 0, id, seq, payload, opts...)
}

// ICMPError makes an ICMP error from f.Src to f.Dst. quoted is the packet that
// it is about, from its IP header on; mtu matters for 3/4, and 2/0 of IPv6, only.
func ICMPError(f Flow, typ, code uint8, mtu uint16, quoted []byte, opts ...Option) *wire.Packet {
	return ICMP(f, typ, code, 0, mtu, quoted, opts...)
}

// ICMP makes any ICMP message, or ICMPv6 between IPv6 addresses; hi and lo are
// the last two words of its header.
func ICMP(f Flow, typ, code uint8, hi, lo uint16, payload []byte, opts ...Option) *wire.Packet {
	b := append([]byte{typ, code, 0, 0, byte(hi >> 8), byte(hi), byte(lo >> 8), byte(lo)}, payload...)
	s := newSpec(opts)
	src, _ := end(f.Src)
	dst, _ := end(f.Dst)
	if !src.Is4() {
		return s.icmp6(src, dst, b)
	}
	if s.fragOff == 0 {
		binary.BigEndian.PutUint16(b[2:], addOnes(SlowChecksum(b), s.spoil))
	}
	return s.frame(src, dst, wire.ProtoICMP, b)
}

// IP makes an IP packet of any protocol.
func IP(f Flow, proto uint8, payload []byte, opts ...Option) *wire.Packet {
	src, _ := end(f.Src)
	dst, _ := end(f.Dst)
	return newSpec(opts).frame(src, dst, proto, payload)
}

// ARP makes an ARP frame; see wire.BuildARP.
func ARP(op uint16, srcMAC wire.MAC, srcIP string, dstMAC wire.MAC, dstIP string) *wire.Packet {
	var b [wire.ARPFrameLen]byte
	return Raw(wire.BuildARP(b[:], op, srcMAC, Addr(srcIP), dstMAC, Addr(dstIP)))
}

// Raw makes a packet of a frame, which it copies. The frame may be malformed.
func Raw(frame []byte, opts ...Option) *wire.Packet {
	s := newSpec(opts)
	p := &wire.Packet{Buf: make([]byte, s.headroom+len(frame)), Start: s.headroom, In: s.in}
	p.End = p.Start + copy(p.Buf[p.Start:], frame)
	if s.vlan != nil {
		p.HasVLAN, p.VLANTCI, p.VLANTPID = true, *s.vlan, wire.EtherTypeVLAN
	}
	wire.Parse(p)
	return p
}

// Clone returns a copy of p with memory of its own.
func Clone(p *wire.Packet) *wire.Packet {
	c := *p
	c.Buf = append([]byte(nil), p.Buf...)
	return &c
}

// transport adds ports and checksum to a header and builds the frame.
func (s *spec) transport(f Flow, proto uint8, h, payload []byte) *wire.Packet {
	src, sport := end(f.Src)
	dst, dport := end(f.Dst)
	if s.fragOff != 0 {
		return s.frame(src, dst, proto, payload)
	}
	binary.BigEndian.PutUint16(h[0:], sport)
	binary.BigEndian.PutUint16(h[2:], dport)
	b := append(h, payload...)
	if proto == wire.ProtoSCTP {
		s.crc(b)
	} else if !s.noChecksum {
		s.checksum(src, dst, proto, b)
	}
	return s.offloaded(s.frame(src, dst, proto, b), proto)
}

// checksum writes the transport checksum of b, whose field is zero.
func (s *spec) checksum(src, dst wire.Addr, proto uint8, b []byte) {
	off := checksumOffset(proto)
	pseudo := PseudoHeader(src, dst, proto, len(b))
	sum := SlowSum(pseudo)
	if !s.partial {
		sum = SlowChecksum(pseudo, b)
	}
	if sum = addOnes(sum, s.spoil); sum == 0 && proto == wire.ProtoUDP {
		sum = 0xffff
	}
	binary.BigEndian.PutUint16(b[off:], sum)
}

// checksumOffset returns the place of the checksum in a TCP, UDP, SCTP or ICMPv6
// header.
func checksumOffset(proto uint8) int {
	switch proto {
	case wire.ProtoTCP:
		return wire.TCPChecksumOffset
	case wire.ProtoSCTP:
		return wire.SCTPChecksumOffset
	case wire.ProtoICMPv6:
		return wire.ICMP6ChecksumOffset
	}
	return wire.UDPChecksumOffset
}

// offloaded gives a frame of ours the virtio-net header that the options ask
// for.
func (s *spec) offloaded(p *wire.Packet, proto uint8) *wire.Packet {
	p.Offload = s.offload(p, proto)
	wire.Parse(p)
	return p
}

// offload returns the virtio-net header that the options ask for.
func (s *spec) offload(p *wire.Packet, proto uint8) (o wire.Offload) {
	if s.partial {
		o.Flags = wire.NeedsCsum
		o.CsumStart = uint16(p.L4 - p.Start)
		o.CsumOffset = uint16(checksumOffset(proto))
	}
	if s.gsoSize == 0 {
		return o
	}
	o.GSOSize, o.GSOType, o.HdrLen = s.gsoSize, wire.GSOUDPL4, o.CsumStart+wire.UDPLen
	if proto == wire.ProtoTCP {
		o.GSOType = wire.GSOTCPv4
		if p.Is6() {
			o.GSOType = wire.GSOTCPv6
		}
		o.HdrLen = o.CsumStart + uint16(wire.TCPLen+len(s.tcpOptions))
	}
	return o
}

// frame puts Ethernet and IP headers before an IP payload.
func (s *spec) frame(src, dst wire.Addr, proto uint8, payload []byte) *wire.Packet {
	if !src.Is4() {
		return s.frame6(src, dst, proto, payload)
	}
	h := make([]byte, wire.IPv4Len, wire.IPv4MaxLen)
	h = append(h, s.ipOptions...)
	h[0] = byte(4<<4 | len(h)/4)
	h[1] = s.tos
	binary.BigEndian.PutUint16(h[2:], uint16(len(h)+len(payload)))
	binary.BigEndian.PutUint16(h[4:], s.id)
	binary.BigEndian.PutUint16(h[6:], s.fragField())
	h[8], h[9] = s.ttl, proto
	src.Put4(h[12:])
	dst.Put4(h[16:])
	binary.BigEndian.PutUint16(h[10:], SlowChecksum(h))
	return s.ethernet(wire.EtherTypeIPv4, append(h, payload...))
}

// ethernet makes the frame of an IP packet.
func (s *spec) ethernet(etherType uint16, ip []byte) *wire.Packet {
	f := append(append(s.dstMAC[:6:6], s.srcMAC[:]...), byte(etherType>>8), byte(etherType))
	f = append(f, ip...)
	for len(f) < s.pad {
		f = append(f, 0)
	}
	return Raw(f, func(t *spec) { *t = *s })
}

// fragField returns flags and fragment offset.
func (s *spec) fragField() uint16 {
	v := uint16(s.fragOff / 8)
	if s.df {
		v |= 0x4000
	}
	if s.moreFrags {
		v |= 0x2000
	}
	return v
}
