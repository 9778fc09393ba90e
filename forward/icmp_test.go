package forward

import (
	"bytes"
	"testing"

	"ulvs/forward/forwardtest"
	"ulvs/wire"
	"ulvs/wire/wiretest"
)

func TestBuildICMPError(t *testing.T) {
	for _, c := range []struct {
		name  string
		p     *wire.Packet
		quote int // bytes of p quoted
	}{
		{"syn", wiretest.TCP(inboundFlow, wire.SYN, nil, wiretest.WithIn(7)), 40},
		{"padded", wiretest.TCP(inboundFlow, wire.SYN, nil, wiretest.WithPad(60), wiretest.WithIn(7)), 40},
		{"just whole", wiretest.UDP(inboundFlow, wiretest.Payload(520), wiretest.WithIn(7)), 548},
		{"cut", wiretest.UDP(inboundFlow, wiretest.Payload(521), wiretest.WithIn(7)), 548},
		{"odd", wiretest.UDP(inboundFlow, wiretest.Payload(5), wiretest.WithIn(7)), 33},
		{"super-frame", wiretest.TCP(inboundFlow, wire.ACK, wiretest.Payload(60000), wiretest.WithGSO(1448), wiretest.WithIn(7)), 548},
		{"first fragment", wiretest.UDP(inboundFlow, wiretest.Payload(1472), wiretest.WithFragment(0, true), wiretest.WithIn(7)), 548},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := bytes.Clone(c.p.Buf)
			e := forwardtest.Fresh(MaxICMPErrorFrame)
			BuildICMPError(e, c.p, wire.ICMPUnreachable, wire.ICMPFragNeeded, 1480, virtualAddr)
			if !bytes.Equal(before, c.p.Buf) {
				t.Errorf("the packet changed")
			}
			if got := e.IP()[28:]; !bytes.Equal(got, c.p.IP()[:c.quote]) {
				t.Errorf("quotes %d bytes, want %d", len(got), c.quote)
			}
			if e.In != 7 || e.TTL != 64 {
				t.Errorf("in %d, TTL %d", e.In, e.TTL)
			}
			forwardtest.Consistent(t, e)
			wiretest.CheckPacket(t, e, wiretest.MACs(wire.MAC{}, wire.MAC{}), wiretest.Src("198.51.100.1"), wiretest.Dst("192.0.2.10"),
				wiretest.TTL(64), wiretest.TOS(0xc0), wiretest.DF(false), wiretest.ICMPIs(3, 4), wiretest.MTU(1480),
				wiretest.ValidChecksums(), wiretest.IPLen(28+c.quote),
				wiretest.Quoted(wiretest.Src(forwardtest.Client), wiretest.Dst(forwardtest.Virtual)))
		})
	}
}

func TestCanError(t *testing.T) {
	flow := func(src, dst string) wiretest.Flow { return wiretest.Flow{Src: src, Dst: dst} }
	plain := func(src, dst string) *wire.Packet { return wiretest.UDP(flow(src+":1", dst+":2"), nil) }
	to := func(kind wire.PacketType) *wire.Packet {
		p := plain("192.0.2.10", "198.51.100.1")
		p.PktType = kind
		return p
	}
	icmp := func(typ uint8) *wire.Packet {
		return wiretest.ICMP(flow("192.0.2.10", "198.51.100.1"), typ, 0, 0, 0, wiretest.Payload(32))
	}
	for name, c := range map[string]struct {
		p    *wire.Packet
		want bool
	}{
		"unicast":                 {plain("192.0.2.10", "198.51.100.1"), true},
		"to another host":         {to(wire.ToOtherHost), true},
		"broadcast frame":         {to(wire.ToBroadcast), false},
		"multicast frame":         {to(wire.ToMulticast), false},
		"to multicast":            {plain("192.0.2.10", "224.0.0.81"), false},
		"to broadcast":            {plain("192.0.2.10", "255.255.255.255"), false},
		"from nobody":             {plain("0.0.0.0", "198.51.100.1"), false},
		"from loopback":           {plain("127.0.0.1", "198.51.100.1"), false},
		"from multicast":          {plain("224.0.0.1", "198.51.100.1"), false},
		"first fragment":          {wiretest.UDP(inboundFlow, wiretest.Payload(64), wiretest.WithFragment(0, true)), true},
		"later fragment":          {wiretest.UDP(inboundFlow, wiretest.Payload(64), wiretest.WithFragment(64, false)), false},
		"echo request":            {icmp(wire.ICMPEcho), true},
		"port unreachable":        {icmp(wire.ICMPUnreachable), false},
		"redirect":                {icmp(wire.ICMPRedirect), false},
		"time exceeded":           {icmp(wire.ICMPTimeExceeded), false},
		"later fragment of error": {wiretest.ICMP(flow("192.0.2.10", "198.51.100.1"), 3, 3, 0, 0, wiretest.Payload(32), wiretest.WithFragment(64, false)), false},
	} {
		if got := CanError(c.p); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// quotedBy is an ICMP error that quotes the first n bytes of p's IP packet.
func quotedBy(p *wire.Packet, n int, opts ...wiretest.Option) *wire.Packet {
	return wiretest.ICMPError(wiretest.Flow{Src: "203.0.113.50", Dst: "192.0.2.10"}, 3, 4, 1300, p.IP()[:n], opts...)
}

func TestQuotedFlow(t *testing.T) {
	flow := wiretest.Flow{Src: forwardtest.Client, Dst: forwardtest.Real}
	tcp := wiretest.TCP(flow, wire.ACK, wiretest.Payload(40))
	udp := wiretest.UDP(flow, wiretest.Payload(40))
	damage := func(p *wire.Packet, at int, b byte) *wire.Packet {
		q := wiretest.Clone(p)
		q.Buf[q.L3+at] = b
		return q
	}
	options := wiretest.TCP(flow, wire.ACK, nil, wiretest.WithIPOptions(1, 1, 1, 0))
	redirect := wiretest.ICMPError(wiretest.Flow{Src: "203.0.113.50", Dst: "192.0.2.10"}, wire.ICMPRedirect, 1, 0, tcp.IP())
	echo := wiretest.ICMPEcho(wiretest.Flow{Src: "203.0.113.50", Dst: "192.0.2.10"}, 1, 1, tcp.IP())
	for name, c := range map[string]struct {
		p    *wire.Packet
		want bool
	}{
		"tcp whole":        {quotedBy(tcp, 80), true},
		"tcp 8 bytes":      {quotedBy(tcp, 28), true},
		"udp 8 bytes":      {quotedBy(udp, 28), true},
		"options":          {quotedBy(options, 32), true},
		"7 bytes":          {quotedBy(tcp, 27), false},
		"options 7 bytes":  {quotedBy(options, 31), false},
		"header alone":     {quotedBy(tcp, 20), false},
		"half a header":    {quotedBy(tcp, 19), false},
		"nothing":          {quotedBy(tcp, 0), false},
		"ihl 4":            {quotedBy(damage(tcp, 0, 0x44), 80), false},
		"ihl 15":           {quotedBy(damage(tcp, 0, 0x4f), 60), false},
		"ihl 15 no ports":  {quotedBy(damage(tcp, 0, 0x4f), 67), false},
		"version 6":        {quotedBy(damage(tcp, 0, 0x65), 80), false},
		"total length 27":  {quotedBy(damage(damage(tcp, 2, 0), 3, 27), 80), false},
		"nested ipip":      {quotedBy(damage(tcp, 9, wire.ProtoIPIP), 80), false},
		"nested icmp":      {quotedBy(quotedBy(tcp, 28), 56), false},
		"later fragment":   {quotedBy(damage(tcp, 7, 8), 80), false},
		"first fragment":   {quotedBy(damage(tcp, 6, 0x20), 80), true},
		"error fragmented": {quotedBy(tcp, 28, wiretest.WithFragment(0, true)), false},
		"error later part": {quotedBy(tcp, 28, wiretest.WithFragment(64, false)), false},
		"redirect":         {redirect, false},
		"echo":             {echo, false},
		"tcp":              {tcp, false},
	} {
		q, ok := QuotedFlow(c.p)
		if ok != c.want {
			t.Errorf("%s: %v, want %v", name, ok, c.want)
		}
		if ok && (q.Src != clientAddr || q.Dst != realAddr || q.SrcPort != 4000 || q.DstPort != 8080 || q.Proto != udp.Proto && q.Proto != tcp.Proto) {
			t.Errorf("%s: %+v", name, q)
		}
		if !ok {
			before := bytes.Clone(c.p.Buf)
			if ICMPInbound(c.p, realAddr, 1) || ICMPOutbound(c.p, virtualAddr, 1) || !bytes.Equal(before, c.p.Buf) {
				t.Errorf("%s: translated", name)
			}
		}
	}
}

// TestICMPTranslation takes an error through both directions for every length
// of the quote.
func TestICMPTranslation(t *testing.T) {
	for _, p := range []*wire.Packet{
		wiretest.TCP(wiretest.Flow{Src: forwardtest.Client, Dst: forwardtest.Real}, wire.ACK, wiretest.Payload(45)),
		wiretest.UDP(wiretest.Flow{Src: forwardtest.Client, Dst: forwardtest.Real}, wiretest.Payload(45)),
	} {
		for n := 28; n <= p.IPLen(); n++ {
			e := quotedBy(p, n)
			original := bytes.Clone(e.IP())
			if !ICMPOutbound(e, virtualAddr, 80) || !ValidICMP(e) {
				t.Fatalf("quote of %d bytes: refused or invalid", n)
			}
			forwardtest.Consistent(t, e)
			wiretest.CheckPacket(t, e, wiretest.Src("198.51.100.1"), wiretest.Dst("192.0.2.10"), wiretest.MTU(1300), wiretest.ValidChecksums(),
				wiretest.Quoted(wiretest.Src(forwardtest.Client), wiretest.Dst(forwardtest.Virtual), wiretest.ValidChecksums()))

			back := wiretest.ICMPError(wiretest.Flow{Src: "192.0.2.200", Dst: "198.51.100.1"}, 11, 0, 0, reply(p, n))
			if !ICMPInbound(back, realAddr, 8080) || !ValidICMP(back) {
				t.Fatalf("quote of %d bytes: refused or invalid", n)
			}
			forwardtest.Consistent(t, back)
			wiretest.CheckPacket(t, back, wiretest.Src("192.0.2.200"), wiretest.Dst("203.0.113.1"), wiretest.ICMPIs(11, 0), wiretest.ValidChecksums(),
				wiretest.Quoted(wiretest.Src(forwardtest.Real), wiretest.Dst(forwardtest.Client), wiretest.ValidChecksums()))

			ICMPOutbound(e, realAddr, 8080)
			realAddr.Put4(original[12:]) // the router's own address is gone
			wire.IPv4(original).FillChecksum()
			if !bytes.Equal(e.IP(), original) {
				t.Fatalf("quote of %d bytes: there and back changed it", n)
			}
		}
	}
}

// reply is the beginning of the virtual service's answer to p.
func reply(p *wire.Packet, n int) []byte {
	f := wiretest.Flow{Src: forwardtest.Virtual, Dst: forwardtest.Client}
	if p.Proto == wire.ProtoUDP {
		return wiretest.UDP(f, wiretest.Payload(60)).IP()[:n]
	}
	return wiretest.TCP(f, wire.ACK, wiretest.Payload(60)).IP()[:n]
}

// TestICMPKeepsWrongChecksum: translation does not make a bad message good.
func TestICMPKeepsWrongChecksum(t *testing.T) {
	tcp := wiretest.TCP(wiretest.Flow{Src: forwardtest.Client, Dst: forwardtest.Real}, wire.ACK, nil)
	e := quotedBy(tcp, 28, wiretest.WithBadChecksum())
	if ValidICMP(e) {
		t.Fatal("a wrong checksum is valid")
	}
	ICMPOutbound(e, virtualAddr, 80)
	if ValidICMP(e) {
		t.Error("the checksum was repaired")
	}
}

func TestTunnelQuote(t *testing.T) {
	for i := range tunnelKinds {
		t.Run(tunnelKinds[i].name, func(t *testing.T) { checkTunnelQuote(t, &tunnelKinds[i]) })
	}
	var inner wire.Packet
	if _, ok := TunnelQuote(&inner, quotedBy(wiretest.TCP(inboundFlow, wire.ACK, wiretest.Payload(40)), 80)); ok {
		t.Error("took TCP for a tunnel")
	}
}

// checkTunnelQuote quotes every length of a tunnel packet.
func checkTunnelQuote(t *testing.T, k *tunnelKind) {
	p := wiretest.TCP(inboundFlow, wire.ACK, wiretest.Payload(30), wiretest.WithDF(), wiretest.WithTTL(9))
	tunnel := k.to(realAddr)
	tunnel.Encap(p, directorAddr, 0, true)
	for n := range p.IPLen() + 1 {
		var inner wire.Packet
		e := wiretest.ICMPError(wiretest.Flow{Src: "203.0.113.50", Dst: "203.0.113.126"}, 3, 4, 1300, p.IP()[:n], wiretest.WithIn(4))
		outer, ok := TunnelQuote(&inner, e)
		if ok != (n >= 48+k.grows) {
			t.Fatalf("quote of %d bytes: %v", n, ok)
		}
		if !ok {
			continue
		}
		if outer.Src != directorAddr || !tunnel.Made(&outer) {
			t.Errorf("outer %+v", outer)
		}
		for _, other := range tunnelKinds {
			if other.kind != k.kind && other.to(realAddr).Made(&outer) || other.to(virtualAddr).Made(&outer) {
				t.Errorf("taken for another's: %s", other.name)
			}
		}
		if inner.Src != clientAddr || inner.Dst != virtualAddr || inner.SrcPort != 4000 || inner.DstPort != 80 ||
			inner.Proto != wire.ProtoTCP || inner.TTL != 9 || inner.In != 4 || inner.IPLen() != n-20-k.grows {
			t.Errorf("inner %+v", inner)
		}
		answer := forwardtest.Fresh(MaxICMPErrorFrame)
		BuildICMPError(answer, &inner, 3, 4, 1280, virtualAddr)
		wiretest.CheckPacket(t, answer, wiretest.Dst("192.0.2.10"), wiretest.MTU(1280), wiretest.ValidChecksums(),
			wiretest.Quoted(wiretest.Src(forwardtest.Client), wiretest.Dst(forwardtest.Virtual)))
	}
	var inner wire.Packet
	if _, ok := TunnelQuote(&inner, p); ok {
		t.Error("took a tunnel packet for an error")
	}
}

func TestEchoReply(t *testing.T) {
	flow := wiretest.Flow{Src: "192.0.2.10", Dst: "198.51.100.1"}
	for name, p := range map[string]*wire.Packet{
		"plain":      wiretest.ICMPEcho(flow, 1, 2, []byte("ping"), wiretest.WithTTL(3), wiretest.WithTOS(0x10), wiretest.WithDF()),
		"empty":      wiretest.ICMPEcho(flow, 1, 2, nil, wiretest.WithTOS(0x10)),
		"odd padded": wiretest.ICMPEcho(flow, 1, 2, []byte("abc"), wiretest.WithTOS(0x10), wiretest.WithPad(60)),
		"options":    wiretest.ICMPEcho(flow, 1, 2, []byte("ping"), wiretest.WithTOS(0x10), wiretest.WithIPOptions(7, 7, 4, 0, 0, 0, 0)),
	} {
		t.Run(name, func(t *testing.T) {
			data := bytes.Clone(p.ICMPv4()[4:])
			if !EchoReply(p) {
				t.Fatal("refused")
			}
			if !bytes.Equal(p.ICMPv4()[4:], data) {
				t.Errorf("data changed")
			}
			forwardtest.Consistent(t, p)
			wiretest.CheckPacket(t, p, wiretest.MACs(wiretest.ClientMAC, wiretest.DirectorMAC), wiretest.Src("198.51.100.1"), wiretest.Dst("192.0.2.10"),
				wiretest.TTL(64), wiretest.TOS(0x10), wiretest.DF(false), wiretest.ICMPIs(0, 0), wiretest.ValidChecksums(), wiretest.IPLen(28+len(data)-4))
		})
	}
	for name, p := range map[string]*wire.Packet{
		"reply":          wiretest.ICMP(flow, wire.ICMPEchoReply, 0, 1, 2, nil),
		"wrong checksum": wiretest.ICMPEcho(flow, 1, 2, nil, wiretest.WithBadChecksum()),
		"fragment":       wiretest.ICMPEcho(flow, 1, 2, wiretest.Payload(32), wiretest.WithFragment(0, true)),
		"code 1":         wiretest.ICMP(flow, wire.ICMPEcho, 1, 1, 2, nil),
		"broadcast":      wiretest.ICMPEcho(wiretest.Flow{Src: "192.0.2.10", Dst: "255.255.255.255"}, 1, 2, nil),
		"udp":            wiretest.UDP(inboundFlow, nil),
	} {
		before := bytes.Clone(p.Buf)
		if EchoReply(p) || !bytes.Equal(before, p.Buf) {
			t.Errorf("%s: answered", name)
		}
	}
}
