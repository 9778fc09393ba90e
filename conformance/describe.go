package conformance

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"

	"ulvs/wire"
)

// decoded is an IP packet as far as a recording describes it.
type decoded struct {
	src, dst   netip.Addr
	proto      uint8
	ttl        uint8
	off        int // of a fragment, in bytes
	more       bool
	df         bool
	badSum     bool
	payload    []byte
	incomplete bool // quoted or cut
}

// decode reads an IP header. It reports false for what is none.
func decode(b []byte) (d decoded, ok bool) {
	switch {
	case len(b) >= wire.IPv4Len && b[0]>>4 == 4:
		return decode4(b), true
	case len(b) >= wire.IPv6Len && b[0]>>4 == 6:
		return decode6(b), true
	}
	return d, false
}

func decode4(b []byte) (d decoded) {
	h := wire.IPv4(b)
	d.src, d.dst = netip.AddrFrom4(h.Src()), netip.AddrFrom4(h.Dst())
	d.proto, d.ttl, d.off, d.more, d.df = h.Protocol(), h.TTL(), h.FragOff(), h.MoreFrags(), h.DF()
	head, total := min(h.HeaderLen(), len(b)), min(h.TotalLen(), len(b))
	d.badSum = wire.Checksum(b[:head], 0) != 0
	d.payload, d.incomplete = b[head:max(head, total)], h.TotalLen() > len(b)
	return d
}

func decode6(b []byte) (d decoded) {
	d.src, d.dst = netip.AddrFrom16([16]byte(b[8:])), netip.AddrFrom16([16]byte(b[24:]))
	d.proto, d.ttl = b[6], b[7]
	total := wire.IPv6Len + int(binary.BigEndian.Uint16(b[4:]))
	d.payload, d.incomplete = b[wire.IPv6Len:min(total, len(b))], total > len(b)
	if d.proto == 44 && len(d.payload) >= 8 { // fragment header, RFC 8200 section 4.5
		f := binary.BigEndian.Uint16(d.payload[2:])
		d.proto, d.off, d.more, d.payload = d.payload[0], int(f&^7), f&1 != 0, d.payload[8:]
	}
	return d
}

// describe writes an IP packet as recordings do.
func describe(b []byte) string {
	d, ok := decode(b)
	if !ok {
		return "?"
	}
	name, known := protocols[d.proto]
	if !known {
		name = fmt.Sprint(d.proto)
	}
	text := name + " " + d.ends()
	if d.off == 0 {
		text += d.detail()
	}
	if d.off != 0 || d.more {
		mf := 0
		if d.more {
			mf = 1
		}
		text += fmt.Sprintf(" frag(off=%d,mf=%d)", d.off, mf)
	}
	if inner := d.inner(); inner != nil {
		text += " [" + describe(inner) + "]"
	}
	return text
}

// ends writes source and destination, with ports if there are any.
func (d *decoded) ends() string {
	if d.off == 0 && d.hasPorts() && len(d.payload) >= 4 {
		src := netip.AddrPortFrom(d.src, binary.BigEndian.Uint16(d.payload))
		dst := netip.AddrPortFrom(d.dst, binary.BigEndian.Uint16(d.payload[2:]))
		return src.String() + ">" + dst.String()
	}
	return d.src.String() + ">" + d.dst.String()
}

func (d *decoded) hasPorts() bool {
	return d.proto == wire.ProtoTCP || d.proto == wire.ProtoUDP || d.proto == wire.ProtoSCTP
}

func (d *decoded) isICMP() bool { return d.proto == wire.ProtoICMP || d.proto == wire.ProtoICMPv6 }

// detail writes flags of TCP, or type and code of ICMP.
func (d *decoded) detail() (s string) {
	switch p := d.payload; {
	case d.proto == wire.ProtoTCP && len(p) >= 14:
		return " " + letters(p[13])
	case d.isICMP() && len(p) >= 8:
		s = fmt.Sprintf(" type=%d code=%d", p[0], p[1])
		if p[0] == 3 && p[1] == 4 || p[0] == 2 {
			s += fmt.Sprintf(" mtu=%d", binary.BigEndian.Uint16(p[6:]))
		}
	}
	return s
}

// letters are TCP flags in the order that recordings have.
func letters(flags uint8) (s string) {
	for _, c := range "SFRPAUEC" {
		if flags>>strings.IndexRune(flagLetters, c)&1 != 0 {
			s += string(c)
		}
	}
	return s
}

// inner returns the packet that a tunnel packet carries or an ICMP error
// quotes.
func (d *decoded) inner() []byte {
	p := d.payload
	switch {
	case d.off != 0:
		return nil
	case d.proto == wire.ProtoIPIP || d.proto == wire.ProtoIPv6:
		return p
	case len(p) < 8:
		return nil
	case d.proto == wire.ProtoICMP && wire.ICMPTypeIsError(p[0]), d.proto == wire.ProtoICMPv6 && p[0] < 128:
		return p[8:]
	}
	return nil
}

// spoiled reports whether a checksum of the packet is wrong.
func (d *decoded) spoiled() bool {
	whole := d.off == 0 && !d.more && !d.incomplete
	switch p := d.payload; {
	case d.badSum:
		return true
	case !whole:
		return false
	case d.proto == wire.ProtoTCP, d.proto == wire.ProtoICMPv6:
		return transportSum(d.src, d.dst, d.proto, p) != 0
	case d.proto == wire.ProtoUDP && len(p) >= wire.UDPLen:
		return wire.UDP(p).Checksum() != 0 && transportSum(d.src, d.dst, d.proto, p) != 0
	case d.proto == wire.ProtoICMP:
		return wire.Checksum(p, 0) != 0
	}
	return false
}
