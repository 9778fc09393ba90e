package wiretest

import (
	"fmt"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"ulvs/wire"
)

// tunnelled is the packet inside an IPIP, GRE or GUE packet, whose header must
// name its kind.
func tunnelled(d *Decoded) (b []byte, err error) {
	named := byte(0) // the IP version
	switch b = d.IPPayload; d.Proto {
	case wire.ProtoIPIP:
		named = 4
	case wire.ProtoIPv6:
		named = 6
	case wire.ProtoGRE:
		b, named, err = fromGRE(b)
	case wire.ProtoUDP:
		b, named, err = fromGUE(b)
	default:
		err = fmt.Errorf("no tunnel's protocol: %d", d.Proto)
	}
	if err == nil && (len(b) == 0 || b[0]>>4 != named) {
		err = fmt.Errorf("not a tunnel's packet: %x", d.IPPayload)
	}
	return b, err
}

// fromGRE takes off a GRE header.
func fromGRE(b []byte) (inner []byte, version byte, err error) {
	var gre layers.GRE
	if err := gre.DecodeFromBytes(b, gopacket.NilDecodeFeedback); err != nil {
		return nil, 0, err
	}
	if gre.ChecksumPresent && wire.Checksum(b, 0) != 0 {
		return nil, 0, fmt.Errorf("a wrong GRE checksum")
	}
	return gre.Payload, map[layers.EthernetType]byte{layers.EthernetTypeIPv4: 4, layers.EthernetTypeIPv6: 6}[gre.Protocol], nil
}

// fromGUE takes off the headers of UDP and GUE, which gopacket does not know.
func fromGUE(b []byte) (inner []byte, version byte, err error) {
	const udp, gue = 8, 4
	if len(b) < udp+gue || b[udp] != 0 || b[udp+2] != 0 || b[udp+3] != 0 {
		return nil, 0, fmt.Errorf("no plain GUE header: %x", b)
	}
	return b[udp+gue:], map[byte]byte{4: 4, 41: 6}[b[udp+1]], nil
}
