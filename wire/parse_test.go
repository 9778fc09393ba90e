package wire_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"ulvs/wire"
	"ulvs/wire/wiretest"
)

// parsed runs Parse on a copy of frame that lies between bytes of value fill,
// in a packet that holds rubbish in every parsed field.
func parsed(frame []byte, o wire.Offload, clipped bool, fill byte) (wire.Packet, wire.Fault) {
	buf := make([]byte, wire.Headroom+len(frame)+wire.Headroom)
	for i := range buf {
		buf[i] = fill
	}
	p := wire.Packet{Buf: buf, Start: wire.Headroom, Offload: o, Clipped: clipped,
		EtherType: 1, L3: -9, L4: -9, IPEnd: -9, Src: wire.AddrFromV4(1), Dst: wire.AddrFromV4(1), SrcPort: 1, DstPort: 1,
		FragOff: 1, MoreFrags: true, Proto: 1, TTL: 1, TCPFlags: 1, ICMPType: 1, ICMPCode: 1}
	p.End = p.Start + copy(buf[p.Start:], frame)
	return p, wire.Parse(&p)
}

// againstOracle parses frame and compares with slowParse. It also checks that
// bytes outside the frame make no difference.
func againstOracle(t testing.TB, frame []byte, o wire.Offload, clipped bool) (wire.Packet, wire.Fault) {
	t.Helper()
	p, fault := parsed(frame, o, clipped, 0x00)
	q, other := parsed(frame, o, clipped, 0xff)
	p.Buf, q.Buf = nil, nil
	if fault != other || !reflect.DeepEqual(p, q) {
		t.Fatalf("result depends on bytes outside the frame:\n%v %+v\n%v %+v\n%x", fault, p, other, q, frame)
	}
	want := slowParse(frame, o, clipped)
	if fault != want.fault {
		t.Fatalf("fault %v, want %v\n%x %+v", fault, want.fault, frame, o)
	}
	if got := asSlow(&p, fault); fault == wire.FaultNone && got != want {
		t.Fatalf("parsed\n%+v, want\n%+v\n%x", got, want, frame)
	}
	checkBounds(t, &p)
	p.Buf = append(make([]byte, wire.Headroom), frame...)
	return p, fault
}

// asSlow turns a parse result into the oracle's form.
func asSlow(p *wire.Packet, fault wire.Fault) slow {
	s := slow{fault: fault, etherType: int(p.EtherType), l3: p.L3 - p.Start, l4: p.L4 - p.Start, ipEnd: p.IPEnd - p.Start,
		src: p.Src.Netip(), dst: p.Dst.Netip(), sport: int(p.SrcPort), dport: int(p.DstPort), fragOff: int(p.FragOff),
		more: p.MoreFrags, proto: int(p.Proto), ttl: int(p.TTL), flags: int(p.TCPFlags),
		icmpTyp: int(p.ICMPType), icmpC: int(p.ICMPCode)}
	if p.L4 == 0 {
		s.l4 = -1
	}
	return s
}

// checkBounds checks that every offset that is set lies in the frame, in order.
func checkBounds(t testing.TB, p *wire.Packet) {
	t.Helper()
	at := p.Start
	for _, o := range []int{p.L3, p.L4, p.IPEnd} {
		if o == 0 {
			continue
		}
		if o < at || o > p.End {
			t.Fatalf("offset %d outside %d..%d: %+v", o, at, p.End, p)
		}
		at = o
	}
}

// flow6 is the IPv6 flow of the tests.
var flow6 = wiretest.Flow{Src: "[2001:db8:4::1]:1000", Dst: "[2001:db8:2::1]:80"}

// samples are well-formed packets of every kind.
func samples() map[string]*wire.Packet {
	all := map[string]*wire.Packet{}
	for family, f := range map[string]wiretest.Flow{"v4 ": flow, "v6 ": flow6} {
		for name, p := range transportSamples(f) {
			all[family+name] = p
		}
	}
	pay := wiretest.Payload(50)
	for name, p := range map[string]*wire.Packet{
		"ip options":    wiretest.UDP(flow, pay, wiretest.WithIPOptions(7, 7, 4, 0, 0, 0, 0, 1, 148, 4, 0, 0)),
		"options tcp":   wiretest.TCP(flow, wire.ACK, pay, wiretest.WithIPOptions(68, 8, 5, 0, 0, 0, 0, 0), wiretest.WithPartial()),
		"after the end": wiretest.UDP(flow, pay, wiretest.WithIPOptions(0, 131, 0, 0)),
		"short option":  wiretest.UDP(flow, pay, wiretest.WithIPOptions(30, 2, 30, 2)),
		"icmp error":    wiretest.ICMPError(flow, 3, 4, 1400, wiretest.TCP(flow, wire.ACK, nil).IP()),
		"sctp init":     wiretest.SCTP(flow, wiretest.Chunk(wire.SCTPInit, pay)),
		"sctp bundle":   wiretest.SCTP(flow, append(wiretest.Chunk(wire.SCTPCookieEcho, pay[:5]), wiretest.Chunk(wire.SCTPAbort, nil)...)),
		"sctp unpadded": wiretest.SCTP(flow, wiretest.Chunk(wire.SCTPData, pay[:13])[:17]),
		"sctp partial":  wiretest.SCTP(flow, wiretest.Chunk(wire.SCTPData, pay), wiretest.WithPartial()),
		"sctp first":    wiretest.IP(flow, wire.ProtoSCTP, wiretest.SCTP(flow, wiretest.Chunk(wire.SCTPData, pay)).Transport()[:16], wiretest.WithFragment(0, true)),
		"last of 64k":   wiretest.IP(flow, wire.ProtoTCP, wiretest.Payload(3), wiretest.WithFragment(65512, false)),
		"arp":           wiretest.ARP(wire.ARPRequest, wiretest.ClientMAC, "192.0.2.1", wire.Broadcast, "192.0.2.2"),

		"icmp6 error":   wiretest.ICMPError(flow6, 2, 0, 1400, wiretest.TCP(flow6, wire.ACK, nil).IP()),
		"icmp6 partial": wiretest.ICMPEcho(flow6, 1, 2, pay, wiretest.WithPartial()),
		"flow label":    wiretest.TCP(flow6, wire.SYN, nil, wiretest.WithFlowLabel(0x12345), wiretest.WithTOS(0xb9)),
		"icmp of v4":    wiretest.IP(flow6, wire.ProtoICMP, nil),
		"hop-by-hop":    wiretest.TCP(flow6, wire.ACK, pay, wiretest.WithExtension(wiretest.HopByHop, 5, 2, 0, 0, 1, 0)),
		"destination":   wiretest.TCP(flow6, wire.ACK, pay, wiretest.WithExtension(wiretest.Destination, 1, 4, 0, 0, 0, 0), wiretest.WithPartial()),
		"routing":       wiretest.UDP(flow6, pay, wiretest.WithExtension(wiretest.Routing, 0, 0)),
		"atomic":        wiretest.UDP(flow6, pay, wiretest.WithExtension(wiretest.FragmentExt, 0, 0, 1, 2, 3, 4)),
		"all":           extensions(wiretest.HopByHop, wiretest.Destination, wiretest.Routing, wiretest.FragmentExt, wiretest.Destination),
		"eight":         extensions(60, 60, 60, 60, 60, 60, 60, 60),
		"esp":           wiretest.IP(flow6, 50, pay),
		"nothing":       wiretest.IP(flow6, 59, nil),
		"unspecified":   wiretest.UDP(wiretest.Flow{Src: "[::]:1", Dst: "[ff02::1]:2"}, pay),
		"question": wiretest.NDP(wire.Neighbour{Type: wire.ICMP6NeighbourAsk, Target: wiretest.Addr("2001:db8:2::1"), MAC: wiretest.ClientMAC},
			wiretest.ClientMAC, "2001:db8:2::2", wire.MAC{0x33, 0x33, 0xff, 0, 0, 1}, "ff02::1:ff00:1"),
	} {
		all[name] = p
	}
	return all
}

// transportSamples are those that both families have.
func transportSamples(f wiretest.Flow) map[string]*wire.Packet {
	pay := wiretest.Payload(50)
	return map[string]*wire.Packet{
		"tcp syn":      wiretest.TCP(f, wire.SYN, nil, wiretest.WithTCPOptions(2, 4, 5, 180)),
		"tcp data":     wiretest.TCP(f, wire.ACK|wire.PSH, pay, wiretest.WithDF()),
		"tcp padded":   wiretest.TCP(f, wire.ACK, nil, wiretest.WithPad(80)),
		"tcp no flags": wiretest.TCP(f, 0, nil),
		"tcp partial":  wiretest.TCP(f, wire.ACK, pay, wiretest.WithPartial()),
		"tcp super":    wiretest.TCP(f, wire.ACK, wiretest.Payload(65535-40), wiretest.WithGSO(1460)),
		"udp":          wiretest.UDP(f, pay),
		"udp empty":    wiretest.UDP(f, nil),
		"udp partial":  wiretest.UDP(f, pay, wiretest.WithPartial()),
		"udp super":    wiretest.UDP(f, wiretest.Payload(9000), wiretest.WithGSO(1000)),
		"icmp echo":    wiretest.ICMPEcho(f, 1, 2, pay),
		"sctp":         wiretest.SCTP(f, wiretest.Chunk(wire.SCTPData, pay)),
		"ipip":         wiretest.IP(f, wire.ProtoIPIP, wiretest.UDP(flow, pay).IP()),
		"no payload":   wiretest.IP(f, wire.ProtoGRE, nil),
		"first":        wiretest.IP(f, wire.ProtoUDP, wiretest.UDP(f, wiretest.Payload(100)).Transport()[:16], wiretest.WithFragment(0, true)),
		"first tcp":    wiretest.IP(f, wire.ProtoTCP, wiretest.TCP(f, wire.ACK, wiretest.Payload(100)).Transport()[:24], wiretest.WithFragment(0, true)),
		"middle":       wiretest.IP(f, wire.ProtoUDP, wiretest.Payload(16), wiretest.WithFragment(16, true)),
		"last":         wiretest.IP(f, wire.ProtoTCP, wiretest.Payload(3), wiretest.WithFragment(65504, false)),
	}
}

func TestParseSamples(t *testing.T) {
	for name, p := range samples() {
		if _, f := againstOracle(t, p.Frame(), p.Offload, false); f != wire.FaultNone {
			t.Errorf("%s: %v", name, f)
		}
	}
}

func TestParseFields(t *testing.T) {
	p := wiretest.TCP(flow, wire.SYN|wire.CWR, wiretest.Payload(5), wiretest.WithTTL(17), wiretest.WithPad(80))
	if f := wire.Parse(p); f != wire.FaultNone {
		t.Fatal(f)
	}
	if p.Src != wiretest.Addr("192.0.2.1") || p.Dst != wiretest.Addr("198.51.100.1") || p.SrcPort != 1000 || p.DstPort != 80 {
		t.Errorf("ends %v:%d %v:%d", p.Src, p.SrcPort, p.Dst, p.DstPort)
	}
	if p.TTL != 17 || p.Proto != wire.ProtoTCP || p.TCPFlags != wire.SYN|wire.CWR || p.IPLen() != 45 {
		t.Errorf("TTL %d proto %d flags %#x length %d", p.TTL, p.Proto, p.TCPFlags, p.IPLen())
	}
	if got := len(p.TCP().Payload()); got != 5 {
		t.Errorf("payload of %d bytes, want 5: padding must not count", got)
	}
}

// TestEveryLength cuts each sample to every length from 0 to 80, first as it
// is, then with the lengths in its headers adjusted to the cut.
func TestEveryLength(t *testing.T) {
	for _, p := range samples() {
		for n := range min(81, len(p.Frame())) {
			f := append([]byte(nil), p.Frame()[:n]...)
			_, fault := againstOracle(t, f, wire.Offload{}, false)
			if n < p.IPEnd-p.Start && fault == wire.FaultNone {
				t.Fatalf("cut to %d of %d bytes: no fault\n%x", n, p.IPEnd-p.Start, f)
			}
			if n >= 34 && p.EtherType == wire.EtherTypeIPv4 || n >= 54 && p.Is6() {
				againstOracle(t, fixLength(f), wire.Offload{}, false)
			}
		}
	}
	for n := range 81 {
		againstOracle(t, make([]byte, n), wire.Offload{}, false)
	}
}

// fixLength sets total length and header checksum to what the frame has.
func fixLength(f []byte) []byte {
	if wire.Ethernet(f).EtherType() == wire.EtherTypeIPv6 {
		wire.IPv6(f[14:]).SetPayloadLen(len(f) - 14 - wire.IPv6Len)
		return f
	}
	wire.IPv4(f[14:]).SetTotalLen(len(f) - 14)
	return fixChecksum(f)
}

// fixChecksum makes the IP header checksum right, if the header is in the frame.
func fixChecksum(f []byte) []byte {
	if len(f) < 34 || wire.Ethernet(f).EtherType() == wire.EtherTypeIPv6 {
		return f
	}
	if h := wire.IPv4(f[14:]); h.HeaderLen() >= wire.IPv4Len && h.HeaderLen() <= len(h) {
		h.FillChecksum()
	}
	return f
}

// TestMutations spoils samples in a few places, with the header checksum
// mended half of the time so that what lies behind it is reached.
func TestMutations(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	seen := map[wire.Fault]int{}
	for _, p := range samples() {
		for range 3000 {
			f := append([]byte(nil), p.Frame()[:min(len(p.Frame()), 200)]...)
			for range 1 + r.IntN(3) {
				f[12+r.IntN(min(len(f), 80)-12)] = interesting(r)
			}
			if r.IntN(2) == 0 {
				f = fixChecksum(f)
			}
			o := p.Offload
			if r.IntN(4) == 0 {
				o = wire.Offload{Flags: uint8(r.IntN(4)), GSOType: uint8(r.IntN(6)), GSOSize: uint16(r.IntN(2)), CsumStart: 34, CsumOffset: 6}
			}
			_, fault := againstOracle(t, f, o, false)
			seen[fault]++
		}
	}
	if len(seen) < 20 {
		t.Errorf("only %d kinds of fault were reached: %v", len(seen), seen)
	}
}

// interesting returns a byte that is often a limit.
func interesting(r *rand.Rand) byte {
	edges := []byte{0, 1, 2, 4, 8, 0x20, 0x3f, 0x40, 0x44, 0x45, 0x46, 0x4f, 0x50, 0x60, 0x80, 0xff, 131, 137}
	if r.IntN(2) == 0 {
		return byte(r.Uint32())
	}
	return edges[r.IntN(len(edges))]
}

// TestGopacketAgrees decodes each sample with gopacket and compares fields.
func TestGopacketAgrees(t *testing.T) {
	for name, p := range samples() {
		wire.Parse(p)
		if p.EtherType == wire.EtherTypeARP || !gopacketReads(p) {
			continue
		}
		gopacketAgrees(t, name, p, wiretest.Decode(t, p.Frame()))
	}
}

// gopacketAgrees compares the fields of an IP packet.
func gopacketAgrees(t testing.TB, name string, p *wire.Packet, d *wiretest.Decoded) {
	t.Helper()
	src, dst := d.Ends()
	got := []any{p.Src, p.Dst, p.SrcPort, p.DstPort, p.Proto, int(p.FragOff), p.MoreFrags}
	want := []any{wire.AddrFrom(src), wire.AddrFrom(dst), d.SrcPort, d.DstPort, d.Proto, d.FragOff, d.MoreFrags}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: Parse sees %v, gopacket %v", name, got, want)
	}
	for _, check := range []wiretest.Checker{wiretest.TTL(p.TTL), wiretest.IPLen(p.IPLen())} {
		if err := check(t, d); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if d.TCP != nil && (d.TCP.SYN != (p.TCPFlags&wire.SYN != 0) || d.TCP.CWR != (p.TCPFlags&wire.CWR != 0)) {
		t.Errorf("%s: flags %#x, gopacket %+v", name, p.TCPFlags, d.TCP)
	}
	if d.ICMP != nil && (d.ICMP.TypeCode.Type() != p.ICMPType || d.ICMP.TypeCode.Code() != p.ICMPCode) {
		t.Errorf("%s: ICMP %d/%d, gopacket %v", name, p.ICMPType, p.ICMPCode, d.ICMP.TypeCode)
	}
	if d.ICMP6 != nil && (d.ICMP6.TypeCode.Type() != p.ICMPType || d.ICMP6.TypeCode.Code() != p.ICMPCode) {
		t.Errorf("%s: ICMPv6 %d/%d, gopacket %v", name, p.ICMPType, p.ICMPCode, d.ICMP6.TypeCode)
	}
}
