package dataplane_test

import (
	"net/netip"
	"testing"
	"time"

	"ulvs/conntrack"
	"ulvs/dataplane"
	"ulvs/service"
	"ulvs/wire"
	"ulvs/wire/wiretest"
)

// one returns the only frame of a port's output.
func one[T any](t *testing.T, frames []T) T {
	t.Helper()
	if len(frames) != 1 {
		t.Fatalf("%d frames, want 1", len(frames))
	}
	return frames[0]
}

func TestDR(t *testing.T) {
	x := newWorld(t, 100)
	x.balance(service.TCP, "rr", service.DR, 3)
	for i, want := range []int{3, 2, 1, 3} { // newest first
		out := x.send(0, wiretest.TCP(flow(1000+i), wire.SYN, nil, toDirector(), wiretest.WithTTL(64)))
		wiretest.Check(t, one(t, out[1]).Data, wiretest.MACs(inMAC, rsMAC(want)), wiretest.TTL(63),
			wiretest.Src(flow(1000+i).Src), wiretest.Dst(vip+":80"), wiretest.ValidChecksums())
	}
	x.reasons(map[dataplane.Reason]uint64{dataplane.ForwardedDR: 4})
}

func TestNATBothWays(t *testing.T) {
	x := newWorld(t, 100)
	x.balance(service.TCP, "rr", service.NAT, 2)
	f := flow(1000)
	out := x.send(0, wiretest.TCP(f, wire.SYN, nil, toDirector()))
	wiretest.Check(t, one(t, out[1]).Data, wiretest.MACs(inMAC, rsMAC(2)), wiretest.TTL(63),
		wiretest.Src(f.Src), wiretest.Dst(rsIP(2)+":8080"), wiretest.ValidChecksums())
	reply := wiretest.Flow{Src: rsIP(2) + ":8080", Dst: f.Src}
	out = x.send(1, wiretest.TCP(reply, wire.SYN|wire.ACK, nil, wiretest.WithMACs(rsMAC(2), inMAC)))
	wiretest.Check(t, one(t, out[0]).Data, wiretest.MACs(outMAC, clientMAC), wiretest.TTL(63),
		wiretest.Src(vip+":80"), wiretest.Dst(f.Src), wiretest.ValidChecksums())
	// The other server's packet with the same client port is nobody's.
	stray := wiretest.Flow{Src: rsIP(1) + ":8080", Dst: f.Src}
	out = x.send(1, wiretest.TCP(stray, wire.ACK, nil, wiretest.WithMACs(rsMAC(1), inMAC)))
	if len(out[0])+len(out[1]) != 0 {
		t.Error("a packet of no connection was forwarded")
	}
	x.reasons(map[dataplane.Reason]uint64{dataplane.ForwardedNAT: 1, dataplane.ForwardedReply: 1, dataplane.PassedNoService: 1})
}

func TestTunnel(t *testing.T) {
	x := newWorld(t, 100)
	x.balance(service.UDP, "rr", service.Tunnel, 1)
	p := wiretest.UDP(flow(1000), []byte("hello"), toDirector(), wiretest.WithDF(), wiretest.WithPartial())
	out := x.send(0, p)
	f := one(t, out[1])
	wiretest.Check(t, f.Data, wiretest.MACs(inMAC, rsMAC(1)), wiretest.Proto(wire.ProtoIPIP),
		wiretest.Src(dipIn), wiretest.Dst(rsIP(1)), wiretest.TTL(63), wiretest.DF(true),
		wiretest.Inner(wiretest.Src(flow(1000).Src), wiretest.Dst(vip+":80"), wiretest.TTL(63), wiretest.HasPayload([]byte("hello"))),
		wiretest.ValidChecksums())
	if f.Offload.Partial() {
		t.Error("a checksum inside a tunnel was left to the device")
	}
}

// TestTunnelSuperFrame: a super-frame is cut into segments that fit with the
// tunnel header, each complete.
func TestTunnelSuperFrame(t *testing.T) {
	x := newWorld(t, 100)
	x.balance(service.TCP, "rr", service.Tunnel, 1)
	x.send(0, wiretest.TCP(flow(1000), wire.SYN, nil, toDirector(), wiretest.WithDF()))
	payload := wiretest.Payload(10_000)
	out := x.send(0, wiretest.TCP(flow(1000), wire.ACK|wire.PSH, payload, toDirector(), wiretest.WithDF(), wiretest.WithPartial(), wiretest.WithGSO(1440)))
	if len(out[1]) != 7 {
		t.Fatalf("%d segments of 10000/1440 bytes, want 7", len(out[1]))
	}
	for _, f := range out[1] {
		wiretest.Check(t, f.Data, wiretest.Proto(wire.ProtoIPIP), wiretest.ValidChecksums())
		if len(f.Data) > 14+1500 {
			t.Errorf("a frame of %d bytes on a link of 1500", len(f.Data))
		}
	}
}

// TestTooBig: DF packets above the MTU, or whose segments are, are answered
// with the MTU that fits.
func TestTooBig(t *testing.T) {
	for _, tt := range []struct {
		name   string
		method service.Method
		mtu1   int
		pkt    *wire.Packet
		want   uint16
	}{
		{"tunnel", service.Tunnel, 1500, wiretest.TCP(flow(1000), wire.ACK, wiretest.Payload(1460), toDirector(), wiretest.WithDF()), 1480},
		{"tunnel super-frame", service.Tunnel, 1500, wiretest.TCP(flow(1000), wire.ACK, wiretest.Payload(9000), toDirector(), wiretest.WithDF(), wiretest.WithPartial(), wiretest.WithGSO(1460)), 1480},
		{"dr small link", service.DR, 1400, wiretest.TCP(flow(1000), wire.ACK, wiretest.Payload(1460), toDirector(), wiretest.WithDF()), 1400},
		{"nat small link", service.NAT, 1400, wiretest.TCP(flow(1000), wire.ACK, wiretest.Payload(1460), toDirector(), wiretest.WithDF()), 1400},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x := newWorldMTU(t, 1500, tt.mtu1)
			x.balance(service.TCP, "rr", tt.method, 1)
			x.send(0, wiretest.TCP(flow(1000), wire.SYN, nil, toDirector()))
			out := x.send(0, tt.pkt)
			if len(out[1]) != 0 {
				t.Errorf("%d frames to the server", len(out[1]))
			}
			wiretest.Check(t, one(t, out[0]).Data, wiretest.ICMPIs(3, 4), wiretest.MTU(tt.want), wiretest.Src(vip), wiretest.Dst(clientIP),
				wiretest.MACs(outMAC, clientMAC), wiretest.ValidChecksums(), wiretest.Quoted(wiretest.Dst(vip+":80")))
		})
	}
}

func newWorldMTU(t testing.TB, mtu0, mtu1 int) *world {
	x := newWorld(t, 100)
	h := x.d.Hops()
	h.SetLinks(linksOf(mtu0, mtu1))
	h.SetNeighbours(neighbours())
	return x
}

// TestNoServer: without a usable server the client is told so, for TCP too,
// and no entry is made.
func TestNoServer(t *testing.T) {
	for _, p := range []service.Protocol{service.TCP, service.UDP} {
		x := newWorld(t, 100)
		x.balance(p, "wlc", service.DR, 0)
		pkt := wiretest.TCP(flow(1000), wire.SYN, nil, toDirector())
		if p == service.UDP {
			pkt = wiretest.UDP(flow(1000), nil, toDirector())
		}
		out := x.send(0, pkt)
		wiretest.Check(t, one(t, out[0]).Data, wiretest.ICMPIs(3, 3), wiretest.Src(vip), wiretest.Dst(clientIP), wiretest.TTL(64), wiretest.TOS(0xc0), wiretest.ValidChecksums())
		if n := x.d.Conns().Len(); n != 0 {
			t.Errorf("%v: %d entries", p, n)
		}
	}
}

func TestQuiesceAndDelete(t *testing.T) {
	x := newWorld(t, 100)
	x.balance(service.TCP, "rr", service.DR, 2)
	x.send(0, wiretest.TCP(flow(1000), wire.SYN, nil, toDirector())) // to server 2
	quiet := server(2, service.DR)
	quiet.Weight = 0
	x.apply(service.Change{Op: service.EditServer, Service: service.VirtualService{Key: key(service.TCP)}, Server: quiet})
	out := x.send(0, wiretest.TCP(flow(1000), wire.ACK, nil, toDirector()))
	wiretest.Check(t, one(t, out[1]).Data, wiretest.MACs(inMAC, rsMAC(2))) // the old connection goes on
	out = x.send(0, wiretest.TCP(flow(1001), wire.SYN, nil, toDirector()))
	wiretest.Check(t, one(t, out[1]).Data, wiretest.MACs(inMAC, rsMAC(1)))
	x.apply(service.Change{Op: service.DeleteServer, Service: service.VirtualService{Key: key(service.TCP)}, Server: quiet})
	out = x.send(0, wiretest.TCP(flow(1000), wire.ACK, nil, toDirector()))
	if len(out[0])+len(out[1]) != 0 {
		t.Error("a packet of a deleted server's connection was not dropped silently")
	}
	x.apply(service.Change{Op: service.AddServer, Service: service.VirtualService{Key: key(service.TCP)}, Server: server(2, service.DR)})
	out = x.send(0, wiretest.TCP(flow(1000), wire.ACK, nil, toDirector()))
	wiretest.Check(t, one(t, out[1]).Data, wiretest.MACs(inMAC, rsMAC(2))) // revived
	views, _, _ := x.d.Inspect()
	if got := views[0].Servers[0].Active; got != 1 {
		t.Errorf("revived server has %d active connections, want 1", got)
	}
	x.reasons(map[dataplane.Reason]uint64{dataplane.DroppedServerGone: 1})
}

// TestCounts follows one connection through its life in the counts of its
// server, to the last.
func TestCounts(t *testing.T) {
	x := newWorld(t, 100)
	x.balance(service.TCP, "rr", service.NAT, 1)
	f := flow(1000)
	back := wiretest.Flow{Src: rsIP(1) + ":8080", Dst: f.Src}
	steps := []struct {
		out      bool
		flags    uint8
		active   int32
		inactive int32
	}{
		{false, wire.SYN, 1, 0},
		{true, wire.SYN | wire.ACK, 1, 0},
		{false, wire.ACK, 1, 0},
		{false, wire.FIN | wire.ACK, 0, 1},
		{true, wire.FIN | wire.ACK, 0, 1},
	}
	for i, s := range steps {
		if s.out {
			x.send(1, wiretest.TCP(back, s.flags, nil, wiretest.WithMACs(rsMAC(1), inMAC)))
		} else {
			x.send(0, wiretest.TCP(f, s.flags, nil, toDirector()))
		}
		views, _, _ := x.d.Inspect()
		if v := views[0].Servers[0]; v.Active != s.active || v.Inactive != s.inactive {
			t.Errorf("step %d: active %d inactive %d, want %d %d", i, v.Active, v.Inactive, s.active, s.inactive)
		}
	}
	x.now += 10 * time.Minute
	x.send(0)
	views, _, _ := x.d.Inspect()
	v := views[0].Servers[0]
	if v.Active != 0 || v.Inactive != 0 || x.d.Conns().Len() != 0 {
		t.Errorf("after its time: active %d inactive %d entries %d", v.Active, v.Inactive, x.d.Conns().Len())
	}
	if want := (dataplane.Stats{Conns: 1, InPkts: 3, OutPkts: 2, InBytes: 120, OutBytes: 80}); v.Stats != want {
		t.Errorf("stats %+v, want %+v", v.Stats, want)
	}
}

// TestReuse: a SYN on a connection in TIME_WAIT is a new connection.
func TestReuse(t *testing.T) {
	x := newWorld(t, 100)
	x.balance(service.TCP, "rr", service.DR, 2)
	x.send(0, wiretest.TCP(flow(1000), wire.SYN, nil, toDirector()))
	x.send(0, wiretest.TCP(flow(1000), wire.ACK, nil, toDirector()))
	x.send(0, wiretest.TCP(flow(1000), wire.RST, nil, toDirector())) // CLOSE
	out := x.send(0, wiretest.TCP(flow(1000), wire.SYN, nil, toDirector()))
	wiretest.Check(t, one(t, out[1]).Data, wiretest.MACs(inMAC, rsMAC(1))) // rr went on from 2
}

func TestPersistence(t *testing.T) {
	x := newWorld(t, 100)
	vs := service.VirtualService{Key: key(service.TCP), Scheduler: "rr", Persistent: time.Minute}
	x.apply(service.Change{Op: service.AddService, Service: vs})
	for i := 1; i <= 3; i++ {
		x.apply(service.Change{Op: service.AddServer, Service: vs, Server: server(i, service.DR)})
	}
	x.settle()
	for i := range 5 {
		out := x.send(0, wiretest.TCP(flow(1000+i), wire.SYN, nil, toDirector()))
		wiretest.Check(t, one(t, out[1]).Data, wiretest.MACs(inMAC, rsMAC(3)))
	}
	templates := 0
	x.d.Conns().Range(func(i *conntrack.Info) bool {
		if i.Flags&conntrack.Template != 0 {
			templates++
			if i.Controlled != 5 {
				t.Errorf("template controls %d connections, want 5", i.Controlled)
			}
		}
		return true
	})
	views, _, _ := x.d.Inspect()
	if templates != 1 || views[0].Servers[0].Persistent != 1 {
		t.Errorf("%d templates, %d counted", templates, views[0].Servers[0].Persistent)
	}
	x.now += time.Hour
	x.send(0)
	x.now += time.Hour // the template had been prolonged
	x.send(0)
	views, _, _ = x.d.Inspect()
	if v := views[0].Servers[0]; v.Persistent != 0 || v.Active != 0 {
		t.Errorf("after their time: %d templates, %d active", v.Persistent, v.Active)
	}
}

// TestARP: requests for a VIP that is not the host's are answered, others not.
func TestARP(t *testing.T) {
	x := newWorld(t, 100)
	x.balance(service.TCP, "rr", service.DR, 1)
	ask := func(target string) [2][]memFrame {
		return x.send(0, wiretest.ARP(wire.ARPRequest, clientMAC, clientIP, wire.Broadcast, target))
	}
	wiretest.Check(t, one(t, ask(vip)[0]).Data, wiretest.ARPIs(wire.ARPReply, outMAC, vip, clientMAC, clientIP))
	for _, other := range []string{dipOut, "192.0.2.99"} {
		if out := ask(other); len(out[0]) != 0 {
			t.Errorf("answered for %s", other)
		}
	}
	x.d.Hops().SetAddresses([]nexthopAddress{{Index: 1, Prefix: netip.MustParsePrefix(vip + "/32")}})
	if out := ask(vip); len(out[0]) != 0 {
		t.Error("answered for a VIP that the host has")
	}
}

// TestTTL: a packet that has used up its TTL is answered and not forwarded.
func TestTTL(t *testing.T) {
	x := newWorld(t, 100)
	x.balance(service.TCP, "rr", service.DR, 1)
	out := x.send(0, wiretest.TCP(flow(1000), wire.SYN, nil, toDirector(), wiretest.WithTTL(1)))
	if len(out[1]) != 0 {
		t.Error("forwarded with TTL 1")
	}
	wiretest.Check(t, one(t, out[0]).Data, wiretest.ICMPIs(11, 0), wiretest.Src(vip), wiretest.Dst(clientIP), wiretest.ValidChecksums())
}

// TestUnresolved: the first packet waits for ARP and then leaves with the MAC.
func TestUnresolved(t *testing.T) {
	x := newWorld(t, 100)
	vs := service.VirtualService{Key: key(service.TCP), Scheduler: "rr"}
	r := server(1, service.NAT)
	r.Addr = netip.MustParseAddr("203.0.113.99")
	x.apply(service.Change{Op: service.AddService, Service: vs}, service.Change{Op: service.AddServer, Service: vs, Server: r})
	x.settle()
	out := x.send(0, wiretest.TCP(flow(1000), wire.SYN, nil, toDirector()))
	wiretest.Check(t, one(t, out[1]).Data, wiretest.ARPIs(wire.ARPRequest, inMAC, dipIn, wire.MAC{}, "203.0.113.99"))
	mac := wire.MAC{2, 0, 0, 1, 0, 99}
	out = x.send(1, wiretest.ARP(wire.ARPReply, mac, "203.0.113.99", inMAC, dipIn))
	wiretest.Check(t, one(t, out[1]).Data, wiretest.MACs(inMAC, mac), wiretest.Dst("203.0.113.99:8080"), wiretest.ValidChecksums())
	x.reasons(map[dataplane.Reason]uint64{dataplane.HeldNeighbour: 1})
}

// TestICMPErrors go to the other end of the connection they are about.
func TestICMPErrors(t *testing.T) {
	x := newWorld(t, 100)
	x.balance(service.TCP, "rr", service.NAT, 1)
	f := flow(1000)
	sent := one(t, x.send(0, wiretest.TCP(f, wire.SYN, nil, toDirector()))[1])
	router := "203.0.113.200"
	out := x.send(1, wiretest.ICMPError(wiretest.Flow{Src: router, Dst: clientIP}, 3, 4, 1300, sent.Data[14:], wiretest.WithMACs(rsMAC(1), inMAC)))
	wiretest.Check(t, one(t, out[0]).Data, wiretest.ICMPIs(3, 4), wiretest.MTU(1300), wiretest.Src(vip), wiretest.Dst(clientIP),
		wiretest.Quoted(wiretest.Src(f.Src), wiretest.Dst(vip+":80")), wiretest.ValidChecksums())
	reply := wiretest.TCP(wiretest.Flow{Src: vip + ":80", Dst: f.Src}, wire.ACK, wiretest.Payload(100))
	out = x.send(0, wiretest.ICMPError(wiretest.Flow{Src: "192.0.2.200", Dst: vip}, 3, 4, 1300, reply.Frame()[14:], toDirector()))
	wiretest.Check(t, one(t, out[1]).Data, wiretest.ICMPIs(3, 4), wiretest.Src("192.0.2.200"), wiretest.Dst(rsIP(1)),
		wiretest.Quoted(wiretest.Src(rsIP(1)+":8080"), wiretest.Dst(f.Src)), wiretest.ValidChecksums())
	x.reasons(map[dataplane.Reason]uint64{dataplane.ForwardedICMP: 2})
}
