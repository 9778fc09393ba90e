package wiretest

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"

	"ulvs/wire"
)

// TCPFlags checks the low eight flag bits.
func TCPFlags(v uint8) Checker {
	return func(_ testing.TB, d *Decoded) error {
		if d.TCP == nil {
			return fmt.Errorf("no TCP header, want flags %#02x", v)
		}
		return equal("TCP flags", d.IPPayload[13], v)
	}
}

// Seq checks the TCP sequence number.
func Seq(v uint32) Checker {
	return func(_ testing.TB, d *Decoded) error {
		if d.TCP == nil {
			return fmt.Errorf("no TCP header, want sequence number %d", v)
		}
		return equal("sequence number", d.TCP.Seq, v)
	}
}

// ICMPIs checks type and code of an ICMP message.
func ICMPIs(typ, code uint8) Checker {
	return func(_ testing.TB, d *Decoded) error {
		switch {
		case d.ICMP != nil:
			tc := d.ICMP.TypeCode
			return equal("ICMP type/code", [2]uint8{tc.Type(), tc.Code()}, [2]uint8{typ, code})
		case d.ICMP6 != nil:
			tc := d.ICMP6.TypeCode
			return equal("ICMPv6 type/code", [2]uint8{tc.Type(), tc.Code()}, [2]uint8{typ, code})
		}
		return fmt.Errorf("no ICMP header, want %d/%d", typ, code)
	}
}

// MTU checks the MTU in an ICMP error 3/4 or ICMPv6 error 2/0.
func MTU(v uint16) Checker {
	return func(_ testing.TB, d *Decoded) error {
		switch {
		case d.ICMP != nil:
			return equal("MTU", d.ICMP.Seq, v)
		case d.ICMP6 != nil:
			return equal("MTU", binary.BigEndian.Uint32(d.ICMP6.Payload), uint32(v))
		}
		return fmt.Errorf("no ICMP header, want MTU %d", v)
	}
}

// Quoted runs checkers on the packet that an ICMP error quotes.
func Quoted(checks ...Checker) Checker {
	return func(t testing.TB, d *Decoded) error {
		t.Helper()
		b := d.ICMPBody()
		if b == nil {
			return fmt.Errorf("no ICMP header, want a quoted packet")
		}
		decodeIP(t, b, true).run(t, checks)
		return nil
	}
}

// Inner runs checkers on the packet inside an IP packet of either family.
func Inner(checks ...Checker) Checker {
	return func(t testing.TB, d *Decoded) error {
		t.Helper()
		b, err := tunnelled(d)
		if err == nil {
			decodeIP(t, b, false).run(t, checks)
		}
		return err
	}
}

// ARPIs checks operation, sender and target of an ARP frame.
func ARPIs(op uint16, senderMAC wire.MAC, senderIP string, targetMAC wire.MAC, targetIP string) Checker {
	type body struct {
		op       uint16
		sha, tha wire.MAC
		spa, tpa netip.Addr
	}
	want := body{op, senderMAC, targetMAC, netip.MustParseAddr(senderIP), netip.MustParseAddr(targetIP)}
	return func(_ testing.TB, d *Decoded) error {
		a := d.ARP
		if a == nil {
			return fmt.Errorf("no ARP body")
		}
		got := body{a.Operation, wire.MAC(a.SourceHwAddress), wire.MAC(a.DstHwAddress),
			netip.AddrFrom4([4]byte(a.SourceProtAddress)), netip.AddrFrom4([4]byte(a.DstProtAddress))}
		return equal("ARP body", got, want)
	}
}

// ValidChecksums checks the IP header's checksum and, where the packet is
// whole, that of TCP, UDP, SCTP or ICMP by slow sums. A partial checksum (known from
// CheckPacket) must hold exactly the pseudo-header sum. UDP without a checksum
// is valid.
func ValidChecksums() Checker {
	return func(_ testing.TB, d *Decoded) error {
		if d.IP == nil && d.IP6 == nil {
			return fmt.Errorf("no IP header, want valid checksums")
		}
		if d.IP != nil && SlowChecksum(d.IP.Contents) != 0 {
			return fmt.Errorf("IP header checksum is wrong by %#04x", SlowChecksum(d.IP.Contents))
		}
		if d.Quote || d.FragOff != 0 || d.MoreFrags {
			return nil
		}
		return d.transportChecksum()
	}
}

// transportChecksum is the transport part of ValidChecksums.
func (d *Decoded) transportChecksum() error {
	b := d.IPPayload
	switch {
	case d.ICMP != nil:
		return equal("ICMP checksum's error", SlowChecksum(b), 0)
	case d.ICMP6 != nil:
		return d.pseudoChecksum(wire.ProtoICMPv6, b, d.ICMP6.Checksum)
	case d.TCP != nil:
		return d.pseudoChecksum(wire.ProtoTCP, b, d.TCP.Checksum)
	case d.SCTP != nil:
		return d.crc()
	case d.UDP != nil:
		if d.UDP.Checksum == 0 {
			return nil
		}
		return d.pseudoChecksum(wire.ProtoUDP, b[:d.UDP.Length], d.UDP.Checksum)
	}
	return nil
}

// pseudoChecksum checks a checksum that covers a pseudo-header.
func (d *Decoded) pseudoChecksum(proto uint8, b []byte, field uint16) error {
	src, dst := d.Ends()
	pseudo := PseudoHeader(wire.AddrFrom(src), wire.AddrFrom(dst), proto, len(b))
	if d.Offload.Partial() {
		return equal("partial checksum", field, SlowSum(pseudo))
	}
	return equal("transport checksum's error", SlowChecksum(pseudo, b), 0)
}

// BadTransportChecksum checks that the transport checksum is there and wrong.
func BadTransportChecksum() Checker {
	return func(_ testing.TB, d *Decoded) error {
		if (d.TCP == nil && d.UDP == nil && d.SCTP == nil) || (d.UDP != nil && d.UDP.Checksum == 0) {
			return fmt.Errorf("no transport checksum, want a wrong one")
		}
		if d.transportChecksum() == nil {
			return fmt.Errorf("transport checksum is right, want it wrong")
		}
		return nil
	}
}

// NoChecksum checks that UDP's checksum field is zero.
func NoChecksum() Checker {
	return func(_ testing.TB, d *Decoded) error {
		if d.UDP == nil {
			return fmt.Errorf("no UDP header, want it without checksum")
		}
		return equal("UDP checksum", d.UDP.Checksum, 0)
	}
}
