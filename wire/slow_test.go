package wire_test

import (
	"net/netip"

	"ulvs/wire"
	"ulvs/wire/wiretest"
)

// slow is what the slow oracle finds in a frame.
type slow struct {
	fault          wire.Fault
	etherType      int
	l3, l4, ipEnd  int // from the frame's start; l4 -1 if there is none
	src, dst       netip.Addr
	sport, dport   int
	fragOff        int
	more           bool
	proto, ttl     int
	flags          int
	icmpTyp, icmpC int
}

// word reads big-endian bytes, one at a time.
func word(b []byte, at, n int) (v int) {
	for i := range n {
		v = v<<8 | int(b[at+i])
	}
	return v
}

// slowParse is Parse as the RFCs say it, without any regard for speed: the
// oracle that Parse is held against.
func slowParse(f []byte, o wire.Offload, clipped bool) (s slow) {
	s.l4 = -1
	s.fault = s.parse(f, o, clipped)
	return s
}

func (s *slow) parse(f []byte, o wire.Offload, clipped bool) wire.Fault {
	switch {
	case clipped:
		return wire.FaultClipped
	case len(f) < 14:
		return wire.FaultShortEthernet
	}
	s.etherType, s.l3 = word(f, 12, 2), 14
	switch s.etherType {
	case 0x8100, 0x88a8:
		return wire.FaultStackedVLAN
	case 0x86dd:
		return s.ip6(f[14:], o)
	case 0x0806:
		return s.arp(f[14:])
	case 0x0800:
		return s.ip(f[14:], o)
	}
	return wire.FaultEtherType
}

func (s *slow) arp(b []byte) wire.Fault {
	if len(b) < 28 {
		return wire.FaultShortARP
	}
	if word(b, 0, 2) != 1 || word(b, 2, 2) != 0x0800 || b[4] != 6 || b[5] != 4 {
		return wire.FaultARPFormat
	}
	s.ipEnd = 14 + 28
	return wire.FaultNone
}

func (s *slow) ip(b []byte, o wire.Offload) wire.Fault {
	if len(b) < 20 {
		return wire.FaultShortIP
	}
	hlen, total := int(b[0]&15)*4, word(b, 2, 2)
	switch {
	case b[0]>>4 != 4:
		return wire.FaultIPVersion
	case hlen < 20:
		return wire.FaultIHLSmall
	case hlen > len(b):
		return wire.FaultIHLBeyond
	case total < hlen:
		return wire.FaultTotalSmall
	case total > len(b):
		return wire.FaultTotalBeyond
	case wiretest.SlowSum(b[:hlen]) != 0xffff:
		return wire.FaultIPChecksum
	}
	if f := slowOptions(b[20:hlen]); f != wire.FaultNone {
		return f
	}
	s.ipEnd, s.ttl, s.proto = 14+total, int(b[8]), int(b[9])
	s.src, s.dst = netip.AddrFrom4([4]byte(b[12:16])), netip.AddrFrom4([4]byte(b[16:20]))
	s.more, s.fragOff = b[6]>>5&1 == 1, word(b, 6, 2)%8192*8
	if f := s.fragment(hlen, total-hlen); f != wire.FaultNone {
		return f
	}
	if s.fragOff == 0 {
		s.l4 = 14 + hlen
		if f := s.transport(b[hlen:total]); f != wire.FaultNone {
			return f
		}
	}
	return s.offload(o)
}

func slowOptions(o []byte) wire.Fault {
	for i := 0; i < len(o); {
		switch {
		case o[i] == 0:
			return wire.FaultNone
		case o[i] == 1:
			i++
		case i+1 == len(o), o[i+1] < 2, i+int(o[i+1]) > len(o):
			return wire.FaultIPOption
		case o[i] == 131, o[i] == 137:
			return wire.FaultSourceRoute
		default:
			i += int(o[i+1])
		}
	}
	return wire.FaultNone
}

func (s *slow) fragment(hlen, size int) wire.Fault {
	switch {
	case s.more && (size%8 != 0 || size == 0):
		return wire.FaultFragmentLength
	case s.fragOff > 0 && hlen+s.fragOff+size > 65535:
		return wire.FaultFragmentBeyond
	case s.fragOff == 8 && s.proto == 6:
		return wire.FaultTCPFragment
	}
	return wire.FaultNone
}

func (s *slow) transport(b []byte) wire.Fault {
	switch s.proto {
	case 6:
		return s.tcp(b)
	case 17:
		return s.udp(b)
	case 1:
		if len(b) < 8 {
			return wire.FaultShortICMP
		}
		s.icmpTyp, s.icmpC = int(b[0]), int(b[1])
	case 132:
		return s.sctp(b)
	}
	return wire.FaultNone
}

func (s *slow) tcp(b []byte) wire.Fault {
	whole := len(b) >= 20 && len(b) >= int(b[12]>>4)*4
	switch {
	case len(b) >= 20 && b[12]>>4 < 5:
		return wire.FaultTCPOffsetSmall
	case !whole && s.more:
		return wire.FaultTinyFragment
	case len(b) < 20:
		return wire.FaultShortTCP
	case !whole:
		return wire.FaultTCPOffsetBeyond
	}
	s.sport, s.dport, s.flags = word(b, 0, 2), word(b, 2, 2), int(b[13])
	return wire.FaultNone
}

func (s *slow) udp(b []byte) wire.Fault {
	switch {
	case len(b) < 8:
		return wire.FaultShortUDP
	case word(b, 4, 2) < 8:
		return wire.FaultUDPLengthSmall
	case word(b, 4, 2) > len(b) && !s.more:
		return wire.FaultUDPLengthBeyond
	}
	s.sport, s.dport = word(b, 0, 2), word(b, 2, 2)
	return wire.FaultNone
}

func (s *slow) sctp(b []byte) wire.Fault {
	if len(b) < 16 {
		return wire.FaultShortSCTP
	}
	s.sport, s.dport = word(b, 0, 2), word(b, 2, 2)
	switch n := word(b, 14, 2); {
	case n < 4:
		return wire.FaultSCTPChunkSmall
	case 12+n > len(b) && !s.more:
		return wire.FaultSCTPChunkBeyond
	}
	return wire.FaultNone
}

// offload lists the few headers that are right for each packet.
func (s *slow) offload(o wire.Offload) wire.Fault {
	kind := int(o.GSOType) & 0x7f
	if o.Flags&1 == 0 && kind == 0 {
		return wire.FaultNone
	}
	fields := map[int]int{6: 16, 17: 6, 132: 8}
	tcp := 1
	if s.etherType == 0x86dd {
		fields[58], tcp = 2, 4
	}
	field, known := fields[s.proto]
	if s.more || s.fragOff > 0 || !known {
		return wire.FaultOffload
	}
	kinds := map[int]map[int]bool{6: {tcp: true}, 17: {3: true, 5: true}}[s.proto]
	if o.Flags&1 == 1 && (int(o.CsumStart) != s.l4 || int(o.CsumOffset) != field) {
		return wire.FaultOffload
	}
	if kind != 0 && (!kinds[kind] || o.GSOSize == 0) {
		return wire.FaultOffload
	}
	return wire.FaultNone
}
