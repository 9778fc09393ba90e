package forward

import (
	"encoding/binary"

	"ulvs/wire"
)

// FinishChecksum completes a partial checksum in place, as the device would
// have: the field holds the pseudo-header sum, so the sum of the transport
// header and payload, complemented, is the checksum; SCTP's is a CRC32c. Afterwards p asks nothing
// of the device. A finished checksum is left alone. It reports false, with p
// unchanged, if p is a super-frame: each of its segments needs its own.
func FinishChecksum(p *wire.Packet) bool {
	if p.Offload.GSO() != wire.GSONone {
		return false
	}
	if !p.Offload.Partial() {
		return true
	}
	l4 := p.Transport()
	switch p.Proto {
	case wire.ProtoTCP:
		putTransport(l4[wire.TCPChecksumOffset:], p.Proto, wire.Checksum(l4, 0))
	case wire.ProtoUDP:
		l4 = l4[:min(len(l4), p.UDP().Length())]
		putTransport(l4[wire.UDPChecksumOffset:], p.Proto, wire.Checksum(l4, 0))
	case wire.ProtoSCTP:
		finishSCTP(p)
	case wire.ProtoICMPv6:
		putTransport(l4[wire.ICMP6ChecksumOffset:], p.Proto, wire.Checksum(l4, 0))
	}
	p.Offload = wire.Offload{}
	return true
}

// putTransport writes a finished TCP or UDP checksum. Only UDP has the zero
// rule (RFC 768). For TCP all ones would be as valid to a receiver, and Linux
// sends it (net/core/dev.c, skb_checksum_help), but who compares instead of
// summing takes it for wrong (RFC 1624 section 3).
func putTransport(field []byte, proto uint8, sum uint16) {
	if proto == wire.ProtoUDP {
		sum = wire.UDPZero(sum)
	}
	binary.BigEndian.PutUint16(field, sum)
}
