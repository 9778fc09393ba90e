package forward

import (
	"encoding/binary"

	"ulvs/wire"
)

// What wire.Packet.Plain accepts is rewritten here in fewer steps than by the
// functions for all packets, to the same bytes. Sums are kept in memory's byte
// order: ones' complement does not mind (RFC 1071 section 2 B).

// Offsets in a plain frame.
const (
	plainIP  = wire.EthernetLen
	plainL4  = wire.EthernetLen + wire.IPv4Len
	plainLen = plainL4 + wire.TCPLen
)

// ttlLess is what one less in the TTL adds to a sum: the low byte of its word.
const ttlLess = 0xfffe

// PlainTTL takes one from the TTL of a plain packet.
func PlainTTL(p *wire.Packet) {
	f := (*[plainLen]byte)(p.Buf[p.Start:p.End])
	f[plainIP+8]--
	update(f[plainIP+10:], ttlLess)
}

// PlainNATInbound is DecrementTTL and NATInbound for a plain packet that has a
// checksum: addr is as Addr.V4, port in host order.
func PlainNATInbound(p *wire.Packet, v *wire.Plain, addr uint32, port uint16) {
	f := (*[plainLen]byte)(p.Buf[p.Start:p.End])
	binary.LittleEndian.PutUint32(f[plainIP+16:], addr)
	binary.BigEndian.PutUint16(f[plainL4+2:], port)
	plainSums(p, f, v.Proto, uint64(^v.Dst)+uint64(addr), uint64(swap(^v.DstPort))+uint64(swap(port)))
}

// PlainNATOutbound is DecrementTTL and NATOutbound likewise.
func PlainNATOutbound(p *wire.Packet, v *wire.Plain, addr uint32, port uint16) {
	f := (*[plainLen]byte)(p.Buf[p.Start:p.End])
	binary.LittleEndian.PutUint32(f[plainIP+12:], addr)
	binary.BigEndian.PutUint16(f[plainL4:], port)
	plainSums(p, f, v.Proto, uint64(^v.Src)+uint64(addr), uint64(swap(^v.SrcPort))+uint64(swap(port)))
}

// HasNoChecksum reports whether a plain packet is a datagram whose sender left
// the checksum out.
func HasNoChecksum(p *wire.Packet, v *wire.Plain) bool {
	return v.Proto == wire.ProtoUDP && p.Buf[p.Start+plainL4+6]|p.Buf[p.Start+plainL4+7] == 0
}

// plainSums carries the changes of the TTL, one address and one port over to
// both checksums.
func plainSums(p *wire.Packet, f *[plainLen]byte, proto uint8, addr, port uint64) {
	f[plainIP+8]--
	update(f[plainIP+10:], addr+ttlLess)
	at := plainL4 + wire.TCPChecksumOffset
	if proto == wire.ProtoUDP {
		at = plainL4 + wire.UDPChecksumOffset
	}
	if p.Offload.Partial() { // of the addresses, and not complemented
		binary.LittleEndian.PutUint16(f[at:], wire.Fold(uint64(binary.LittleEndian.Uint16(f[at:]))+addr))
		return
	}
	sum := ^wire.Fold(uint64(^binary.LittleEndian.Uint16(f[at:])) + addr + port)
	if proto == wire.ProtoUDP {
		sum = wire.UDPZero(sum)
	}
	binary.LittleEndian.PutUint16(f[at:], sum)
}

// update changes a finished checksum by delta (RFC 1624).
func update(field []byte, delta uint64) {
	sum := binary.LittleEndian.Uint16(field)
	binary.LittleEndian.PutUint16(field, ^wire.Fold(uint64(^sum)+delta))
}

func swap(v uint16) uint16 { return v<<8 | v>>8 }
