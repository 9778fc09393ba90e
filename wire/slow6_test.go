package wire_test

import (
	"net/netip"

	"ulvs/wire"
	"ulvs/wire/wiretest"
)

// ip6 is the IPv6 part of slowParse: it first cuts the packet into its headers
// and then judges them in order.
func (s *slow) ip6(b []byte, o wire.Offload) wire.Fault {
	if len(b) < 40 {
		return wire.FaultShortIP
	}
	total := 40 + word(b, 4, 2)
	src, dst := netip.AddrFrom16([16]byte(b[8:24])), netip.AddrFrom16([16]byte(b[24:40]))
	switch {
	case b[0]>>4 != 6:
		return wire.FaultIPVersion
	case total > len(b):
		return wire.FaultTotalBeyond
	case total == 40 && b[6] == 0:
		return wire.FaultJumbogram
	case src.Is4In6() || dst.Is4In6():
		return wire.FaultMappedAddress
	}
	s.ipEnd, s.ttl, s.proto, s.src, s.dst = 14+total, int(b[7]), int(b[6]), src, dst
	if src == netip.IPv6Unspecified() { // which the Packet has as "unset"
		s.src = netip.Addr{}
	}
	if dst == netip.IPv6Unspecified() {
		s.dst = netip.Addr{}
	}
	rest, fault := s.headers6(b[:total], b[40:total])
	if fault != wire.FaultNone {
		return fault
	}
	if s.fragOff > 0 {
		return s.offload(o)
	}
	s.l4 = 14 + total - len(rest)
	if fault := s.transport6(rest); fault != wire.FaultNone {
		return fault
	}
	return s.offload(o)
}

// headers6 takes the extension headers off b.
func (s *slow) headers6(packet, b []byte) (rest []byte, fault wire.Fault) {
	fragments := 0
	for n := 1; s.proto == 0 || s.proto == 43 || s.proto == 44 || s.proto == 60; n++ {
		size := 8
		if len(b) >= 8 && s.proto != 44 {
			size = 8 * (int(b[1]) + 1)
		}
		switch {
		case n == 9:
			return nil, wire.FaultExtensionCount
		case size > len(b) && s.more:
			return nil, wire.FaultTinyFragment
		case size > len(b):
			return nil, wire.FaultExtensionBeyond
		}
		switch s.proto {
		case 0:
			if n != 1 {
				return nil, wire.FaultExtensionOrder
			}
			fault = slowOptions6(b[2:size])
		case 43:
			if b[3] > 0 {
				return nil, wire.FaultSourceRoute
			}
		case 44:
			if fragments++; fragments > 1 {
				return nil, wire.FaultExtensionOrder
			}
			fault = s.fragment6(b, len(packet)-40-len(b))
		case 60:
			fault = slowOptions6(b[2:size])
		}
		if fault != wire.FaultNone {
			return nil, fault
		}
		s.proto, b = int(b[0]), b[size:]
		if s.fragOff > 0 {
			break
		}
	}
	return b, wire.FaultNone
}

func (s *slow) fragment6(b []byte, before int) wire.Fault {
	size := len(b) - 8
	s.fragOff, s.more = word(b, 2, 2)/8*8, b[3]&1 == 1
	switch {
	case s.more && (size%8 != 0 || size == 0):
		return wire.FaultFragmentLength
	case before+s.fragOff+size > 65535:
		return wire.FaultFragmentBeyond
	case s.fragOff == 8 && b[0] == 6:
		return wire.FaultTCPFragment
	}
	return wire.FaultNone
}

func slowOptions6(o []byte) wire.Fault {
	for i := 0; i < len(o); {
		switch {
		case o[i] == 0:
			i++
		case i+1 == len(o), i+2+int(o[i+1]) > len(o):
			return wire.FaultIPOption
		case o[i] == 0xc2:
			return wire.FaultJumbogram
		default:
			i += 2 + int(o[i+1])
		}
	}
	return wire.FaultNone
}

// transport6 differs in the number of ICMP.
func (s *slow) transport6(b []byte) wire.Fault {
	switch s.proto {
	case 1:
		return wire.FaultNone
	case 58:
		if len(b) < 8 {
			return wire.FaultShortICMP
		}
		s.icmpTyp, s.icmpC = int(b[0]), int(b[1])
		return wire.FaultNone
	}
	return s.transport(b)
}

// extensions is a packet with extension headers of the given kinds, each
// without options.
func extensions(kinds ...uint8) *wire.Packet {
	var opts []wiretest.Option
	for _, k := range kinds {
		opts = append(opts, wiretest.WithExtension(k, 0, 0, 0, 0, 0, 0))
	}
	return wiretest.UDP(flow6, wiretest.Payload(20), opts...)
}
