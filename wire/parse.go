package wire

import "encoding/binary"

// Parse decodes the frame p.Buf[p.Start:p.End] into p's parsed fields and
// returns FaultNone, or says what is wrong with it. It reads nothing outside
// the frame. All parsed fields are set whatever the result; after a fault they
// hold what was decoded before it and zero else.
//
// Preconditions: 0 <= p.Start <= p.End <= len(p.Buf).
//
// What is checked is what later stages rely on: after FaultNone the IP header
// with its options lies in the frame and verifies, L3 is Start+EthernetLen,
// IPEnd is at most End, and of the first or only fragment the whole TCP, UDP,
// ICMP or SCTP header lies before IPEnd, with SCTP that of a chunk too. Transport checksums are not verified:
// ip_vs forwards wrong ones, too.
func Parse(p *Packet) Fault {
	p.clear()
	f := p.Buf[p.Start:p.End]
	if p.Clipped {
		return FaultClipped
	}
	if len(f) < EthernetLen {
		return FaultShortEthernet
	}
	p.EtherType = binary.BigEndian.Uint16(f[12:])
	p.L3 = p.Start + EthernetLen
	if p.EtherType == EtherTypeIPv4 {
		return parseIPv4(p, f[EthernetLen:])
	}
	return parseOther(p, f[EthernetLen:])
}

// clear zeroes what Parse may leave unset.
func (p *Packet) clear() {
	p.EtherType, p.L3, p.L4, p.IPEnd = 0, 0, 0, 0
	p.Src = Addr{}
	p.Dst = Addr{}
	p.SrcPort, p.DstPort, p.FragOff, p.MoreFrags = 0, 0, 0, false
	p.Proto, p.TTL, p.TCPFlags, p.ICMPType, p.ICMPCode = 0, 0, 0, 0, 0
}

// parseOther handles frames that do not hold IPv4.
func parseOther(p *Packet, b []byte) Fault {
	switch p.EtherType {
	case EtherTypeARP:
		return parseARP(p, b)
	case EtherTypeIPv6:
		return parseIPv6(p, b)
	case EtherTypeVLAN, EtherTypeQinQ:
		return FaultStackedVLAN
	}
	return FaultEtherType
}

// parseARP decodes an ARP body.
func parseARP(p *Packet, b []byte) Fault {
	if len(b) < ARPLen {
		return FaultShortARP
	}
	if !ARP(b).EthernetIPv4() {
		return FaultARPFormat
	}
	p.IPEnd = p.L3 + ARPLen
	return FaultNone
}

// parseIPv4 decodes an IP header and what it carries. b runs to the end of the
// frame.
func parseIPv4(p *Packet, b []byte) Fault {
	if len(b) < IPv4Len {
		return FaultShortIP
	}
	h := IPv4(b)
	total := h.TotalLen()
	hlen := IPv4Len
	if h[0] == 4<<4|IPv4Len/4 && total >= IPv4Len && total <= len(b) {
		if !headerSumOK((*[IPv4Len]byte)(b)) {
			return FaultIPChecksum
		}
	} else {
		if fault := checkIPv4(h); fault != FaultNone {
			return fault
		}
		hlen = h.HeaderLen()
	}
	p.IPEnd = p.L3 + total
	p.TTL, p.Proto = h.TTL(), h.Protocol()
	p.Src = AddrFromV4(binary.LittleEndian.Uint32(h[12:]))
	p.Dst = AddrFromV4(binary.LittleEndian.Uint32(h[16:]))
	if h.flags()&(ipv4MF|ipv4FragMask) != 0 {
		if fault := parseFragment(p, h, total-hlen); fault != FaultNone || p.FragOff != 0 {
			return fault
		}
	}
	p.L4 = p.L3 + hlen
	return parseTransport(p, h.Protocol(), b[hlen:total])
}

// checkIPv4 finds what is wrong with a header that has options or bad lengths.
func checkIPv4(h IPv4) Fault {
	hlen, total := h.HeaderLen(), h.TotalLen()
	switch {
	case h.Version() != 4:
		return FaultIPVersion
	case hlen < IPv4Len:
		return FaultIHLSmall
	case hlen > len(h):
		return FaultIHLBeyond
	case total < hlen:
		return FaultTotalSmall
	case total > len(h):
		return FaultTotalBeyond
	case !h.ChecksumOK():
		return FaultIPChecksum
	}
	return checkOptions(h.Options())
}

// IPv4 options that Parse knows (RFC 791 section 3.1).
const (
	optEnd  = 0
	optNop  = 1
	optLSRR = 131
	optSSRR = 137
)

// checkOptions walks the options. Every step takes at least one byte, so the
// walk ends within the 40 there can be.
func checkOptions(o []byte) Fault {
	for len(o) > 0 && o[0] != optEnd {
		if o[0] == optNop {
			o = o[1:]
			continue
		}
		if len(o) < 2 || o[1] < 2 || int(o[1]) > len(o) {
			return FaultIPOption
		}
		if o[0] == optLSRR || o[0] == optSSRR {
			return FaultSourceRoute
		}
		o = o[o[1]:]
	}
	return FaultNone
}

// parseFragment decodes the fragment fields. size is the IP payload in bytes.
func parseFragment(p *Packet, h IPv4, size int) Fault {
	off := h.FragOff()
	p.FragOff, p.MoreFrags = uint16(off), h.MoreFrags()
	switch {
	case p.MoreFrags && (size == 0 || size%8 != 0):
		return FaultFragmentLength
	case h.HeaderLen()+off+size > 0xffff:
		return FaultFragmentBeyond
	case p.Proto == ProtoTCP && off == 8:
		return FaultTCPFragment
	case off != 0 && (p.Offload.Partial() || p.Offload.GSO() != GSONone):
		return FaultOffload
	}
	return FaultNone
}
