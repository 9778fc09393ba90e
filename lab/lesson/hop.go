package lesson

import (
	"fmt"
	"net/netip"
	"strings"

	"ulvs/lab"
	"ulvs/wire"
)

// Hop is a packet at one interface of one host.
type Hop struct {
	Host     string
	Out      bool
	From, To wire.MAC
	Src, Dst netip.AddrPort
	Proto    uint8
	Flags    uint8 // of TCP
	TTL      uint8
	Len      int    // of the IP packet, bytes
	ICMP     string // what an ICMP message says
	ARP      string // what an ARP packet says; then there is no IP
	Sender   netip.Addr
	Target   netip.Addr
	Inner    *Hop // what a tunnel's packet carries
}

// decode reads a frame. ok is false for what no lesson is about.
func decode(f lab.Frame) (h Hop, ok bool) {
	p := wire.Packet{Buf: f.Data, End: len(f.Data)}
	fault := wire.Parse(&p)
	e := wire.Ethernet(f.Data)
	h = Hop{Host: f.Host, Out: f.Out, From: e.Src(), To: e.Dst()}
	switch {
	case fault != wire.FaultNone:
		return h, false
	case p.EtherType == wire.EtherTypeARP:
		h.readARP(wire.ARP(e.Payload()))
		return h, true
	case p.EtherType == wire.EtherTypeIPv4:
		h.readIP(&p)
		return h, true
	}
	return h, false
}

func (h *Hop) readARP(a wire.ARP) {
	h.Sender, h.Target = netip.AddrFrom4(a.SenderIP()), netip.AddrFrom4(a.TargetIP())
	if a.Op() == arpReply {
		h.ARP = fmt.Sprintf("ARP %s is at %s", h.Sender, a.SenderMAC())
		return
	}
	h.ARP = fmt.Sprintf("ARP who has %s? tell %s", h.Target, h.Sender)
}

// arpReply is the operation of a reply (RFC 826).
const arpReply = 2

func (h *Hop) readIP(p *wire.Packet) {
	ip := wire.IPv4(p.Buf[p.L3:])
	h.Src = netip.AddrPortFrom(p.Src.Netip(), p.SrcPort)
	h.Dst = netip.AddrPortFrom(p.Dst.Netip(), p.DstPort)
	h.Proto, h.Flags, h.TTL, h.Len = p.Proto, p.TCPFlags, p.TTL, ip.TotalLen()
	switch p.Proto {
	case wire.ProtoIPIP:
		h.Inner = inner(ip.Payload())
	case wire.ProtoICMP:
		h.ICMP = sayICMP(wire.ICMPv4(ip.Payload()))
	}
}

// inner decodes the packet that a tunnel carries.
func inner(b []byte) *Hop {
	frame := append(make([]byte, wire.EthernetLen), b...)
	wire.Ethernet(frame).SetEtherType(wire.EtherTypeIPv4)
	if h, ok := decode(lab.Frame{Data: frame}); ok {
		return &h
	}
	return nil
}

func sayICMP(m wire.ICMPv4) string {
	switch {
	case m.Type() == icmpUnreachable && m.Code() == wire.ICMPFragNeeded:
		return fmt.Sprintf("ICMP too big, MTU %d", m.MTU())
	case m.Type() == icmpUnreachable:
		return fmt.Sprintf("ICMP unreachable, code %d", m.Code())
	}
	return fmt.Sprintf("ICMP type %d", m.Type())
}

// icmpUnreachable is the type of destination unreachable (RFC 792).
const icmpUnreachable = 3

// The flags of TCP (RFC 9293 section 3.1), the low eight.
const (
	flagFIN = 1 << iota
	flagSYN
	flagRST
	flagPSH
	flagACK
)

// flags names those that are set. PSH says nothing here and is left out.
func (h *Hop) flags() string {
	var names []string
	for _, f := range []struct {
		bit  uint8
		name string
	}{{flagSYN, "SYN"}, {flagFIN, "FIN"}, {flagRST, "RST"}, {flagACK, "ACK"}} {
		if h.Flags&f.bit != 0 {
			names = append(names, f.name)
		}
	}
	return strings.Join(names, "+")
}

// row is the hop as a line of a table, its cells with tabs between them.
func (h *Hop) row() string {
	way := "in"
	if h.Out {
		way = "out"
	}
	return fmt.Sprintf("%s\t%s\t%s > %s\t%s", h.Host, way, h.From, h.To, h.what())
}

// what is all but the MACs.
func (h *Hop) what() string {
	switch {
	case h.ARP != "":
		return h.ARP
	case h.ICMP != "":
		return fmt.Sprintf("%s > %s\t%s", h.Src.Addr(), h.Dst.Addr(), h.ICMP)
	case h.Proto == wire.ProtoTCP:
		return fmt.Sprintf("%s > %s\t%s ttl %d, %d bytes", h.Src, h.Dst, h.flags(), h.TTL, h.Len)
	case h.Inner != nil:
		return fmt.Sprintf("%s > %s\t[ %s ] %d bytes", h.Src.Addr(), h.Dst.Addr(), strings.ReplaceAll(h.Inner.what(), "\t", " "), h.Len)
	}
	return fmt.Sprintf("%s > %s\tprotocol %d, %d bytes", h.Src.Addr(), h.Dst.Addr(), h.Proto, h.Len)
}

// A Pick chooses hops.
type Pick func(*Hop) bool

// isSYN chooses the first packets of both sides of a TCP connection, in a
// tunnel or not.
func isSYN(h *Hop) bool {
	return h.Proto == wire.ProtoTCP && h.Flags&flagSYN != 0 || h.Inner != nil && isSYN(h.Inner)
}

// isRequest chooses SYNs from a client.
func isRequest(h *Hop) bool {
	return h.Inner != nil && isRequest(h.Inner) || isSYN(h) && h.Flags&flagACK == 0
}

// at chooses what leaves a host, or comes to it.
func at(host string, out bool, p Pick) Pick {
	return func(h *Hop) bool { return h.Host == host && h.Out == out && p(h) }
}

// arpFor chooses ARP that asks for or tells an address.
func arpFor(a netip.Addr) Pick {
	return func(h *Hop) bool {
		return h.ARP != "" && (h.Target == a && !h.isReply() || h.isReply() && h.Sender == a)
	}
}

func (h *Hop) isReply() bool { return strings.Contains(h.ARP, " is at ") }

// choose returns the hops that p chooses.
func choose(hops []Hop, p Pick) (chosen []Hop) {
	for i := range hops {
		if p(&hops[i]) {
			chosen = append(chosen, hops[i])
		}
	}
	return chosen
}
