package forward

import "ulvs/wire"

// DecrementTTL takes one off the TTL, IPv6's hop limit, and keeps IPv4's header
// checksum right (RFC 1624). The caller has answered packets whose TTL is 1 or
// less with time exceeded. p.TTL stays as received.
func DecrementTTL(p *wire.Packet) {
	if p.Is6() {
		p.Buf[p.L3+7]--
		return
	}
	ip := wire.IPv4(p.Buf[p.L3 : p.L3+wire.IPv4Len : p.L3+wire.IPv4Len])
	ip[8]--
	sum := uint32(ip.Checksum()) + 0x0100
	if sum >= 0xffff {
		sum++ // end-around carry; all ones, the other zero, becomes zero
	}
	ip.SetChecksum(uint16(sum))
}

// SetMACs writes the Ethernet addresses of the next hop.
func SetMACs(p *wire.Packet, src, dst wire.MAC) {
	frame := p.Buf[p.Start : p.Start+12 : p.Start+12]
	*(*wire.MAC)(frame[:6]) = dst // an assignment, for copy calls memmove
	*(*wire.MAC)(frame[6:]) = src
}

// DontFragment reports whether p must not be fragmented: IPv4 with DF set, or
// IPv6 (RFC 8200 section 5).
func DontFragment(p *wire.Packet) bool { return p.Is6() || p.IPv4().DF() }
