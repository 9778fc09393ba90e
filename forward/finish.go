package forward

import (
	"encoding/binary"

	"ulvs/wire"
)

// FinishChecksum completes a partial checksum in place, as the device would
// have: the field holds the pseudo-header sum, so the sum of the transport
// header and payload, complemented, is the checksum. Afterwards p asks nothing
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
		putTransport(l4[wire.TCPChecksumOffset:], wire.Checksum(l4, 0))
	case wire.ProtoUDP:
		l4 = l4[:min(len(l4), p.UDP().Length())]
		putTransport(l4[wire.UDPChecksumOffset:], wire.Checksum(l4, 0))
	}
	p.Offload = wire.Offload{}
	return true
}

// putTransport writes a finished TCP or UDP checksum. A computed zero becomes
// all ones: for UDP it must (RFC 768), for TCP the two mean the same and the
// kernel sends it so (net/core/dev.c, skb_checksum_help).
func putTransport(field []byte, sum uint16) {
	binary.BigEndian.PutUint16(field, wire.UDPZero(sum))
}
