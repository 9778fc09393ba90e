package wiretest

import (
	"bytes"
	"fmt"
	"net/netip"
	"testing"

	"ulvs/wire"
)

// Checker judges one property of a decoded frame; nil means that it holds.
type Checker func(t testing.TB, d *Decoded) error

// Check decodes frame with gopacket and runs every checker. All failures are
// reported, with a dump of the frame.
func Check(t testing.TB, frame []byte, checks ...Checker) {
	t.Helper()
	Decode(t, frame).run(t, checks)
}

// CheckPacket is Check of p's frame; ValidChecksums then knows p's Offload.
func CheckPacket(t testing.TB, p *wire.Packet, checks ...Checker) {
	t.Helper()
	d := Decode(t, p.Frame())
	d.Offload = p.Offload
	d.run(t, checks)
}

// run applies the checkers and reports what fails.
func (d *Decoded) run(t testing.TB, checks []Checker) {
	t.Helper()
	for _, c := range checks {
		if err := c(t, d); err != nil {
			t.Errorf("%v\n%s", err, d.dump())
		}
	}
}

// equal returns an error unless got is want.
func equal[T comparable](what string, got, want T) error {
	if got == want {
		return nil
	}
	return fmt.Errorf("%s is %v, want %v", what, got, want)
}

// ip makes a Checker of a property of an IPv4 header.
func ip[T comparable](what string, want T, get func(*Decoded) T) Checker {
	return func(_ testing.TB, d *Decoded) error {
		if d.IP == nil {
			return fmt.Errorf("no IPv4 header, want %s %v", what, want)
		}
		return equal(what, get(d), want)
	}
}

// either makes a Checker of a property that headers of both families have.
func either[T comparable](what string, want T, get func(*Decoded) T) Checker {
	return func(_ testing.TB, d *Decoded) error {
		if d.IP == nil && d.IP6 == nil {
			return fmt.Errorf("no IP header, want %s %v", what, want)
		}
		return equal(what, get(d), want)
	}
}

// Src checks the source: an address, or address and port.
func Src(s string) Checker {
	a, port := end(s)
	return either("source", ends(a, port), func(d *Decoded) netip.AddrPort {
		got, _ := d.Ends()
		return sameKind(got, d.SrcPort, port)
	})
}

// Dst checks the destination: an address, or address and port.
func Dst(s string) Checker {
	a, port := end(s)
	return either("destination", ends(a, port), func(d *Decoded) netip.AddrPort {
		_, got := d.Ends()
		return sameKind(got, d.DstPort, port)
	})
}

// ends joins address and port for comparison.
func ends(a wire.Addr, port uint16) netip.AddrPort { return netip.AddrPortFrom(a.Netip(), port) }

// sameKind leaves the port out if none is wanted.
func sameKind(a netip.Addr, port, want uint16) netip.AddrPort {
	if want == 0 {
		port = 0
	}
	return netip.AddrPortFrom(a, port)
}

// TTL checks the time to live or hop limit.
func TTL(v uint8) Checker { return either("TTL", v, (*Decoded).ttl) }

// TOS checks the type of service byte or traffic class.
func TOS(v uint8) Checker { return either("TOS", v, (*Decoded).tos) }

// ID checks the IP identification.
func ID(v uint16) Checker { return ip("IP id", v, func(d *Decoded) uint16 { return d.IP.Id }) }

// DF checks the don't fragment bit.
func DF(v bool) Checker {
	return ip("DF", v, func(d *Decoded) bool { return d.IP.Flags&2 != 0 })
}

// Fragment checks the fragment offset in bytes and the more fragments bit.
func Fragment(off int, more bool) Checker {
	return either("fragment", [2]any{off, more}, func(d *Decoded) [2]any {
		return [2]any{d.FragOff, d.MoreFrags}
	})
}

// Proto checks the protocol of the transport header.
func Proto(v uint8) Checker {
	return either("protocol", v, func(d *Decoded) uint8 { return d.Proto })
}

// IPLen checks the total length in bytes.
func IPLen(n int) Checker { return either("total length", n, (*Decoded).length) }

// MACs checks the Ethernet addresses.
func MACs(src, dst wire.MAC) Checker {
	return func(_ testing.TB, d *Decoded) error {
		if err := equal("source MAC", wire.MAC(d.Eth.SrcMAC), src); err != nil {
			return err
		}
		return equal("destination MAC", wire.MAC(d.Eth.DstMAC), dst)
	}
}

// HasPayload checks the bytes after the TCP, UDP or SCTP common header.
func HasPayload(want []byte) Checker {
	return func(_ testing.TB, d *Decoded) error {
		var got []byte
		switch {
		case d.TCP != nil:
			got = d.TCP.Payload
		case d.UDP != nil:
			got = d.UDP.Payload
		case d.SCTP != nil:
			got = d.SCTP.Payload
		default:
			return fmt.Errorf("neither TCP, UDP nor SCTP, want %d bytes of payload", len(want))
		}
		if !bytes.Equal(got, want) {
			return fmt.Errorf("payload is %d bytes %x, want %d bytes %x", len(got), head(got), len(want), head(want))
		}
		return nil
	}
}

// head returns at most the first 32 bytes.
func head(b []byte) []byte { return b[:min(len(b), 32)] }
