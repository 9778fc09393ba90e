package wire_test

import (
	"testing"

	"ulvs/wire"
	"ulvs/wire/wiretest"
)

const (
	ndpAsker  = "2001:db8:2::2"
	ndpTarget = "2001:db8:2::abcd:1234"
	ndpGroup  = "ff02::1:ffcd:1234"
)

// question and answer are a solicitation and an advertisement as they should
// be.
func question() *wire.Packet {
	n := wire.Neighbour{Type: wire.ICMP6NeighbourAsk, Target: wiretest.Addr(ndpTarget), MAC: wiretest.ClientMAC}
	return wiretest.NDP(n, wiretest.ClientMAC, ndpAsker, wire.GroupMAC(wiretest.Addr(ndpGroup)), ndpGroup)
}

func answer(dst string) *wire.Packet {
	n := wire.Neighbour{Type: wire.ICMP6NeighbourAnswer, Flags: wire.NeighbourSolicited | wire.NeighbourOverride,
		Target: wiretest.Addr(ndpTarget), MAC: wiretest.DirectorMAC}
	return wiretest.NDP(n, wiretest.DirectorMAC, ndpTarget, wiretest.ClientMAC, dst)
}

// TestNDPBuilder lets gopacket read what BuildNDP makes, and ReadNDP too.
func TestNDPBuilder(t *testing.T) {
	ask := question()
	wiretest.CheckPacket(t, ask, wiretest.MACs(wiretest.ClientMAC, wire.MAC{0x33, 0x33, 0xff, 0xcd, 0x12, 0x34}), wiretest.Src(ndpAsker),
		wiretest.Dst(ndpGroup), wiretest.ICMPIs(135, 0), wiretest.TTL(255), wiretest.ValidChecksums(), wiretest.IPLen(72))
	if n, ok := wire.ReadNDP(ask); !ok || !wire.IsNDP(ask) || n.Target != wiretest.Addr(ndpTarget) || n.MAC != wiretest.ClientMAC {
		t.Errorf("read %+v, %v", n, ok)
	}
	tell := answer(ndpAsker)
	wiretest.CheckPacket(t, tell, wiretest.ICMPIs(136, 0), wiretest.TTL(255), wiretest.ValidChecksums())
	if n, ok := wire.ReadNDP(tell); !ok || n.Flags != 0x60 || n.MAC != wiretest.DirectorMAC {
		t.Errorf("read %+v, %v", n, ok)
	}
}

func TestSolicitedNode(t *testing.T) {
	if got := wire.SolicitedNode(wiretest.Addr(ndpTarget)); got != wiretest.Addr(ndpGroup) {
		t.Errorf("solicited-node group of %s is %v", ndpTarget, got)
	}
	if got := wire.GroupMAC(wire.AllNodes); got != (wire.MAC{0x33, 0x33, 0, 0, 0, 1}) {
		t.Errorf("MAC of all nodes is %v", got)
	}
}

// TestNDPRefused spoils good messages in every way that a receiver must check.
func TestNDPRefused(t *testing.T) {
	const icmp, target, option = 40, 48, 64
	rows := map[string]struct {
		p     *wire.Packet
		spoil func(ip []byte)
	}{
		"not from this link":               {question(), func(ip []byte) { ip[7] = 254 }},
		"code":                             {question(), func(ip []byte) { ip[icmp+1] = 1 }},
		"target is a group":                {question(), func(ip []byte) { ip[target] = 0xff }},
		"no target":                        {question(), func(ip []byte) { clear(ip[target : target+16]) }},
		"option without length":            {question(), func(ip []byte) { ip[option+1] = 0 }},
		"option beyond":                    {question(), func(ip []byte) { ip[option+1] = 2 }},
		"from a group":                     {question(), func(ip []byte) { ip[8] = 0xff }},
		"nobody with a MAC":                {question(), func(ip []byte) { clear(ip[8:24]) }},
		"answer to all that was asked for": {answer("ff02::1"), func([]byte) {}},
	}
	for name, c := range rows {
		c.spoil(c.p.IP())
		src, dst := wire.AddrFrom16(c.p.IPv6().Src()), wire.AddrFrom16(c.p.IPv6().Dst())
		c.p.ICMPv6().FillChecksum(src, dst)
		if f := wire.Parse(c.p); f != wire.FaultNone {
			t.Fatalf("%s: %v", name, f)
		}
		if n, ok := wire.ReadNDP(c.p); ok {
			t.Errorf("%s: read %+v", name, n)
		}
	}
	bad := question()
	bad.IP()[icmp+2] ^= 1
	if n, ok := wire.ReadNDP(bad); ok {
		t.Errorf("wrong checksum: read %+v", n)
	}
}

// TestNDPWithoutOption: a host that is about to take an address asks without
// saying who it is, and a unicast question need not either.
func TestNDPWithoutOption(t *testing.T) {
	n := wire.Neighbour{Type: wire.ICMP6NeighbourAsk, Target: wiretest.Addr(ndpTarget)}
	p := wiretest.NDP(n, wiretest.ClientMAC, "::", wire.GroupMAC(wiretest.Addr(ndpGroup)), ndpGroup)
	if got, ok := wire.ReadNDP(p); !ok || got != n || p.IPLen() != 64 {
		t.Errorf("read %+v, %v", got, ok)
	}
}

func TestIPv6Header(t *testing.T) {
	p := wiretest.UDP(flow6, wiretest.Payload(9))
	for i := range wire.IPv6Len {
		p.IP()[i] = 0xff
	}
	h := (&wire.IPv6Header{TrafficClass: 0xb8, PayloadLen: 17, NextHeader: wire.ProtoUDP, HopLimit: 7,
		Src: wiretest.Addr("2001:db8::1"), Dst: wiretest.Addr("2001:db8::2")}).Put(p.IP())
	wiretest.CheckPacket(t, p, wiretest.TOS(0xb8), wiretest.IPLen(57), wiretest.TTL(7), wiretest.Proto(wire.ProtoUDP),
		wiretest.Src("2001:db8::1"), wiretest.Dst("2001:db8::2"))
	same(t, "header", []any{h.Version(), h.TrafficClass(), h.FlowLabel(), h.PayloadLen(), h.NextHeader(), h.HopLimit()},
		[]any{6, 0xb8, 0, 17, 17, 7})
}
