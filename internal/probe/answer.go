package probe

import (
	"encoding/binary"
	"time"

	"ulvs/wire"
)

// Kind is what an answer says.
type Kind uint8

// Kinds of answers.
const (
	Resolved    Kind = iota + 1 // I have that address
	Accepted                    // SYN-ACK
	Refused                     // RST
	TTLExceeded                 // ICMP: the TTL was used up before
	TooBig                      // ICMP: the packet does not fit
	Unreachable                 // ICMP: any other reason
)

// Answer is one frame that answers a question.
type Answer struct {
	Interface int // it came in by
	At        time.Time
	After     time.Duration // the question was sent
	Kind      Kind
	From      wire.MAC
	Addr      wire.Addr // ARP and neighbours: the address asked for; else the source
	Port      uint16    // that the SYN came from
	Ack       uint32    // of a SYN-ACK
	MTU       int       // that TooBig tells, 0 if none
	Code      uint8     // of ICMP
}

// answerOf reads a frame. It reports false if it is no answer.
func answerOf(p *wire.Packet) (a Answer, ok bool) {
	if wire.Parse(p) != wire.FaultNone {
		return a, false
	}
	a.From, a.Addr = p.Ethernet().Src(), p.Src
	switch {
	case p.EtherType == wire.EtherTypeARP:
		a.Kind, a.Addr = Resolved, wire.AddrFrom4(p.ARP().SenderIP())
		return a, p.ARP().Op() == wire.ARPReply
	case p.EtherType != wire.EtherTypeIPv4 && !p.Is6() || p.L4 == 0 || p.IsFragment():
		return a, false
	case wire.IsNDP(p):
		n, sound := wire.ReadNDP(p)
		a.Kind, a.Addr = Resolved, n.Target
		return a, sound && n.Type == wire.ICMP6NeighbourAnswer
	case p.Proto == wire.ProtoTCP:
		return a.ofTCP(p)
	case p.Proto == wire.ProtoICMP:
		return a.ofICMP(p.ICMPType, p.ICMPCode, int(p.ICMPv4().MTU()), p.ICMPv4().Payload(), kinds4)
	case p.Proto == wire.ProtoICMPv6:
		return a.ofICMP(p.ICMPType, 0, int(p.ICMPv6().MTU()), p.ICMPv6().Payload(), kinds6)
	}
	return a, false
}

// ofTCP reads a segment.
func (a Answer) ofTCP(p *wire.Packet) (Answer, bool) {
	a.Port, a.Ack = p.DstPort, p.TCP().AckNum()
	switch f := p.TCPFlags; {
	case f&wire.RST != 0:
		a.Kind = Refused
	case f&(wire.SYN|wire.ACK) == wire.SYN|wire.ACK:
		a.Kind = Accepted
	default:
		return a, false
	}
	return a, true
}

// The errors by their types.
var (
	kinds4 = map[uint8]Kind{wire.ICMPUnreachable: Unreachable, wire.ICMPTimeExceeded: TTLExceeded}
	kinds6 = map[uint8]Kind{wire.ICMP6Unreachable: Unreachable, wire.ICMP6TimeExceeded: TTLExceeded, wire.ICMP6TooBig: TooBig}
)

// ofICMP reads an error and the packet that it quotes.
func (a Answer) ofICMP(typ, code uint8, mtu int, quote []byte, kinds map[uint8]Kind) (Answer, bool) {
	a.Kind, a.Code = kinds[typ], code
	if a.Kind == Unreachable && typ == wire.ICMPUnreachable && code == wire.ICMPFragNeeded {
		a.Kind = TooBig
	}
	if a.Kind == TooBig {
		a.MTU = mtu
	}
	var ok bool
	a.Port, ok = quotedPort(quote, 0)
	return a, ok && a.Kind != 0
}

// quotedPort finds the source port of the TCP segment within a quoted packet,
// which may be one tunnel deep.
func quotedPort(b []byte, depth int) (uint16, bool) {
	proto, rest, ok := quotedIP(b)
	if !ok {
		return 0, false
	}
	if proto == wire.ProtoTCP {
		if len(rest) < 4 {
			return 0, false
		}
		return binary.BigEndian.Uint16(rest), true
	}
	if depth > 0 {
		return 0, false
	}
	switch proto {
	case wire.ProtoGRE:
		if len(rest) < wire.GREChecksumLen {
			return 0, false
		}
		n, _, _, ok := wire.ParseGRE(rest)
		return quotedDeeper(rest, n, ok)
	case wire.ProtoUDP:
		if len(rest) < wire.UDPLen+wire.GUELen {
			return 0, false
		}
		n, _, ok := wire.ParseGUE(rest[wire.UDPLen:])
		return quotedDeeper(rest, wire.UDPLen+n, ok)
	case wire.ProtoIPIP, wire.ProtoIPv6:
		return quotedPort(rest, depth+1)
	}
	return 0, false
}

// quotedDeeper is quotedPort behind a tunnel's own header of n bytes.
func quotedDeeper(b []byte, n int, ok bool) (uint16, bool) {
	if !ok || n > len(b) {
		return 0, false
	}
	return quotedPort(b[n:], 1)
}

// quotedIP takes an IP header off.
func quotedIP(b []byte) (proto uint8, rest []byte, ok bool) {
	if len(b) < wire.IPv4Len {
		return 0, nil, false
	}
	switch b[0] >> 4 {
	case 4:
		h := wire.IPv4(b)
		if n := h.HeaderLen(); n >= wire.IPv4Len && n <= len(b) {
			return h.Protocol(), b[n:], true
		}
	case 6:
		if len(b) >= wire.IPv6Len {
			return wire.IPv6(b).NextHeader(), b[wire.IPv6Len:], true
		}
	}
	return 0, nil, false
}
