package dataplane_test

import (
	"testing"

	"ulvs/dataplane"
	"ulvs/service"
	"ulvs/wire"
	"ulvs/wire/wiretest"
)

// ends6 is a packet's flow from the recorded client.
func ends6(dst string) wiretest.Flow { return wiretest.Flow{Src: "[2001:db8:4::10]:1000", Dst: dst} }

// mapped gives p an IPv4-mapped source, which no builder does.
func mapped(p *wire.Packet) *wire.Packet {
	b := wiretest.Addr("192.0.2.1").As16()
	copy(p.IP()[8:24], b[:])
	return p
}

// TestNotForwarded6: what must not become a connection, and what it is counted
// as.
func TestNotForwarded6(t *testing.T) {
	x := world6(t, service.NAT, 2)
	x.balance(service.UDP, "rr", service.NAT, 1) // or IPv4 packets are left alone
	service := "[" + vip6 + "]:80"
	part := wiretest.UDP(ends6(service), wiretest.Payload(16)).Transport()
	from := func(src string) *wire.Packet {
		return wiretest.TCP(wiretest.Flow{Src: src, Dst: service}, wire.SYN, nil, toDirector())
	}
	for name, row := range map[string]struct {
		p    *wire.Packet
		want dataplane.Reason
	}{
		"no service":         {wiretest.TCP(ends6("["+vip6+"]:81"), wire.SYN, nil, toDirector()), dataplane.PassedNoService},
		"to nobody":          {wiretest.TCP(ends6("[::]:80"), wire.SYN, nil, toDirector()), dataplane.PassedNoService},
		"from nobody":        {from("[::]:1"), dataplane.DroppedMartian},
		"from loopback":      {from("[::1]:1"), dataplane.DroppedMartian},
		"from a group":       {from("[ff02::1]:1"), dataplane.DroppedMartian},
		"from the link":      {from("[fe80::1]:1"), dataplane.DroppedMartian},
		"from the VIP":       {from("[" + vip6 + "]:1"), dataplane.DroppedMartian},
		"no SYN":             {wiretest.TCP(ends6(service), wire.ACK, nil, toDirector()), dataplane.PassedNotSYN},
		"fragment":           {wiretest.IP(ends6(service), wire.ProtoUDP, part, wiretest.WithFragment(0, true), toDirector()), dataplane.HeldFragment},
		"ICMP of IPv4":       {wiretest.IP(ends6(service), wire.ProtoICMP, wiretest.ICMPEcho(flow(1), 1, 1, nil).Transport(), toDirector()), dataplane.PassedProtocol},
		"ESP":                {wiretest.IP(ends6(service), 50, part, toDirector()), dataplane.PassedProtocol},
		"ping with bad sum":  {wiretest.ICMPEcho(ends6(vip6), 1, 1, nil, toDirector(), wiretest.WithBadChecksum()), dataplane.DroppedICMPBad},
		"ICMPv6 in IPv4":     {wiretest.IP(wiretest.Flow{Src: clientIP, Dst: vip}, wire.ProtoICMPv6, wiretest.Payload(16), toDirector()), dataplane.PassedProtocol},
		"routing header":     {wiretest.TCP(ends6(service), wire.SYN, nil, wiretest.WithExtension(wiretest.Routing, 0, 1), toDirector()), dataplane.Reason(wire.FaultSourceRoute)},
		"mapped":             {mapped(from("[2001:db8::1]:1")), dataplane.Reason(wire.FaultMappedAddress)},
		"router's solicited": {wiretest.ICMP(ends6("ff02::2"), wire.ICMP6RouterSolicit, 0, 0, 0, nil, toDirector()), dataplane.PassedICMP},
	} {
		before, _ := x.d.Reasons()
		out := x.send(0, row.p)
		after, _ := x.d.Reasons()
		if after[row.want] != before[row.want]+1 || len(out[0])+len(out[1]) != 0 {
			t.Errorf("%s: not counted as %v, or %d frames sent", name, row.want, len(out[0])+len(out[1]))
		}
	}
}

// TestSuperFrames6: a super-frame goes to a real server as it is, and through a
// tunnel in segments, all of them valid.
func TestSuperFrames6(t *testing.T) {
	for m, want := range map[service.Method]int{service.NAT: 1, service.DR: 1, service.Tunnel: 7} {
		x := world6(t, m, 1)
		x.send(0, syn6(1000))
		p := wiretest.TCP(ends6("["+vip6+"]:80"), wire.ACK, wiretest.Payload(7000), wiretest.WithGSO(1000), toDirector())
		out := x.send(0, p)[1]
		if len(out) != want {
			t.Errorf("%v: %d frames out, want %d", m, len(out), want)
		}
		for _, f := range out {
			q := wiretest.Raw(f.Data)
			q.Offload = f.Offload
			wiretest.CheckPacket(t, q, wiretest.ValidChecksums())
		}
	}
}

// TestNoAllocs6 handles known and new connections of IPv6.
func TestNoAllocs6(t *testing.T) {
	for _, m := range []service.Method{service.NAT, service.DR, service.Tunnel} {
		x := world6(t, m, 1)
		x.send(0, syn6(1000))
		p := wiretest.TCP(ends6("["+vip6+"]:80"), wire.ACK, wiretest.Payload(100), toDirector())
		q := wiretest.Clone(p)
		if n := testing.AllocsPerRun(100, func() {
			*q = wire.Packet{Buf: q.Buf, Start: p.Start, End: p.End}
			copy(q.Buf, p.Buf)
			if v := x.d.Handle(x.now, q); v != dataplane.Forwarded {
				t.Fatalf("%v: %v", m, v)
			}
		}); n != 0 {
			t.Errorf("%v: %v allocations", m, n)
		}
	}
}

// TestPersistence6: clients of one /64 share a template.
func TestPersistence6(t *testing.T) {
	x := newKernelWorld(t, 1500)
	x.command("ipvsadm -A -t [" + vip6 + "]:80 -s rr -p 300 -M 64")
	for n := 1; n <= 3; n++ {
		x.command("ipvsadm -a -t [" + vip6 + "]:80 -r [" + rsIP6(n) + "]:80 -m")
	}
	x.settle()
	for _, src := range []string{"[2001:db8:4:1::1]:1", "[2001:db8:4:1::2]:1", "[2001:db8:4:1:ffff::9]:7"} {
		out := x.send(0, wiretest.TCP(wiretest.Flow{Src: src, Dst: "[" + vip6 + "]:80"}, wire.SYN, nil, toDirector()))
		if len(out[1]) != 1 || toServer(out[1][0]) != 3 {
			t.Errorf("%s went elsewhere: %d frames", src, len(out[1]))
		}
	}
}
