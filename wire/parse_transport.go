package wire

import "encoding/binary"

// parseTransport decodes the transport header of an unfragmented packet or of
// a first fragment. b is the IP payload.
func parseTransport(p *Packet, proto uint8, b []byte) Fault {
	var fault Fault
	switch proto {
	case ProtoTCP:
		fault = parseTCP(p, b)
	case ProtoUDP:
		fault = parseUDP(p, b)
	case ProtoICMP:
		fault = parseICMP(p, b)
	case ProtoSCTP:
		fault = parseSCTP(p, b)
	}
	if fault == FaultNone && p.Offload.Flags&NeedsCsum|p.Offload.GSOType != 0 {
		return checkOffload(p)
	}
	return fault
}

// parseTCP decodes a TCP header. Odd combinations of flags are not faults: the
// state machine has rows for them.
func parseTCP(p *Packet, b []byte) Fault {
	if len(b) < TCPLen {
		return shortTCP(p)
	}
	p.setPorts(b)
	p.TCPFlags = b[13]
	n := int(b[12]>>4) * 4
	if n < TCPLen {
		return FaultTCPOffsetSmall
	}
	if n > len(b) {
		return beyondTCP(p)
	}
	return FaultNone
}

// shortTCP names a TCP header cut off within its fixed part.
func shortTCP(p *Packet) Fault {
	if p.MoreFrags {
		return FaultTinyFragment
	}
	return FaultShortTCP
}

// beyondTCP names a TCP header cut off within its options.
func beyondTCP(p *Packet) Fault {
	if p.MoreFrags {
		return FaultTinyFragment
	}
	return FaultTCPOffsetBeyond
}

// parseUDP decodes a UDP header. A length below the IP payload is allowed
// (RFC 768 does not forbid it), and in a first fragment it is that of the
// whole datagram.
func parseUDP(p *Packet, b []byte) Fault {
	if len(b) < UDPLen {
		return FaultShortUDP
	}
	p.setPorts(b)
	n := UDP(b).Length()
	if n < UDPLen {
		return FaultUDPLengthSmall
	}
	if n > len(b) && !p.MoreFrags {
		return FaultUDPLengthBeyond
	}
	return FaultNone
}

// parseICMP decodes an ICMP header.
func parseICMP(p *Packet, b []byte) Fault {
	if len(b) < ICMPLen {
		return FaultShortICMP
	}
	p.ICMPType, p.ICMPCode = b[0], b[1]
	return FaultNone
}

// setPorts decodes the ports, which TCP, UDP and SCTP have in one place.
func (p *Packet) setPorts(b []byte) {
	p.SrcPort = binary.BigEndian.Uint16(b[0:])
	p.DstPort = binary.BigEndian.Uint16(b[2:])
}

// checkOffload holds the virtio-net header against the packet: a checksum left
// to the device must be that of the transport header found here, and a
// super-frame of its protocol. Anything else (an inner packet's checksum, a
// guest's lie) would be spoilt by a rewrite.
func checkOffload(p *Packet) Fault {
	if p.Offload.Partial() && !partialMatches(p) {
		return FaultOffload
	}
	if p.Offload.GSO() != GSONone && !gsoMatches(p) {
		return FaultOffload
	}
	return FaultNone
}

// partialMatches reports whether the partial checksum is that of p's TCP, UDP
// SCTP or ICMPv6 header, in a packet that is not a fragment.
func partialMatches(p *Packet) bool {
	if p.MoreFrags || int(p.Offload.CsumStart) != p.L4-p.Start {
		return false
	}
	switch p.Proto {
	case ProtoTCP:
		return p.Offload.CsumOffset == TCPChecksumOffset
	case ProtoUDP:
		return p.Offload.CsumOffset == UDPChecksumOffset
	case ProtoSCTP:
		return p.Offload.CsumOffset == SCTPChecksumOffset
	case ProtoICMPv6:
		return p.Offload.CsumOffset == ICMP6ChecksumOffset && p.EtherType == EtherTypeIPv6
	}
	return false
}

// gsoMatches reports whether p is a super-frame of its own protocol.
func gsoMatches(p *Packet) bool {
	if p.MoreFrags || p.Offload.GSOSize == 0 {
		return false
	}
	switch p.Offload.GSO() {
	case GSOTCPv4:
		return p.Proto == ProtoTCP && p.EtherType == EtherTypeIPv4
	case GSOTCPv6:
		return p.Proto == ProtoTCP && p.EtherType == EtherTypeIPv6
	case GSOUDP, GSOUDPL4:
		return p.Proto == ProtoUDP
	}
	return false
}
