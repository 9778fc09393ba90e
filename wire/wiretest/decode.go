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
	TCP     *layers.TCP
	UDP     *layers.UDP
	SCTP    *layers.SCTP
	ICMP    *layers.ICMPv4
	// IPPayload is what the IP header carries, cut at the total length.
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

// decodeIP decodes bytes that begin with an IPv4 header. A quote may end early.
func decodeIP(t testing.TB, b []byte, quote bool) *Decoded {
	t.Helper()
	d := &Decoded{Frame: b, Quote: quote}
	if err := d.ipv4(b); err != nil {
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
	}
	return fmt.Errorf("ethernet type %v", d.Eth.EthernetType)
}

// ipv4 decodes an IP packet as far as its transport header.
func (d *Decoded) ipv4(b []byte) error {
	d.IP = new(layers.IPv4)
	if err := d.IP.DecodeFromBytes(b, d); err != nil {
		return err
	}
	d.IPPayload = d.IP.Payload
	if d.IP.FragOffset != 0 {
		return d.whole()
	}
	d.rawPorts()
	if err := d.transport(); err != nil && !d.Quote && d.IP.Flags&layers.IPv4MoreFragments == 0 {
		return err
	}
	return d.whole()
}

// whole returns an error if bytes are missing that must not be.
func (d *Decoded) whole() error {
	if d.truncated && !d.Quote && d.IP.Flags&layers.IPv4MoreFragments == 0 {
		return errors.New("truncated")
	}
	return nil
}

// transport decodes the transport header; on failure its layer stays nil.
func (d *Decoded) transport() error {
	switch d.IP.Protocol {
	case layers.IPProtocolTCP:
		return decodeInto(d, &d.TCP, new(layers.TCP))
	case layers.IPProtocolUDP:
		return decodeInto(d, &d.UDP, new(layers.UDP))
	case layers.IPProtocolSCTP:
		return decodeInto(d, &d.SCTP, new(layers.SCTP))
	case layers.IPProtocolICMPv4:
		return decodeInto(d, &d.ICMP, new(layers.ICMPv4))
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
	switch uint8(d.IP.Protocol) {
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
	if d.Eth != nil {
		first = layers.LayerTypeEthernet
	}
	return gopacket.NewPacket(d.Frame[:min(len(d.Frame), 256)], first, gopacket.NoCopy).Dump()
}
