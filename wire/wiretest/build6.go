package wiretest

import (
	"encoding/binary"

	"ulvs/wire"
)

// The extension headers of IPv6 (RFC 8200 section 4).
const (
	HopByHop    = 0
	Routing     = 43
	FragmentExt = 44
	Destination = 60
)

// frame6 makes an IPv6 frame: header, extension headers, a fragment header if
// the options ask for one, payload.
func (s *spec) frame6(src, dst wire.Addr, proto uint8, payload []byte) *wire.Packet {
	h := make([]byte, wire.IPv6Len)
	binary.BigEndian.PutUint32(h, 6<<28|uint32(s.tos)<<20|s.flowLabel)
	h[7] = s.ttl
	from, to := src.As16(), dst.As16()
	copy(h[8:], from[:])
	copy(h[24:], to[:])
	next := 6 // where the kind of the next header goes
	for _, e := range s.extensions {
		h[next] = e.kind
		next = len(h)
		h = append(h, extensionBytes(e.body)...)
	}
	if s.fragOff != 0 || s.moreFrags {
		h[next] = FragmentExt
		next = len(h)
		h = append(h, 0, 0, 0, 0, 0, 0, byte(s.id>>8), byte(s.id))
		binary.BigEndian.PutUint16(h[next+2:], s.fragField6())
	}
	h[next] = proto
	h = append(h, payload...)
	binary.BigEndian.PutUint16(h[4:], uint16(len(h)-wire.IPv6Len))
	return s.ethernet(wire.EtherTypeIPv6, h)
}

// extensionBytes is an extension header, its kind of next header yet to be
// written.
func extensionBytes(body []byte) []byte {
	b := append([]byte{0, 0}, body...)
	for len(b)%8 != 0 {
		b = append(b, 0)
	}
	b[1] = byte(len(b)/8 - 1)
	return b
}

// fragField6 returns the offset and the more fragments bit.
func (s *spec) fragField6() uint16 {
	v := uint16(s.fragOff)
	if s.moreFrags {
		v |= 1
	}
	return v
}

// icmp6 finishes an ICMPv6 message.
func (s *spec) icmp6(src, dst wire.Addr, b []byte) *wire.Packet {
	if s.fragOff == 0 {
		s.checksum(src, dst, wire.ProtoICMPv6, b)
	}
	return s.offloaded(s.frame(src, dst, wire.ProtoICMPv6, b), wire.ProtoICMPv6)
}

// NDP makes a neighbour solicitation or advertisement; see wire.BuildNDP.
func NDP(n wire.Neighbour, srcMAC wire.MAC, src string, dstMAC wire.MAC, dst string) *wire.Packet {
	var b [wire.NDPFrameLen]byte
	return Raw(wire.BuildNDP(b[:], &n, srcMAC, Addr(src), dstMAC, Addr(dst)))
}
