package wiretest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"ulvs/wire"
)

// Decoded is a frame as gopacket sees it. Layers that are not there are nil.
// Nothing above TCP, UDP, SCTP and ICMP is decoded.
type Decoded struct {
	Frame   []byte
	Offload wire.Offload // zero unless it came from a *wire.Packet
	Eth     *layers.Ethernet
	ARP     *layers.ARP
	IP      *layers.IPv4
	IP6     *layers.IPv6
	TCP     *layers.TCP
	UDP     *layers.UDP
	SCTP    *layers.SCTP
	ICMP    *layers.ICMPv4
	ICMP6   *layers.ICMPv6
	// Proto is the protocol of the transport header, of either family, behind
	// IPv6's extension headers.
	Proto uint8
	// FragOff is in bytes; MoreFrags and it are zero in a whole packet.
	FragOff   int
	MoreFrags bool
	// IPPayload is what the IP header, with extension headers, carries, cut at
	// the total length.
	IPPayload []byte
	// SrcPort and DstPort are those of TCP, UDP or SCTP, even if the transport
	// header is cut short as in an ICMP error's quote.
	SrcPort, DstPort uint16
	// Quote marks a packet quoted by an ICMP error, whose end may be missing.
	Quote bool

	truncated bool
}

// SetTruncated implements gopacket.DecodeFeedback.
func (d *Decoded) SetTruncated() { d.truncated = true }

// Decode decodes an Ethernet frame; what gopacket cannot decode ends the test.
func Decode(t testing.TB, frame []byte) *Decoded {
	t.Helper()
	d := &Decoded{Frame: frame}
	if err := d.ethernet(); err != nil {
		t.Fatalf("decode frame with gopacket: %v\n%s", err, d.dump())
	}
	return d
}

// decodeIP decodes bytes that begin with an IP header. A quote may end early.
func decodeIP(t testing.TB, b []byte, quote bool) *Decoded {
	t.Helper()
	d := &Decoded{Frame: b, Quote: quote}
	decode := d.ipv4
	if len(b) > 0 && b[0]>>4 == 6 {
		decode = d.ipv6
	}
	if err := decode(b); err != nil {
		t.Fatalf("decode IP packet with gopacket: %v\n%s", err, d.dump())
	}
	return d
}

// ethernet decodes the frame.
func (d *Decoded) ethernet() error {
	d.Eth = new(layers.Ethernet)
	if err := d.Eth.DecodeFromBytes(d.Frame, d); err != nil {
		return err
	}
	switch d.Eth.EthernetType {
	case layers.EthernetTypeARP:
		d.ARP = new(layers.ARP)
		return d.ARP.DecodeFromBytes(d.Eth.Payload, d)
	case layers.EthernetTypeIPv4:
		return d.ipv4(d.Eth.Payload)
	case layers.EthernetTypeIPv6:
		return d.ipv6(d.Eth.Payload)
	}
	return fmt.Errorf("ethernet type %v", d.Eth.EthernetType)
}

// ipv4 decodes an IP packet as far as its transport header.
func (d *Decoded) ipv4(b []byte) error {
	d.IP = new(layers.IPv4)
	if err := d.IP.DecodeFromBytes(b, d); err != nil {
		return err
	}
	d.IPPayload, d.Proto = d.IP.Payload, uint8(d.IP.Protocol)
	d.FragOff, d.MoreFrags = int(d.IP.FragOffset)*8, d.IP.Flags&layers.IPv4MoreFragments != 0
	return d.upper()
}

// upper decodes what the IP header carries.
func (d *Decoded) upper() error {
	if d.FragOff != 0 {
		return d.whole()
	}
	d.rawPorts()
	if err := d.transport(); err != nil && !d.Quote && !d.MoreFrags {
		return err
	}
	return d.whole()
}

// whole returns an error if bytes are missing that must not be.
func (d *Decoded) whole() error {
	if d.truncated && !d.Quote && !d.MoreFrags {
		return errors.New("truncated")
	}
	return nil
}

// transport decodes the transport header; on failure its layer stays nil.
func (d *Decoded) transport() error {
	switch {
	case d.Proto == wire.ProtoTCP:
		return decodeInto(d, &d.TCP, new(layers.TCP))
	case d.Proto == wire.ProtoUDP:
		return decodeInto(d, &d.UDP, new(layers.UDP))
	case d.Proto == wire.ProtoSCTP:
		return decodeInto(d, &d.SCTP, new(layers.SCTP))
	case d.Proto == wire.ProtoICMP && d.IP != nil:
		return decodeInto(d, &d.ICMP, new(layers.ICMPv4))
	case d.Proto == wire.ProtoICMPv6 && d.IP6 != nil:
		return decodeInto(d, &d.ICMP6, new(layers.ICMPv6))
	}
	return nil
}

// decodeInto decodes the IP payload as layer l and stores it if that works.
func decodeInto[L gopacket.DecodingLayer](d *Decoded, field *L, l L) error {
	if err := l.DecodeFromBytes(d.IPPayload, d); err != nil {
		return err
	}
	*field = l
	return nil
}

// rawPorts reads the ports from the IP payload.
func (d *Decoded) rawPorts() {
	switch d.Proto {
	case wire.ProtoTCP, wire.ProtoUDP, wire.ProtoSCTP:
		if len(d.IPPayload) >= 4 {
			d.SrcPort = binary.BigEndian.Uint16(d.IPPayload)
			d.DstPort = binary.BigEndian.Uint16(d.IPPayload[2:])
		}
	}
}

// dump returns the frame in words and hex, for failures.
func (d *Decoded) dump() string {
	first := gopacket.Decoder(layers.LayerTypeIPv4)
	switch {
	case d.Eth != nil:
		first = layers.LayerTypeEthernet
	case d.IP6 != nil:
		first = layers.LayerTypeIPv6
	}
	return gopacket.NewPacket(d.Frame[:min(len(d.Frame), 256)], first, gopacket.NoCopy).Dump()
}
