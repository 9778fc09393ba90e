package wire

import "encoding/binary"

// Extension headers of IPv6 that Parse walks over (RFC 8200 section 4). All
// others, among them ESP (50), AH (51) and "no next header" (59), end the walk
// as transport protocols do.
const (
	extHopByHop    uint8 = 0
	extRouting     uint8 = 43
	extFragment    uint8 = 44
	extDestination uint8 = 60
)

// maxExtensions is how many extension headers a packet may have. RFC 8200
// section 4.1 knows six places for the kinds walked over here.
const maxExtensions = 8

// extUnit is what extension headers are multiples of, and the length of a
// fragment header, in bytes.
const extUnit = 8

// parseIPv6 decodes an IP header and what it carries. b runs to the end of the
// frame.
func parseIPv6(p *Packet, b []byte) Fault {
	if len(b) < IPv6Len {
		return FaultShortIP
	}
	h := IPv6(b)
	total := IPv6Len + h.PayloadLen()
	switch {
	case h.Version() != 6:
		return FaultIPVersion
	case total > len(b):
		return FaultTotalBeyond
	case total == IPv6Len && h.NextHeader() == extHopByHop:
		return FaultJumbogram
	}
	p.IPEnd = p.L3 + total
	p.TTL, p.Proto = h.HopLimit(), h.NextHeader()
	p.Src, p.Dst = AddrFrom16(h.Src()), AddrFrom16(h.Dst())
	if p.Src.Is4() || p.Dst.Is4() {
		return FaultMappedAddress
	}
	at := IPv6Len
	if isExtension(p.Proto) {
		var fault Fault
		if at, fault = walkExtensions(p, b[:total]); fault != FaultNone || p.FragOff != 0 {
			return fault
		}
	}
	p.L4 = p.L3 + at
	return parseTransport6(p, p.Proto, b[at:total])
}

// isExtension reports whether a next header is one that the walk steps over.
func isExtension(next uint8) bool {
	switch next {
	case extHopByHop, extRouting, extFragment, extDestination:
		return true
	}
	return false
}

// walkExtensions finds the transport header of the packet b behind its
// extension headers, sets p's Proto and fragment fields, and returns the
// transport header's offset in b. Of a fragment other than the first it reads
// no further than the fragment header.
func walkExtensions(p *Packet, b []byte) (at int, fault Fault) {
	at = IPv6Len
	fragment := false
	for count := 0; isExtension(p.Proto); count++ {
		if count == maxExtensions {
			return 0, FaultExtensionCount
		}
		n, fault := stepExtension(p, b, at, fragment)
		if fault != FaultNone {
			return 0, fault
		}
		fragment = fragment || p.Proto == extFragment
		p.Proto = b[at]
		at += n
		if p.FragOff != 0 {
			break
		}
	}
	return at, FaultNone
}

// stepExtension checks the extension header of kind p.Proto at the offset at of
// the packet b and returns its length. fragment tells that there was a fragment
// header before it.
func stepExtension(p *Packet, b []byte, at int, fragment bool) (n int, fault Fault) {
	if len(b)-at < extUnit {
		return 0, beyondExtension(p)
	}
	if p.Proto == extFragment {
		if fragment {
			return 0, FaultExtensionOrder
		}
		return extUnit, parseFragment6(p, b, at)
	}
	n = extUnit * (1 + int(b[at+1]))
	if n > len(b)-at {
		return 0, beyondExtension(p)
	}
	switch {
	case p.Proto == extHopByHop && at != IPv6Len: // RFC 8200 section 4.1
		return 0, FaultExtensionOrder
	case p.Proto == extRouting:
		// A router on the way to somewhere else is not what a load balancer is:
		// the address in the header is not the packet's last (RFC 5095).
		if b[at+3] != 0 {
			return 0, FaultSourceRoute
		}
		return n, FaultNone
	}
	return n, checkOptions6(b[at+2 : at+n])
}

// beyondExtension names an extension header that ends after the packet: all
// headers must be in the first fragment (RFC 7112 section 5).
func beyondExtension(p *Packet) Fault {
	if p.MoreFrags {
		return FaultTinyFragment
	}
	return FaultExtensionBeyond
}

// Options of hop-by-hop and destination headers that Parse knows.
const (
	opt6Pad1  = 0
	opt6Jumbo = 0xc2 // RFC 2675 section 2
)

// checkOptions6 walks the options of a hop-by-hop or destination header (RFC
// 8200 section 4.2). Every step takes at least one byte.
func checkOptions6(o []byte) Fault {
	for len(o) > 0 {
		if o[0] == opt6Pad1 {
			o = o[1:]
			continue
		}
		if len(o) < 2 || 2+int(o[1]) > len(o) {
			return FaultIPOption
		}
		if o[0] == opt6Jumbo {
			return FaultJumbogram
		}
		o = o[2+int(o[1]):]
	}
	return FaultNone
}

// parseFragment6 decodes the fragment header at the offset at of the packet b
// (RFC 8200 section 4.5). One that says that there is but one fragment does not
// make the packet a fragment (RFC 6946).
func parseFragment6(p *Packet, b []byte, at int) Fault {
	field := binary.BigEndian.Uint16(b[at+2:])
	off, size := int(field&^7), len(b)-at-extUnit
	p.FragOff, p.MoreFrags = uint16(off), field&1 != 0
	switch {
	case p.MoreFrags && (size == 0 || size%8 != 0):
		return FaultFragmentLength
	case at-IPv6Len+off+size > 0xffff:
		return FaultFragmentBeyond
	case b[at] == ProtoTCP && off == 8:
		return FaultTCPFragment
	case off != 0 && (p.Offload.Partial() || p.Offload.GSO() != GSONone):
		return FaultOffload
	}
	return FaultNone
}

// parseTransport6 is parseTransport for IPv6. ICMP of the other family is not
// looked into.
func parseTransport6(p *Packet, proto uint8, b []byte) Fault {
	switch proto {
	case ProtoICMP:
		proto = protoNone
	case ProtoICMPv6:
		proto = ProtoICMP // of like header
	}
	return parseTransport(p, proto, b)
}

// UpperIPv6 finds the transport header of b, an IPv6 packet whose end may be
// missing, as errors quote it: its protocol and its offset, at most len(b). It
// reports false if b is no such packet, is a fragment other than the first, or
// ends before the transport header.
func UpperIPv6(b []byte) (proto uint8, at int, ok bool) {
	if len(b) < IPv6Len || IPv6(b).Version() != 6 {
		return 0, 0, false
	}
	b = b[:min(len(b), IPv6Len+IPv6(b).PayloadLen())]
	p := Packet{Proto: IPv6(b).NextHeader()}
	at, fault := walkExtensions(&p, b)
	return p.Proto, at, fault == FaultNone && p.FragOff == 0
}

// protoNone is a protocol that Parse does not look into.
const protoNone uint8 = 59
