package explain

import (
	"encoding/binary"

	"ulvs/dataplane/memport"
	"ulvs/wire"
)

// frame makes the packet of words, complete with checksums but for the hardware
// addresses.
func (w *Words) frame() memport.Frame {
	l4 := w.transport()
	head := w.ipHeader(len(l4))
	f := make([]byte, wire.EthernetLen, wire.EthernetLen+len(head)+len(l4))
	wire.Ethernet(f).SetEtherType(wire.EtherTypeIPv4)
	if w.Src.Addr().Is6() {
		wire.Ethernet(f).SetEtherType(wire.EtherTypeIPv6)
	}
	return memport.Frame{Data: append(append(f, head...), l4...), Offload: superFrame(w.Proto, w.Src.Addr().Is6(), len(head)+len(l4))}
}

// segmentSize is the payload of a super-frame's segments: what fits with the
// longest usual headers.
const segmentSize = 1400

// superFrame is what a device says of a packet of n bytes, which it has put
// together if the link cannot have carried it.
func superFrame(proto uint8, six bool, n int) (o wire.Offload) {
	if n <= linkMTU || proto != wire.ProtoTCP {
		return o
	}
	o.GSOType, o.GSOSize = wire.GSOTCPv4, segmentSize
	if six {
		o.GSOType = wire.GSOTCPv6
	}
	return o
}

// ipHeader is that of a packet with so many bytes behind it.
func (w *Words) ipHeader(n int) []byte {
	if w.Src.Addr().Is6() {
		h := make([]byte, wire.IPv6Len)
		v := wire.IPv6Header{PayloadLen: n, NextHeader: w.Proto, HopLimit: w.TTL, Src: wire.AddrFrom(w.Src.Addr()), Dst: wire.AddrFrom(w.Dst.Addr())}
		v.Put(h)
		return h
	}
	h := make(wire.IPv4, wire.IPv4Len)
	h[0] = 0x45
	h.SetTotalLen(len(h) + n)
	h.SetID(1)
	h.SetFragment(w.DF, false, 0)
	h.SetTTL(w.TTL)
	h.SetProtocol(w.Proto)
	h.SetSrc(w.Src.Addr().As4())
	h.SetDst(w.Dst.Addr().As4())
	h.FillChecksum()
	return h
}

// transport makes the transport header and payload.
func (w *Words) transport() []byte {
	switch w.Proto {
	case wire.ProtoTCP:
		return w.tcp()
	case wire.ProtoUDP:
		return w.udp()
	case wire.ProtoSCTP:
		return w.sctp()
	}
	return w.echo()
}

// payload is n bytes behind a header.
func (w *Words) payload(header []byte) []byte { return append(header, make([]byte, w.Payload)...) }

func (w *Words) ports(b []byte) []byte {
	binary.BigEndian.PutUint16(b, w.Src.Port())
	binary.BigEndian.PutUint16(b[2:], w.Dst.Port())
	return b
}

// sum is the checksum over b and its pseudo-header.
func (w *Words) sum(b []byte) uint16 {
	return wire.Checksum(b, wire.PseudoSum(wire.AddrFrom(w.Src.Addr()), wire.AddrFrom(w.Dst.Addr()), w.Proto, len(b)))
}

func (w *Words) tcp() []byte {
	b := wire.TCP(w.payload(w.ports(make([]byte, wire.TCPLen))))
	b.SetSeq(1000)
	b.SetHeaderLen(wire.TCPLen)
	b.SetFlags(w.Flags)
	b.SetWindow(64240)
	b.SetChecksum(w.sum(b))
	return b
}

func (w *Words) udp() []byte {
	b := wire.UDP(w.payload(w.ports(make([]byte, wire.UDPLen))))
	b.SetLength(len(b))
	b.SetChecksum(wire.UDPZero(w.sum(b)))
	return b
}

// sctp makes a packet of one chunk: INIT and INIT-ACK with their fields (RFC
// 9260 section 3.3.2), of any other the header and the payload.
func (w *Words) sctp() []byte {
	chunk := []byte{w.Chunk, 0, 0, 4}
	if w.Chunk == wire.SCTPInit || w.Chunk == wire.SCTPInitAck {
		chunk = append(chunk, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1)
	}
	chunk = w.payload(chunk)
	binary.BigEndian.PutUint16(chunk[2:], uint16(len(chunk)))
	for len(chunk)%4 != 0 {
		chunk = append(chunk, 0)
	}
	b := wire.SCTP(append(w.ports(make([]byte, wire.SCTPLen)), chunk...))
	if w.Chunk != wire.SCTPInit {
		b[7] = 1
	}
	b.FillChecksum()
	return b
}

// echo makes an echo request.
func (w *Words) echo() []byte {
	b := w.payload([]byte{wire.ICMPEcho, 0, 0, 0, 0, 1, 0, 1})
	if w.Proto == wire.ProtoICMPv6 {
		b[0] = wire.ICMP6Echo
		wire.ICMPv6(b).FillChecksum(wire.AddrFrom(w.Src.Addr()), wire.AddrFrom(w.Dst.Addr()))
		return b
	}
	wire.ICMPv4(b).FillChecksum()
	return b
}
