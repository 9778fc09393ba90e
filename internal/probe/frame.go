package probe

import (
	"ulvs/forward"
	"ulvs/wire"
)

// WhoHas asks on an interface who has an address, by ARP or by a neighbour
// solicitation. sender is the asker's own address there; without one nobody
// learns anything from the request (RFC 5227 section 1.1, an ARP probe; RFC
// 4862 section 5.4.2), and an ARP probe of 0.0.0.0 is answered all the same.
func WhoHas(i Interface, sender, target wire.Addr) Question {
	q := Question{Interface: i.Index, Key: Key{Interface: i.Index, Addr: target}}
	if target.Is4() {
		if sender.IsZero() {
			sender = wire.AddrFrom4([4]byte{})
		}
		q.Frame = wire.BuildARP(make([]byte, wire.ARPFrameLen), wire.ARPRequest, i.MAC, sender, wire.Broadcast, target)
		return q
	}
	n := wire.Neighbour{Type: wire.ICMP6NeighbourAsk, Target: target}
	if !sender.IsZero() {
		n.MAC = i.MAC
	}
	group := wire.SolicitedNode(target)
	q.Frame = wire.BuildNDP(make([]byte, wire.NDPFrameLen), &n, i.MAC, sender, wire.GroupMAC(group), group)
	return q
}

// SYN is a question whether a TCP server answers.
type SYN struct {
	Interface Interface
	To        wire.MAC // of the next hop
	Src, Dst  wire.Addr
	SrcPort   uint16 // of Prober.Port
	DstPort   uint16
	TTL       uint8 // as it leaves; within the tunnel if there is one
	// Tunnel and Outer, its source, put it into a tunnel.
	Tunnel *forward.Tunnel
	Outer  wire.Addr
	// Size is the length in bytes of the outermost IP packet, to which the
	// segment is filled up with data, which a server without TCP Fast Open
	// ignores; 0: no data. It must not be cut (DF).
	Size int
}

// sequence is the first sequence number; nobody is to guess it, for nothing
// comes of it.
const sequence = 0x756c7673

// tunnelTTL is the TTL of a tunnel's outer header (RFC 1122 section 3.2.1.7
// leaves it to us).
const tunnelTTL = 64

// Question makes the frame and what ends the connection again.
func (s SYN) Question() Question {
	return Question{
		Interface: s.Interface.Index, Key: Key{Port: s.SrcPort},
		Frame: s.frame(wire.SYN, sequence),
		Reset: func(ack uint32) []byte {
			r := s
			r.Size = 0
			return r.frame(wire.RST, ack)
		},
	}
}

// frame makes a segment without options.
func (s SYN) frame(flags uint8, seq uint32) []byte {
	header := wire.IPv4Len
	if !s.Dst.Is4() {
		header = wire.IPv6Len
	}
	length, overhead := header+wire.TCPLen, 0
	if s.Tunnel != nil {
		overhead = s.Tunnel.Overhead()
	}
	length = max(length, s.Size-overhead)
	buf := make([]byte, wire.Headroom+wire.EthernetLen+length)
	e := wire.Ethernet(buf[wire.Headroom:])
	e.SetDst(s.To)
	e.SetSrc(s.Interface.MAC)
	ip := e.Payload()
	if s.Dst.Is4() {
		e.SetEtherType(wire.EtherTypeIPv4)
		h := wire.IPv4Header{TotalLen: length, DF: true, TTL: s.TTL, Protocol: wire.ProtoTCP, Src: s.Src.As4(), Dst: s.Dst.As4()}
		h.Put(ip)
	} else {
		e.SetEtherType(wire.EtherTypeIPv6)
		h := wire.IPv6Header{PayloadLen: length - header, NextHeader: wire.ProtoTCP, HopLimit: s.TTL, Src: s.Src, Dst: s.Dst}
		h.Put(ip)
	}
	s.putTCP(wire.TCP(ip[header:]), flags, seq)
	if s.Tunnel == nil {
		return buf[wire.Headroom:]
	}
	return s.encapsulated(buf)
}

// putTCP writes the segment, whose data is zero already.
func (s SYN) putTCP(t wire.TCP, flags uint8, seq uint32) {
	t.SetSrcPort(s.SrcPort)
	t.SetDstPort(s.DstPort)
	t.SetSeq(seq)
	t.SetHeaderLen(wire.TCPLen)
	t.SetFlags(flags)
	t.SetWindow(1024)
	t.SetChecksum(wire.Checksum(t, wire.PseudoSum(s.Src, s.Dst, wire.ProtoTCP, len(t))))
}

// encapsulated puts the frame behind the headroom of buf into the tunnel, as
// the director does, but with a TTL of its own outside.
func (s SYN) encapsulated(buf []byte) []byte {
	p := wire.Packet{Buf: buf, Start: wire.Headroom, End: len(buf)}
	if wire.Parse(&p) != wire.FaultNone || !s.Tunnel.Encap(&p, s.Outer, 0, true) {
		return nil // longer than an IP packet: Size is at most an MTU
	}
	frame := p.Frame()
	ip := frame[wire.EthernetLen:]
	if ip[0]>>4 == 6 {
		wire.IPv6(ip).SetHopLimit(tunnelTTL)
		return frame
	}
	h := wire.IPv4(ip)
	h.SetTTL(tunnelTTL)
	h.FillChecksum()
	return frame
}
