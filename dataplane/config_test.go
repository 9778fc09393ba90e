package dataplane_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"ulvs/conntrack"
	"ulvs/dataplane"
	"ulvs/service"
	"ulvs/wire"
	"ulvs/wire/wiretest"
)

// change is a change of the usual TCP service.
func change(op service.Op, n int, m service.Method, weight int) service.Change {
	s := server(n, m)
	s.Weight = weight
	return service.Change{Op: op, Service: service.VirtualService{Key: key(service.TCP)}, Server: s}
}

// picks sends n SYNs and returns the servers that got them.
func (x *world) picks(first, n int) (got []int) {
	x.t.Helper()
	for i := range n {
		out := x.send(0, syn(first+i))
		if len(out[1]) != 1 {
			x.t.Fatalf("SYN %d: %d frames to servers", i, len(out[1]))
		}
		got = append(got, toServer(out[1][0]))
	}
	return got
}

// TestSwitchScheduler: -E with another scheduler starts it afresh, with the
// same one it goes on.
func TestSwitchScheduler(t *testing.T) {
	x := newWorld(t, 100)
	vs := service.VirtualService{Key: key(service.TCP), Scheduler: "wlc"}
	x.apply(service.Change{Op: service.AddService, Service: vs})
	for n := 1; n <= 3; n++ {
		x.apply(change(service.AddServer, n, service.DR, n))
	}
	x.settle()
	edit := func(scheduler string) {
		vs.Scheduler = scheduler
		x.apply(service.Change{Op: service.EditService, Service: vs})
	}
	for i, tt := range []struct{ scheduler, want string }{
		{"wrr", "[3 3 2 3]"}, // not 3 2 1: switched to, it starts with the largest weight
		{"wrr", "[2 1 3 3]"},
		{"rr", "[3 2 1 3]"},
		{"rr", "[2 1 3 2]"},
	} {
		edit(tt.scheduler)
		if got := fmt.Sprint(x.picks(1000+10*i, 4)); got != tt.want {
			t.Errorf("%s: picks %s, want %s", tt.scheduler, got, tt.want)
		}
	}
	if err := x.d.Apply(service.Change{Op: service.EditService, Service: service.VirtualService{Key: vs.Key, Scheduler: "none"}}); err == nil {
		t.Error("a scheduler that does not exist was taken")
	}
	if got := x.d.Table().Find(vs.Key).Scheduler; got != "rr" {
		t.Errorf("after a refused edit the scheduler is %s", got)
	}
}

// TestRefusedChanges leave everything as it was.
func TestRefusedChanges(t *testing.T) {
	x := newWorld(t, 100)
	x.balance(service.TCP, "rr", service.DR, 2)
	before := x.d.Generation()
	other := service.VirtualService{Key: key(service.UDP), Scheduler: "rr"}
	for _, c := range []service.Change{
		{Op: service.AddService, Service: service.VirtualService{Key: key(service.TCP), Scheduler: "rr"}},
		{Op: service.AddService, Service: service.VirtualService{Key: key(service.UDP), Scheduler: "lblcx"}},
		{Op: service.EditService, Service: other}, {Op: service.DeleteService, Service: other},
		{Op: service.AddServer, Service: other, Server: server(1, service.DR)},
		change(service.AddServer, 1, service.DR, 1), change(service.EditServer, 3, service.DR, 1),
		change(service.DeleteServer, 3, service.DR, 1), {Op: "nonsense"},
	} {
		if err := x.d.Apply(c); err == nil {
			t.Errorf("%v was taken", c)
		}
	}
	if x.d.Generation() != before || len(x.d.Table().Services()) != 1 {
		t.Error("a refused change changed something")
	}
	if got := fmt.Sprint(x.picks(1000, 3)); got != "[2 1 2]" {
		t.Errorf("picks %s after refused changes", got)
	}
}

// TestAnnounceMany: every one of many new virtual addresses is announced twice
// on each link, though no queue holds them all.
func TestAnnounceMany(t *testing.T) {
	x := newWorld(t, 100)
	const vips = 500
	for i := range vips {
		k := service.Key{Protocol: service.TCP, Port: 80, Addr: netip.AddrFrom4([4]byte{198, 51, byte(100 + i/250), byte(i%250 + 1)})}
		x.apply(service.Change{Op: service.AddService, Service: service.VirtualService{Key: k, Scheduler: "rr"}})
	}
	seen := [2]map[string]int{{}, {}}
	for range 150 {
		x.now += 10 * time.Millisecond
		for port, frames := range x.send(0) {
			for _, f := range frames {
				a := wire.ARP(f.Data[14:])
				if a.Op() != wire.ARPRequest || a.SenderIP() != a.TargetIP() || a.SenderMAC() != [...]wire.MAC{outMAC, inMAC}[port] {
					t.Errorf("port %d: %x", port, f.Data)
				}
				seen[port][wire.AddrFrom4(a.SenderIP()).String()]++
			}
		}
	}
	for port := range seen {
		for a, n := range seen[port] {
			if n != 2 {
				t.Errorf("port %d: %s announced %d times", port, a, n)
			}
		}
		if len(seen[port]) != vips {
			t.Errorf("port %d: %d addresses announced, want %d", port, len(seen[port]), vips)
		}
	}
}

// TestZeroKeys: a service is found by its address in whatever form.
func TestZeroKeys(t *testing.T) {
	x := newWorld(t, 100)
	x.balance(service.TCP, "rr", service.DR, 1)
	x.send(0, syn(1000))
	k := key(service.TCP)
	k.Addr = netip.AddrFrom16(k.Addr.As16()) // IPv4-mapped
	if err := x.d.Zero(&k); err != nil {
		t.Fatal(err)
	}
	views, total, raw := x.d.Inspect()
	if v := views[0]; v.Stats.Conns != 0 || v.Servers[0].Stats.InPkts != 0 || v.Raw.Conns != 1 || total.Conns != 1 || raw.Conns != 1 {
		t.Errorf("after zeroing one service: %+v, total %+v", v, total)
	}
	if err := x.d.Zero(nil); err != nil {
		t.Fatal(err)
	}
	if _, total, raw = x.d.Inspect(); total.Conns != 0 || raw.Conns != 1 {
		t.Errorf("after zeroing all: total %+v, raw %+v", total, raw)
	}
	k.Port++
	if err := x.d.Zero(&k); err == nil {
		t.Error("zeroed a service that is not there")
	}
}

// TestOnePacketPersistent: datagrams that leave no entry do not keep their
// template for ever.
func TestOnePacketPersistent(t *testing.T) {
	x := newWorld(t, 100)
	vs := service.VirtualService{Key: key(service.UDP), Scheduler: "rr", Persistent: 10 * time.Second, OnePacket: true}
	x.apply(service.Change{Op: service.AddService, Service: vs})
	for n := 1; n <= 3; n++ {
		x.apply(service.Change{Op: service.AddServer, Service: vs, Server: server(n, service.NAT)})
	}
	x.settle()
	for i := range 5 {
		out := x.send(0, wiretest.UDP(flow(1000+i), nil, toDirector()))
		if got := toServer(one(t, out[1])); got != 3 {
			t.Errorf("datagram %d went to server %d", i, got)
		}
	}
	if x.d.Conns().Len() != 1 {
		t.Errorf("%d entries, want the template alone", x.d.Conns().Len())
	}
	x.now += 11 * time.Second
	x.send(0)
	views, _, _ := x.d.Inspect()
	if v := views[0].Servers[0]; x.d.Conns().Len() != 0 || v.Persistent != 0 || v.Active+v.Inactive != 0 {
		t.Errorf("after the template's time: %d entries, %+v", x.d.Conns().Len(), v)
	}
}

// TestAllPorts: a service of all ports keeps the port, also for a NAT server
// that has one (kernel ip_vs_core.c, ip_vs_sched_persist).
func TestAllPorts(t *testing.T) {
	x := newWorld(t, 100)
	vs := service.VirtualService{Key: service.Key{Protocol: service.TCP, Addr: netip.MustParseAddr(vip)}, Scheduler: "rr", Persistent: time.Minute}
	x.apply(service.Change{Op: service.AddService, Service: vs}, service.Change{Op: service.AddServer, Service: vs, Server: server(1, service.NAT)})
	x.settle()
	for _, port := range []int{80, 443} {
		f := wiretest.Flow{Src: clientIP + ":1000", Dst: fmt.Sprintf("%s:%d", vip, port)}
		out := x.send(0, wiretest.TCP(f, wire.SYN, nil, toDirector()))
		wiretest.Check(t, one(t, out[1]).Data, wiretest.Dst(fmt.Sprintf("%s:%d", rsIP(1), port)), wiretest.ValidChecksums())
		back := wiretest.Flow{Src: fmt.Sprintf("%s:%d", rsIP(1), port), Dst: f.Src}
		out = x.send(1, wiretest.TCP(back, wire.SYN|wire.ACK, nil, wiretest.WithMACs(rsMAC(1), inMAC)))
		wiretest.Check(t, one(t, out[0]).Data, wiretest.Src(f.Dst), wiretest.ValidChecksums())
	}
}

// TestIndexReuse: thousands of servers come and go; each keeps its place for
// as long as a connection names it, and the places are used again.
func TestIndexReuse(t *testing.T) {
	x := newWorld(t, 1000)
	x.balance(service.TCP, "rr", service.NAT, 1)
	x.send(0, syn(999))
	x.send(0, ack(999, 0))
	for round := range 200 {
		n := round%8 + 2
		x.apply(change(service.AddServer, n, service.NAT, 1), change(service.EditServer, 1, service.NAT, 0))
		x.send(0, syn(1000+round))
		x.apply(change(service.DeleteServer, n, service.NAT, 1))
		x.now += 2 * time.Second
		x.send(0, ack(999, 0))
		x.send(1, fromServer(n, 1000+round, wire.RST, nil)) // CLOSE, 10 s
	}
	most := uint32(0)
	x.now += 20 * time.Second
	x.settle()
	x.apply(change(service.AddServer, 9, service.NAT, 1))
	views, _, _ := x.d.Inspect()
	for _, s := range views[0].Servers {
		most = max(most, s.ID)
	}
	if most > 20 {
		t.Errorf("index %d after 200 servers of which at most 10 were there at a time", most)
	}
	s := views[0].Servers
	if len(s) != 2 || s[1].Active != 1 || s[0].Active != 0 || s[0].Inactive != 0 || x.d.Conns().Len() != 1 {
		t.Errorf("%+v, %d entries", s, x.d.Conns().Len())
	}
}

// TestDeletedServerWithTemplate: a deleted server's template does not hold new
// connections, and the server's place is kept until it has gone.
func TestDeletedServerWithTemplate(t *testing.T) {
	x := newWorld(t, 100)
	vs := service.VirtualService{Key: key(service.TCP), Scheduler: "rr", Persistent: time.Minute}
	x.apply(service.Change{Op: service.AddService, Service: vs})
	for n := 1; n <= 2; n++ {
		x.apply(change(service.AddServer, n, service.NAT, 1))
	}
	x.settle()
	if got := fmt.Sprint(x.picks(1000, 2)); got != "[2 2]" {
		t.Fatalf("picks %s", got)
	}
	x.apply(change(service.DeleteServer, 2, service.NAT, 1))
	if got := fmt.Sprint(x.picks(1100, 2)); got != "[1 1]" {
		t.Errorf("picks %s after the server was deleted", got)
	}
	x.apply(service.Change{Op: service.DeleteService, Service: vs})
	x.now += time.Hour
	x.settle()
	x.now += time.Hour
	x.settle()
	x.d.Conns().Range(func(i *conntrack.Info) bool {
		t.Errorf("left: %+v", *i)
		return true
	})
	x.reasons(map[dataplane.Reason]uint64{dataplane.DroppedPanic: 0})
}
