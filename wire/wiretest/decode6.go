package wiretest

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// ipv6 decodes an IP packet, header by header, as far as its transport header.
func (d *Decoded) ipv6(b []byte) error {
	d.IP6 = new(layers.IPv6)
	if len(b) >= 6 {
		b = b[:min(len(b), 40+int(binary.BigEndian.Uint16(b[4:])))]
	}
	if len(b) == 40 && b[6] != HopByHop { // gopacket refuses what carries nothing
		b = append(b[:40:40], 0)
		b[5] = 1
		defer func() { d.IPPayload, d.IP6.Length = nil, 0 }()
	}
	hop := d.truncated
	if err := d.IP6.DecodeFromBytes(b, d); err != nil {
		return err
	}
	next := d.IP6.NextHeader
	if d.IP6.HopByHop != nil { // whose length gopacket counts twice
		next, d.truncated = d.IP6.HopByHop.NextHeader, hop
	}
	d.IPPayload = d.IP6.Payload
	if err := d.extensions(next); err != nil {
		return err
	}
	return d.upper()
}

// extensions decodes the headers behind the hop-by-hop header.
func (d *Decoded) extensions(next layers.IPProtocol) error {
	for d.FragOff == 0 {
		var l gopacket.Layer
		switch next {
		case layers.IPProtocolIPv6Routing:
			l = firstLayer(d.IPPayload, layers.LayerTypeIPv6Routing)
		case layers.IPProtocolIPv6Fragment:
			l = firstLayer(d.IPPayload, layers.LayerTypeIPv6Fragment)
		case layers.IPProtocolIPv6Destination:
			l = firstLayer(d.IPPayload, layers.LayerTypeIPv6Destination)
		default:
			d.Proto = uint8(next)
			return nil
		}
		switch h := l.(type) {
		case *layers.IPv6Routing:
			next = h.NextHeader
		case *layers.IPv6Fragment:
			next = h.NextHeader
			d.FragOff, d.MoreFrags = int(h.FragmentOffset)*8, h.MoreFragments
		case *layers.IPv6Destination:
			next = h.NextHeader
		default:
			return fmt.Errorf("extension header %d cannot be decoded", next)
		}
		d.IPPayload = l.LayerPayload()
	}
	d.Proto = uint8(next)
	return nil
}

// firstLayer decodes one layer of b, nil if it cannot be.
func firstLayer(b []byte, t gopacket.LayerType) gopacket.Layer {
	return gopacket.NewPacket(b, t, gopacket.NoCopy).Layer(t)
}

// Ends returns the addresses of the IP header.
func (d *Decoded) Ends() (src, dst netip.Addr) {
	if d.IP6 != nil {
		src, _ = netip.AddrFromSlice(d.IP6.SrcIP)
		dst, _ = netip.AddrFromSlice(d.IP6.DstIP)
		return src, dst
	}
	src, _ = netip.AddrFromSlice(d.IP.SrcIP)
	dst, _ = netip.AddrFromSlice(d.IP.DstIP)
	return src.Unmap(), dst.Unmap()
}

// ICMPBody returns what follows the eight bytes of an ICMP or ICMPv6 header, nil
// if there is none.
func (d *Decoded) ICMPBody() []byte {
	switch {
	case d.ICMP != nil:
		return d.ICMP.Payload
	case d.ICMP6 != nil && len(d.ICMP6.Payload) >= 4:
		return d.ICMP6.Payload[4:]
	}
	return nil
}

func (d *Decoded) ttl() uint8 {
	if d.IP6 != nil {
		return d.IP6.HopLimit
	}
	return d.IP.TTL
}

func (d *Decoded) tos() uint8 {
	if d.IP6 != nil {
		return d.IP6.TrafficClass
	}
	return d.IP.TOS
}

func (d *Decoded) length() int {
	if d.IP6 != nil {
		return 40 + int(d.IP6.Length)
	}
	return int(d.IP.Length)
}
