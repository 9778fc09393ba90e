package conformance

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"net/netip"
	"strconv"
	"strings"

	"ulvs/wire"
)

// flagLetters are the TCP flags by bit, lowest first.
const flagLetters = "FSRPAUEC"

// protocols are the names that recordings have for IP protocols.
var protocols = map[uint8]string{
	wire.ProtoTCP: "tcp", wire.ProtoUDP: "udp", wire.ProtoSCTP: "sctp", wire.ProtoICMP: "icmp",
	wire.ProtoICMPv6: "icmp6", wire.ProtoIPIP: "ipip", wire.ProtoIPv6: "ip6", wire.ProtoGRE: "gre",
}

// crafted is a packet made from its description.
type crafted struct {
	src, dst netip.AddrPort
	proto    uint8
	flags    string // of TCP
	chunk    uint8  // of SCTP
}

// craft makes the IP packet of a recorded text such as
// "tcp 192.0.2.2:40000>198.51.100.1:80 SA". ev may say that something about it
// is wrong.
func craft(ev, text string) ([]byte, error) {
	c, err := parsePacket(text)
	if err != nil {
		return nil, err
	}
	if strings.Contains(ev, "INIT") {
		c.chunk = 1
	}
	l4, err := c.transport()
	if err != nil {
		return nil, fmt.Errorf("packet %q: %w", text, err)
	}
	return spoilIP(ev, c.ip(c.spoil(ev, l4))), nil
}

// parsePacket reads such a text.
func parsePacket(text string) (c crafted, err error) {
	words := strings.Fields(text)
	if len(words) < 2 {
		return c, fmt.Errorf("packet %q: want PROTOCOL SRC>DST FLAGS", text)
	}
	for number, name := range protocols {
		if name == words[0] {
			c.proto = number
		}
	}
	src, dst, _ := strings.Cut(words[1], ">")
	if c.src, err = parseEnd(src); err == nil {
		c.dst, err = parseEnd(dst)
	}
	if err != nil {
		return c, fmt.Errorf("packet %q: %w", text, err)
	}
	if len(words) > 2 {
		c.flags = words[2]
	}
	return c, nil
}

// parseEnd reads an address with or without a port.
func parseEnd(s string) (netip.AddrPort, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		return netip.AddrPortFrom(a, 0), nil
	}
	return netip.ParseAddrPort(s)
}

// transport makes what follows the IP header.
func (c *crafted) transport() ([]byte, error) {
	switch c.proto {
	case wire.ProtoTCP:
		return c.tcp()
	case wire.ProtoUDP:
		return c.udp(), nil
	case wire.ProtoSCTP:
		return c.sctp(), nil
	case wire.ProtoICMP:
		b := append([]byte{wire.ICMPEcho, 0, 0, 0, 0, 1, 0, 1}, "ping"...)
		binary.BigEndian.PutUint16(b[2:], wire.Checksum(b, 0))
		return b, nil
	}
	return nil, fmt.Errorf("do not know how to make protocol %d", c.proto)
}

func (c *crafted) ports(b []byte) []byte {
	binary.BigEndian.PutUint16(b, c.src.Port())
	binary.BigEndian.PutUint16(b[2:], c.dst.Port())
	return b
}

func (c *crafted) tcp() ([]byte, error) {
	b := wire.TCP(c.ports(make([]byte, wire.TCPLen, 32)))
	b.SetSeq(1000)
	b.SetHeaderLen(wire.TCPLen)
	b.SetWindow(64240)
	for _, letter := range strings.Trim(c.flags, "-") {
		bit := strings.IndexRune(flagLetters, letter)
		if bit < 0 {
			return nil, fmt.Errorf("flags %q: letters are %s", c.flags, flagLetters)
		}
		b.SetFlags(b.Flags() | 1<<bit)
	}
	if b.Flags()&wire.PSH != 0 {
		b = append(b, "data"...)
	}
	b.SetChecksum(c.checksum(b))
	return b, nil
}

func (c *crafted) udp() []byte {
	b := wire.UDP(append(c.ports(make([]byte, wire.UDPLen)), 'q'))
	b.SetLength(len(b))
	b.SetChecksum(wire.UDPZero(c.checksum(b)))
	return b
}

// sctp makes a packet of one chunk: INIT and INIT ACK with their fields, any
// other empty.
func (c *crafted) sctp() []byte {
	b := c.ports(make([]byte, wire.SCTPLen, 32))
	if c.chunk != 1 {
		binary.BigEndian.PutUint32(b[4:], 0x11223344)
	}
	if c.chunk == 1 || c.chunk == 2 {
		b = append(b, c.chunk, 0, 0, 20, 0xde, 0xad, 0xbe, 0xef, 0, 0, 0xff, 0xff, 0, 1, 0, 1, 0, 0, 0, 1)
	} else {
		b = append(b, c.chunk, 0, 0, 4)
	}
	binary.LittleEndian.PutUint32(b[8:], crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
	return b
}

func (c *crafted) checksum(b []byte) uint16 {
	return transportSum(c.src.Addr(), c.dst.Addr(), c.proto, b)
}

// transportSum is the checksum of b with its pseudo-header; zero says that the
// one in b is right.
func transportSum(src, dst netip.Addr, proto uint8, b []byte) uint16 {
	return wire.Checksum(b, wire.PseudoSum(wire.AddrFrom(src), wire.AddrFrom(dst), proto, len(b)))
}

// ip puts the IP header before a payload, as the recorder's packets have it.
func (c *crafted) ip(payload []byte) []byte {
	if c.src.Addr().Is6() {
		h := append([]byte{0x60, 0, 0, 0, byte(len(payload) >> 8), byte(len(payload)), c.proto, 64}, c.src.Addr().AsSlice()...)
		return append(append(h, c.dst.Addr().AsSlice()...), payload...)
	}
	h := make(wire.IPv4, wire.IPv4Len)
	h[0] = 0x45
	h.SetTotalLen(len(h) + len(payload))
	h.SetID(0x1234)
	h.SetFragment(true, false, 0)
	h.SetTTL(64)
	h.SetProtocol(c.proto)
	h.SetSrc(c.src.Addr().As4())
	h.SetDst(c.dst.Addr().As4())
	h.FillChecksum()
	return append(h, payload...)
}

// spoil does to a transport header what ev says is wrong with it.
func (c *crafted) spoil(ev string, b []byte) []byte {
	tcp, udp := c.proto == wire.ProtoTCP, c.proto == wire.ProtoUDP
	switch {
	case tcp && strings.Contains(ev, "bad tcp checksum"):
		b[wire.TCPChecksumOffset] ^= 0x55
	case udp && strings.Contains(ev, "bad checksum"):
		b[wire.UDPChecksumOffset] ^= 0x55
	case udp && strings.Contains(ev, "zero checksum"):
		wire.UDP(b).SetChecksum(0)
	case tcp && strings.Contains(ev, "truncated tcp header"):
		b = b[:12]
	}
	return b
}

// spoilIP does to an IP header what ev says is wrong with it.
func spoilIP(ev string, b []byte) []byte {
	if strings.Contains(ev, "bad ip checksum") {
		b[10] ^= 0x55
	}
	return b
}

// eventPacket makes the packet of a cell's event, "c:FA", "s:u" or, of SCTP, "c:10"
// (the number of a chunk).
func eventPacket(c crafted, what string) ([]byte, error) {
	if c.proto == wire.ProtoSCTP {
		n, err := strconv.ParseUint(what, 10, 8)
		if err != nil {
			return nil, fmt.Errorf("event %q: want the number of an SCTP chunk", what)
		}
		c.chunk = uint8(n)
	}
	c.flags = what
	l4, err := c.transport()
	if err != nil {
		return nil, err
	}
	return c.ip(l4), nil
}
