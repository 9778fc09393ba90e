package wiretest

import (
	"bytes"
	"strings"
	"testing"

	"ulvs/wire"
)

var flow = Flow{Src: "192.0.2.1:1000", Dst: "198.51.100.1:53"}

func TestBuildersMakeWhatCheckersSee(t *testing.T) {
	pay := Payload(33)
	p := TCP(flow, wire.SYN|wire.ACK, pay, WithTTL(9), WithTOS(0x2e), WithID(77), WithDF(),
		WithSeq(5, 6), WithTCPOptions(2, 4, 5, 180), WithIPOptions(1, 1, 1))
	CheckPacket(t, p, Src(flow.Src), Dst(flow.Dst), TTL(9), TOS(0x2e), ID(77), DF(true), Seq(5),
		TCPFlags(wire.SYN|wire.ACK), Proto(wire.ProtoTCP), HasPayload(pay), MACs(ClientMAC, DirectorMAC),
		IPLen(24+24+33), Fragment(0, false), ValidChecksums())
	CheckPacket(t, UDP(flow, pay, WithPad(200)), Src("192.0.2.1"), DF(false), HasPayload(pay), ValidChecksums())
	CheckPacket(t, UDP(flow, pay, WithNoChecksum()), NoChecksum(), ValidChecksums())
	CheckPacket(t, UDP(flow, pay, WithBadChecksum()), BadTransportChecksum())
	CheckPacket(t, ICMPEcho(flow, 1, 2, pay), ICMPIs(wire.ICMPEcho, 0), ValidChecksums())
	CheckPacket(t, SCTP(flow, Chunk(wire.SCTPInit, pay)), Src(flow.Src), Dst(flow.Dst), FirstChunk(wire.SCTPInit), ValidChecksums())
	CheckPacket(t, SCTP(flow, Chunk(wire.SCTPData, pay), WithBadChecksum()), BadTransportChecksum())
	CheckPacket(t, SCTP(flow, Chunk(wire.SCTPData, pay), WithPartial()), HasPayload(Chunk(wire.SCTPData, pay)), ValidChecksums())
}

func TestErrorsAndTunnels(t *testing.T) {
	in := TCP(flow, wire.ACK, Payload(100))
	e := ICMPError(Flow{"203.0.113.1", "192.0.2.1"}, wire.ICMPUnreachable, wire.ICMPFragNeeded, 1480, in.IP()[:28])
	CheckPacket(t, e, ICMPIs(3, 4), MTU(1480), ValidChecksums(),
		Quoted(Src(flow.Src), Dst(flow.Dst), Proto(wire.ProtoTCP), ValidChecksums()))
	tun := IP(Flow{"203.0.113.1", "203.0.113.2"}, wire.ProtoIPIP, in.IP())
	CheckPacket(t, tun, Src("203.0.113.1"), ValidChecksums(), Inner(Src(flow.Src), TCPFlags(wire.ACK), ValidChecksums()))
}

func TestSuperFrames(t *testing.T) {
	p := TCP(flow, wire.ACK, Payload(60000), WithGSO(1448))
	want := wire.Offload{Flags: wire.NeedsCsum, GSOType: wire.GSOTCPv4, HdrLen: 54, GSOSize: 1448, CsumStart: 34, CsumOffset: 16}
	if p.Offload != want {
		t.Errorf("Offload = %+v, want %+v", p.Offload, want)
	}
	if f := wire.Parse(p); f != wire.FaultNone {
		t.Errorf("Parse = %v", f)
	}
	CheckPacket(t, p, ValidChecksums())
	u := UDP(flow, Payload(5000), WithGSO(1000))
	if u.Offload.GSO() != wire.GSOUDPL4 || wire.Parse(u) != wire.FaultNone {
		t.Errorf("UDP super-frame: %+v, %v", u.Offload, wire.Parse(u))
	}
}

func TestFragments(t *testing.T) {
	whole := UDP(flow, Payload(100)).Transport()
	first := IP(flow, wire.ProtoUDP, whole[:64], WithFragment(0, true))
	last := IP(flow, wire.ProtoUDP, whole[64:], WithFragment(64, false))
	CheckPacket(t, first, Src(flow.Src), Fragment(0, true), ValidChecksums())
	CheckPacket(t, last, Src("192.0.2.1"), Fragment(64, false), ValidChecksums())
	if !first.IsFragment() || !last.IsFragment() || first.DstPort != 53 || last.L4 != 0 {
		t.Errorf("first %+v, last %+v", first, last)
	}
}

func TestARPAndRaw(t *testing.T) {
	p := ARP(wire.ARPRequest, ClientMAC, "192.0.2.1", wire.Broadcast, "192.0.2.2")
	CheckPacket(t, p, MACs(ClientMAC, wire.Broadcast),
		ARPIs(wire.ARPRequest, ClientMAC, "192.0.2.1", wire.MAC{}, "192.0.2.2"))
	r := Raw([]byte{1, 2, 3}, WithVLAN(7), WithIn(3), WithHeadroom(100))
	if !r.HasVLAN || r.VLANTCI != 7 || r.In != 3 || r.Start != 100 || !bytes.Equal(r.Frame(), []byte{1, 2, 3}) {
		t.Errorf("Raw = %+v", r)
	}
	c := Clone(p)
	c.Frame()[0] = 0
	if p.Frame()[0] != 0xff {
		t.Error("Clone shares memory")
	}
}

// recorder is a testing.TB that keeps failures.
type recorder struct {
	testing.TB
	msgs []string
}

func (r *recorder) Helper() {}
func (r *recorder) Errorf(f string, args ...any) {
	r.msgs = append(r.msgs, f)
}

func TestCheckersFail(t *testing.T) {
	tcp, udp, arp := TCP(flow, wire.SYN, nil), UDP(flow, nil, WithBadChecksum()), ARP(1, ClientMAC, "192.0.2.1", DirectorMAC, "192.0.2.2")
	cases := map[string]struct {
		p *wire.Packet
		c Checker
	}{
		"src":           {tcp, Src("192.0.2.1:1001")},
		"dst":           {tcp, Dst("198.51.100.2")},
		"ttl":           {tcp, TTL(63)},
		"flags":         {tcp, TCPFlags(wire.ACK)},
		"flags of udp":  {udp, TCPFlags(wire.ACK)},
		"seq of udp":    {udp, Seq(1)},
		"payload":       {tcp, HasPayload([]byte{1})},
		"arp payload":   {arp, HasPayload(nil)},
		"ip of arp":     {arp, TTL(64)},
		"sums of arp":   {arp, ValidChecksums()},
		"bad udp":       {udp, ValidChecksums()},
		"good tcp":      {tcp, BadTransportChecksum()},
		"no sum":        {udp, NoChecksum()},
		"no sum tcp":    {tcp, NoChecksum()},
		"icmp of tcp":   {tcp, ICMPIs(3, 4)},
		"mtu of tcp":    {tcp, MTU(1)},
		"quote of tcp":  {tcp, Quoted()},
		"inner of tcp":  {tcp, Inner()},
		"arp of tcp":    {tcp, ARPIs(1, ClientMAC, "192.0.2.1", ClientMAC, "192.0.2.1")},
		"arp":           {arp, ARPIs(2, ClientMAC, "192.0.2.1", DirectorMAC, "192.0.2.2")},
		"mac":           {tcp, MACs(DirectorMAC, DirectorMAC)},
		"partial lies":  {partialLie(), ValidChecksums()},
		"bad checksums": {badIPSum(), ValidChecksums()},
	}
	for name, c := range cases {
		r := &recorder{TB: t}
		CheckPacket(r, c.p, c.c)
		if len(r.msgs) != 1 || !strings.Contains(r.msgs[0], "%") {
			t.Errorf("%s: failures %q, want one", name, r.msgs)
		}
	}
}

// partialLie has a finished checksum that the Offload calls partial.
func partialLie() *wire.Packet {
	p := TCP(flow, wire.ACK, nil)
	p.Offload = TCP(flow, wire.ACK, nil, WithPartial()).Offload
	return p
}

func badIPSum() *wire.Packet {
	p := TCP(flow, wire.ACK, nil)
	p.IPv4().SetID(1)
	return p
}
