package wire_test

import (
	"testing"

	"ulvs/wire"
	"ulvs/wire/wiretest"
)

// FuzzParse holds Parse against the slow oracle and, where it finds no fault,
// against gopacket. mend makes the IP header's checksum right, so that the
// fuzzer gets past it.
func FuzzParse(f *testing.F) {
	for _, p := range samples() {
		if len(p.Frame()) < 2000 {
			var o [wire.OffloadLen]byte
			p.Offload.Encode(o[:])
			f.Add(p.Frame(), o[:], false, true)
		}
	}
	for _, c := range malformedFrames() {
		f.Add(c.frame, []byte{}, false, false)
	}
	f.Fuzz(func(t *testing.T, frame, offload []byte, clipped, mend bool) {
		if mend {
			frame = fixChecksum(append([]byte(nil), frame...))
		}
		var o wire.Offload
		if len(offload) >= wire.OffloadLen {
			o.Decode(offload)
		}
		p, fault := againstOracle(t, frame, o, clipped)
		checkPlain(t, &p)
		if fault == wire.FaultNone {
			useViews(t, &p)
		}
	})
}

// useViews reads all of an accepted packet, which must not panic, and asks
// gopacket for its opinion.
func useViews(t *testing.T, p *wire.Packet) {
	wire.Martian(p)
	if p.EtherType == wire.EtherTypeARP {
		_ = p.ARP().TargetIP()
		return
	}
	if p.Is6() {
		_, _, _ = p.IPv6().TrafficClass(), p.IPv6().FlowLabel(), p.IPv6().Dst()
	} else {
		_, _ = p.IPv4().Options(), p.IPv4().Payload()
	}
	switch {
	case p.L4 == 0:
	case p.Proto == wire.ProtoTCP:
		_, _ = p.TCP().Options(), p.TCP().Payload()
	case p.Proto == wire.ProtoUDP && !p.MoreFrags:
		_ = p.UDP().Payload()
	case p.Proto == wire.ProtoSCTP:
		p.SCTP().ChecksumOK()
		p.SCTP().Signal()
		for c, ok := p.SCTP().First(), true; ok; c, ok = c.Next() {
			_ = c.Type()
		}
	case wire.IsNDP(p):
		wire.ReadNDP(p)
	case p.Proto == wire.ProtoICMPv6 && p.Is6():
		_, _ = p.ICMPv6().Payload(), p.ICMPv6().MTU()
	case p.Proto == wire.ProtoICMP && !p.Is6():
		_, _, _ = p.ICMPv4().Payload(), p.ICMPv4().IsError(), p.ICMPv4().MTU()
	}
	if gopacketReads(p) {
		gopacketAgrees(t, "fuzz", p, wiretest.Decode(t, p.Frame()))
	}
}

// gopacketReads reports whether gopacket can decode p at all: it refuses IP
// options of length 2, which RFC 791 allows, options and routing headers of
// kinds that it does not know, and TCP options of bad length, which ulvs does
// not read.
func gopacketReads(p *wire.Packet) bool {
	if p.Is6() {
		return plain6(p)
	}
	for o := p.IPv4().Options(); len(o) > 1 && o[0] != 0; {
		n := 1
		if o[0] != 1 {
			n = int(o[1])
		}
		if n == 2 {
			return false
		}
		o = o[n:]
	}
	return p.Proto != wire.ProtoTCP || p.L4 == 0 || len(p.TCP().Options()) == 0
}

// plain6 is gopacketReads for IPv6.
func plain6(p *wire.Packet) bool {
	h := p.IPv6()
	next, b := h.NextHeader(), []byte(h[wire.IPv6Len:])
	for off := 0; off == 0; {
		n := 8
		switch next {
		case wiretest.Routing:
			if n += 8 * int(b[1]); b[2] != 0 || n%16 != 8 {
				return false
			}
		case wiretest.HopByHop, wiretest.Destination:
			n += 8 * int(b[1])
		case wiretest.FragmentExt:
			off = int(b[2])<<8 + int(b[3]&0xf8)
		default:
			return p.Proto != wire.ProtoTCP || p.L4 == 0 || len(p.TCP().Options()) == 0
		}
		next, b = b[0], b[n:]
	}
	return true
}

// FuzzChecksum holds sums of any cut and their incremental update against the
// slow oracle.
func FuzzChecksum(f *testing.F) {
	f.Add([]byte{}, uint16(0), uint16(0))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff}, uint16(2), uint16(0))
	f.Add([]byte{0, 0, 0, 0, 1}, uint16(4), uint16(0xffff))
	f.Add(wiretest.UDP(flow, wiretest.Payload(40)).IP(), uint16(20), uint16(8080))
	f.Fuzz(func(t *testing.T, b []byte, at, word uint16) {
		cut := min(int(at), len(b)) &^ 1
		before := wire.Checksum(b, 0)
		if got := wire.Checksum(b[cut:], wire.Sum(b[:cut], 0)); got%0xffff != before%0xffff || before != wiretest.SlowChecksum(b) {
			t.Fatalf("whole %#04x, in two pieces %#04x, slow %#04x", before, got, wiretest.SlowChecksum(b))
		}
		if cut+2 > len(b) {
			return
		}
		old := uint16(b[cut])<<8 | uint16(b[cut+1])
		b = append([]byte(nil), b...)
		b[cut], b[cut+1] = byte(word>>8), byte(word)
		if got, want := wire.Diff16(old, word).Update(before), wiretest.SlowChecksum(b); got%0xffff != want%0xffff {
			t.Fatalf("updated %#04x, full %#04x", got, want)
		}
	})
}
