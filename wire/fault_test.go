package wire_test

import (
	"regexp"
	"testing"

	"ulvs/wire"
	"ulvs/wire/wiretest"
)

// malformed is one frame for each way to be wrong.
type malformed struct {
	name  string
	frame []byte
	want  wire.Fault
}

// spoil copies p's frame, writes v at offset at, and mends the header checksum.
func spoil(p *wire.Packet, at int, v ...byte) []byte {
	f := append([]byte(nil), p.Frame()...)
	copy(f[at:], v)
	return fixChecksum(f)
}

// fragment makes a fragment of n bytes.
func fragment(proto uint8, n, off int, more bool) []byte {
	return wiretest.IP(flow, proto, wiretest.TCP(flow, wire.SYN, wiretest.Payload(100)).Transport()[:n],
		wiretest.WithFragment(off, more)).Frame()
}

// Offsets in a frame with an IP header of 20 bytes.
const (
	atType, atIP, atTotal, atSum, atL4 = 12, 14, 16, 24, 34
)

func malformedFrames() []malformed { return append(malformed4(), malformed6()...) }

func malformed4() []malformed {
	udp, tcp := wiretest.UDP(flow, wiretest.Payload(20)), wiretest.TCP(flow, wire.SYN, nil, wiretest.WithTCPOptions(2, 4, 5, 180))
	icmp, arp := wiretest.ICMPEcho(flow, 1, 1, nil), wiretest.ARP(1, wiretest.ClientMAC, "192.0.2.1", wire.Broadcast, "192.0.2.2")
	sctp := wiretest.SCTP(flow, wiretest.Chunk(wire.SCTPData, wiretest.Payload(20)))
	opt := func(b ...byte) []byte { return wiretest.UDP(flow, nil, wiretest.WithIPOptions(b...)).Frame() }
	ip := func(proto uint8, n int) []byte { return wiretest.IP(flow, proto, make([]byte, n)).Frame() }
	unmended := append([]byte(nil), udp.Frame()...)
	unmended[atSum] ^= 1
	return []malformed{
		{"no bytes", nil, wire.FaultShortEthernet},
		{"ethernet one byte short", udp.Frame()[:13], wire.FaultShortEthernet},
		{"vlan tag in the frame", spoil(udp, atType, 0x81, 0x00), wire.FaultStackedVLAN},
		{"provider tag in the frame", spoil(udp, atType, 0x88, 0xa8), wire.FaultStackedVLAN},
		{"802.3 length", spoil(udp, atType, 0x00, 0x2e), wire.FaultEtherType},
		{"lldp", spoil(udp, atType, 0x88, 0xcc), wire.FaultEtherType},
		{"ipv4 as ipv6", spoil(udp, atType, 0x86, 0xdd), wire.FaultIPVersion},
		{"ethernet header alone", udp.Frame()[:14], wire.FaultShortIP},
		{"ip one byte short", udp.Frame()[:33], wire.FaultShortIP},
		{"version 6 in ipv4", spoil(udp, atIP, 0x65), wire.FaultIPVersion},
		{"version 0", spoil(udp, atIP, 0x05), wire.FaultIPVersion},
		{"ihl 0", spoil(udp, atIP, 0x40), wire.FaultIHLSmall},
		{"ihl 4", spoil(udp, atIP, 0x44), wire.FaultIHLSmall},
		{"ihl 15 in a short frame", spoil(udp, atIP, 0x4f)[:60], wire.FaultIHLBeyond},
		{"total length 0", spoil(udp, atTotal, 0, 0), wire.FaultTotalSmall},
		{"total length 19", spoil(udp, atTotal, 0, 19), wire.FaultTotalSmall},
		{"total length below ihl 6", spoil(wiretest.UDP(flow, nil, wiretest.WithIPOptions(1)), atTotal, 0, 23), wire.FaultTotalSmall},
		{"total length one beyond", spoil(udp, atTotal, 0, 49), wire.FaultTotalBeyond},
		{"total length 65535", spoil(udp, atTotal, 0xff, 0xff), wire.FaultTotalBeyond},
		{"header checksum", unmended, wire.FaultIPChecksum},
		{"header checksum with options", append(opt(1, 1, 1, 1)[:atSum:atSum], append([]byte{0, 0}, opt(1, 1, 1, 1)[atSum+2:]...)...), wire.FaultIPChecksum},
		{"option of length 0", opt(7, 0, 0, 0), wire.FaultIPOption},
		{"option of length 1", opt(7, 1, 0, 0), wire.FaultIPOption},
		{"option beyond the header", opt(7, 5, 4, 0), wire.FaultIPOption},
		{"option without length", opt(1, 1, 1, 7), wire.FaultIPOption},
		{"loose source route", opt(131, 7, 4, 192, 0, 2, 9), wire.FaultSourceRoute},
		{"strict source route", opt(137, 7, 4, 192, 0, 2, 9), wire.FaultSourceRoute},
		{"source route behind others", opt(1, 7, 3, 4, 131, 3, 4), wire.FaultSourceRoute},
		{"fragment not of 8", fragment(wire.ProtoUDP, 15, 0, true), wire.FaultFragmentLength},
		{"later fragment not of 8", fragment(wire.ProtoUDP, 7, 64, true), wire.FaultFragmentLength},
		{"empty fragment", fragment(wire.ProtoUDP, 0, 0, true), wire.FaultFragmentLength},
		{"ping of death", fragment(wire.ProtoICMP, 40, 65528, false), wire.FaultFragmentBeyond},
		{"one byte beyond 64k", fragment(wire.ProtoUDP, 4, 65512, false), wire.FaultFragmentBeyond},
		{"tiny fragment of 8", fragment(wire.ProtoTCP, 8, 0, true), wire.FaultTinyFragment},
		{"tiny fragment of 16", fragment(wire.ProtoTCP, 16, 0, true), wire.FaultTinyFragment},
		{"first fragment without all options", wiretest.IP(flow, wire.ProtoTCP, wiretest.TCP(flow, wire.SYN, nil,
			wiretest.WithTCPOptions(wiretest.Payload(40)...)).Transport()[:24], wiretest.WithFragment(0, true)).Frame(), wire.FaultTinyFragment},
		{"tcp fragment at 8", fragment(wire.ProtoTCP, 16, 8, true), wire.FaultTCPFragment},
		{"last tcp fragment at 8", fragment(wire.ProtoTCP, 16, 8, false), wire.FaultTCPFragment},
		{"tcp empty", ip(wire.ProtoTCP, 0), wire.FaultShortTCP},
		{"tcp one byte short", ip(wire.ProtoTCP, 19), wire.FaultShortTCP},
		{"tcp offset 0", spoil(tcp, atL4+12, 0x00), wire.FaultTCPOffsetSmall},
		{"tcp offset 4", spoil(tcp, atL4+12, 0x40), wire.FaultTCPOffsetSmall},
		{"tcp offset one beyond", spoil(tcp, atL4+12, 0x70), wire.FaultTCPOffsetBeyond},
		{"tcp offset 15", spoil(tcp, atL4+12, 0xf0), wire.FaultTCPOffsetBeyond},
		{"udp empty", ip(wire.ProtoUDP, 0), wire.FaultShortUDP},
		{"udp one byte short", ip(wire.ProtoUDP, 7), wire.FaultShortUDP},
		{"udp length 0", spoil(udp, atL4+4, 0, 0), wire.FaultUDPLengthSmall},
		{"udp length 7", spoil(udp, atL4+4, 0, 7), wire.FaultUDPLengthSmall},
		{"udp length one beyond", spoil(udp, atL4+4, 0, 29), wire.FaultUDPLengthBeyond},
		{"udp length in padding", spoil(wiretest.UDP(flow, nil, wiretest.WithPad(60)), atL4+4, 0, 9), wire.FaultUDPLengthBeyond},
		{"icmp one byte short", ip(wire.ProtoICMP, 7), wire.FaultShortICMP},
		{"icmp cut", fixLength(append([]byte(nil), icmp.Frame()[:40]...)), wire.FaultShortICMP},
		{"sctp empty", ip(wire.ProtoSCTP, 0), wire.FaultShortSCTP},
		{"sctp one byte short", ip(wire.ProtoSCTP, 15), wire.FaultShortSCTP},
		{"sctp chunk length 0", spoil(sctp, atL4+14, 0, 0), wire.FaultSCTPChunkSmall},
		{"sctp chunk length 3", spoil(sctp, atL4+14, 0, 3), wire.FaultSCTPChunkSmall},
		{"sctp chunk one beyond", spoil(sctp, atL4+14, 0, 25), wire.FaultSCTPChunkBeyond},
		{"sctp chunk in padding", spoil(wiretest.SCTP(flow, wiretest.Chunk(wire.SCTPCookieAck, nil), wiretest.WithPad(60)), atL4+14, 0, 5), wire.FaultSCTPChunkBeyond},
		{"arp one byte short", arp.Frame()[:41], wire.FaultShortARP},
		{"arp hardware", spoil(arp, 14, 0, 6), wire.FaultARPFormat},
		{"arp protocol", spoil(arp, 16, 0x86, 0xdd), wire.FaultARPFormat},
		{"arp hardware length", spoil(arp, 18, 8), wire.FaultARPFormat},
		{"arp protocol length", spoil(arp, 19, 16), wire.FaultARPFormat},
	}
}

func TestMalformed(t *testing.T) {
	for _, c := range malformedFrames() {
		t.Run(c.name, func(t *testing.T) {
			if _, got := againstOracle(t, c.frame, wire.Offload{}, false); got != c.want {
				t.Errorf("Parse = %v, want %v\n%x", got, c.want, c.frame)
			}
			if _, got := againstOracle(t, c.frame, wire.Offload{}, true); got != wire.FaultClipped {
				t.Errorf("clipped: Parse = %v", got)
			}
		})
	}
}

// TestMalformedOffload has virtio-net headers that lie.
func TestMalformedOffload(t *testing.T) {
	tcp, udp := wiretest.TCP(flow, wire.ACK, wiretest.Payload(3000)), wiretest.UDP(flow, wiretest.Payload(3000))
	sctp := wiretest.SCTP(flow, wiretest.Chunk(wire.SCTPData, wiretest.Payload(3000)))
	icmp, first := wiretest.ICMPEcho(flow, 1, 1, nil), wiretest.Raw(fragment(wire.ProtoTCP, 24, 0, true))
	last := wiretest.Raw(fragment(wire.ProtoUDP, 24, 64, false))
	good, gso := wire.Offload{Flags: wire.NeedsCsum, CsumStart: 34, CsumOffset: 16}, wire.Offload{GSOType: wire.GSOTCPv4, GSOSize: 1000}
	rows := map[string]struct {
		p *wire.Packet
		o wire.Offload
	}{
		"start elsewhere":     {tcp, wire.Offload{Flags: wire.NeedsCsum, CsumStart: 54, CsumOffset: 16}},
		"field elsewhere":     {tcp, wire.Offload{Flags: wire.NeedsCsum, CsumStart: 34, CsumOffset: 6}},
		"udp with tcp field":  {udp, good},
		"icmp":                {icmp, good},
		"fragment":            {first, good},
		"last fragment":       {last, good},
		"gso fragment":        {first, gso},
		"gso last fragment":   {last, gso},
		"gso of udp as tcp":   {udp, gso},
		"gso of tcp as udp":   {tcp, wire.Offload{GSOType: wire.GSOUDPL4, GSOSize: 1000}},
		"gso without size":    {tcp, wire.Offload{GSOType: wire.GSOTCPv4}},
		"gso of ipv6":         {tcp, wire.Offload{GSOType: wire.GSOTCPv6, GSOSize: 1000}},
		"gso unknown":         {tcp, wire.Offload{GSOType: 9, GSOSize: 1000}},
		"gso of icmp":         {icmp, gso},
		"gso of sctp":         {sctp, gso},
		"sctp with tcp field": {sctp, good},
		"gso and wrong start": {tcp, wire.Offload{Flags: wire.NeedsCsum, GSOType: wire.GSOTCPv4, GSOSize: 1000, CsumStart: 33, CsumOffset: 16}},
	}
	tcp6, icmp6 := wiretest.TCP(flow6, wire.ACK, wiretest.Payload(3000)), wiretest.ICMPEcho(flow6, 1, 1, nil)
	good6 := wire.Offload{Flags: wire.NeedsCsum, CsumStart: 54, CsumOffset: 16}
	type row = struct {
		p *wire.Packet
		o wire.Offload
	}
	rows["v6: start of ipv4"] = row{tcp6, good}
	rows["v6: gso of ipv4"] = row{tcp6, gso}
	rows["v6: gso of icmp"] = row{icmp6, wire.Offload{GSOType: wire.GSOTCPv6, GSOSize: 1000}}
	rows["v6: icmp with tcp field"] = row{icmp6, good6}
	rows["v6: fragment"] = row{wiretest.Raw(fragment6(wire.ProtoTCP, 24, 0, true)), wire.Offload{Flags: wire.NeedsCsum, CsumStart: 62, CsumOffset: 16}}
	rows["v6: last fragment"] = row{wiretest.Raw(fragment6(wire.ProtoUDP, 24, 64, false)), good6}
	if _, got := againstOracle(t, tcp6.Frame(), good6, false); got != wire.FaultNone {
		t.Errorf("partial checksum of IPv6: Parse = %v", got)
	}
	for name, c := range rows {
		if _, got := againstOracle(t, c.p.Frame(), c.o, false); got != wire.FaultOffload {
			t.Errorf("%s: Parse = %v, want %v", name, got, wire.FaultOffload)
		}
	}
	for _, o := range []wire.Offload{good, gso, {Flags: wire.DataValid}, {GSOType: wire.GSOTCPv4 | wire.GSOECN, GSOSize: 1}, {HdrLen: 9, GSOSize: 7}} {
		if _, got := againstOracle(t, tcp.Frame(), o, false); got != wire.FaultNone {
			t.Errorf("%+v: Parse = %v", o, got)
		}
	}
}

// TestFaultNames checks that every fault has a stable name of its own and is
// the result of some row above.
func TestFaultNames(t *testing.T) {
	kebab := regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	reached := map[wire.Fault]bool{wire.FaultNone: true, wire.FaultClipped: true, wire.FaultOffload: true}
	for _, c := range malformedFrames() {
		reached[c.want] = true
	}
	names := map[string]bool{}
	for f := range wire.Fault(wire.NumFaults) {
		if !kebab.MatchString(f.String()) || names[f.String()] {
			t.Errorf("fault %d has the name %q", f, f)
		}
		names[f.String()] = true
		if !reached[f] {
			t.Errorf("no malformed frame gives %v", f)
		}
	}
	if got := wire.Fault(wire.NumFaults).String(); got != "unknown-fault" {
		t.Errorf("a fault that is none has the name %q", got)
	}
}
