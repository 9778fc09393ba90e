package dataplane_test

import (
	"net/netip"
	"testing"
	"time"

	"ulvs/conntrack"
	"ulvs/dataplane"
	"ulvs/dataplane/memport"
	"ulvs/dataplane/nexthop"
	"ulvs/service"
	"ulvs/wire"
	"ulvs/wire/wiretest"
)

// syn is the first packet of client port n.
func syn(n int, opts ...wiretest.Option) *wire.Packet {
	return wiretest.TCP(flow(n), wire.SYN, nil, append([]wiretest.Option{toDirector()}, opts...)...)
}

// ack is a later packet of client port n with a payload of size bytes.
func ack(n, size int, opts ...wiretest.Option) *wire.Packet {
	return wiretest.TCP(flow(n), wire.ACK, wiretest.Payload(size), append([]wiretest.Option{toDirector()}, opts...)...)
}

// fromServer makes a reply of real server n to client port c.
func fromServer(n, c int, flags uint8, payload []byte, opts ...wiretest.Option) *wire.Packet {
	f := wiretest.Flow{Src: rsIP(n) + ":8080", Dst: flow(c).Src}
	return wiretest.TCP(f, flags, payload, append([]wiretest.Option{wiretest.WithMACs(rsMAC(n), inMAC)}, opts...)...)
}

// count returns how often a reason was counted.
func (x *world) count(r dataplane.Reason) uint64 {
	by, _ := x.d.Reasons()
	return by[r]
}

// routerError is what a router behind the director says about a frame that was
// sent to a server.
func routerError(typ, code uint8, mtu uint16, sent memport.Frame, quote int) *wire.Packet {
	return wiretest.ICMPError(wiretest.Flow{Src: "203.0.113.200", Dst: dipIn}, typ, code, mtu, sent.Data[14:14+quote], wiretest.WithMACs(rsMAC(1), inMAC))
}

// TestLearntMTU: what a router says about a tunnel packet counts for later
// packets, with and without DF, until it is forgotten. At once the client is
// told, as by ip_vs, the MTU that its packet was sent by.
func TestLearntMTU(t *testing.T) {
	x := newWorld(t, 100)
	x.balance(service.TCP, "rr", service.Tunnel, 1)
	x.send(0, syn(1000))
	big := one(t, x.send(0, ack(1000, 1400, wiretest.WithDF()))[1])
	out := x.send(1, routerError(3, 4, 1300, big, 60))
	wiretest.Check(t, one(t, out[0]).Data, wiretest.ICMPIs(3, 4), wiretest.MTU(1480), wiretest.Src(vip), wiretest.Dst(clientIP), wiretest.ValidChecksums())
	out = x.send(0, ack(1000, 1400, wiretest.WithDF()))
	wiretest.Check(t, one(t, out[0]).Data, wiretest.ICMPIs(3, 4), wiretest.MTU(1280))
	out = x.send(0, ack(1000, 1400))
	if len(out[1]) < 2 {
		t.Errorf("%d frames for a packet above the learnt MTU", len(out[1]))
	}
	for _, f := range out[1] {
		if len(f.Data) > 14+1300 {
			t.Errorf("a fragment of %d bytes over a path of 1300", len(f.Data)-14)
		}
	}
	x.now += 11 * time.Minute
	x.send(0, syn(1001))
	if out = x.send(0, ack(1001, 1400, wiretest.WithDF())); len(out[1]) != 1 {
		t.Error("a path MTU was believed for more than ten minutes (RFC 1191 section 6.3)")
	}
}

// TestForgedMTU: an ICMP error counts only if it quotes a tunnel packet that
// the director can have sent for a connection that is there.
func TestForgedMTU(t *testing.T) {
	x := newWorld(t, 100)
	x.balance(service.TCP, "rr", service.Tunnel, 1)
	big := one(t, x.send(0, syn(1000))[1])
	x.send(0, ack(1000, 0))
	other := big.Data[14:74]
	forged := func(change func(outer, inner wire.IPv4)) *wire.Packet {
		q := append([]byte(nil), other...)
		change(wire.IPv4(q), wire.IPv4(q[20:]))
		return wiretest.ICMPError(wiretest.Flow{Src: "203.0.113.200", Dst: dipIn}, 3, 4, 100, q, wiretest.WithMACs(rsMAC(1), inMAC))
	}
	for name, p := range map[string]*wire.Packet{
		"not from the director": forged(func(o, _ wire.IPv4) { copy(o[12:16], []byte{203, 0, 113, 77}) }),
		"not to the server":     forged(func(o, _ wire.IPv4) { copy(o[16:20], []byte{203, 0, 113, 77}) }),
		"of no connection":      forged(func(_, i wire.IPv4) { i[20]++ }),
		"too short":             routerError(3, 4, 1300, big, 28),
	} {
		if out := x.send(1, p); len(out[0])+len(out[1]) != 0 {
			t.Errorf("%s: answered", name)
		}
		if out := x.send(0, ack(1000, 1440, wiretest.WithDF())); len(out[1]) != 1 {
			t.Errorf("%s: believed", name)
		}
	}
	// A tiny MTU cannot be used to make every packet a dozen (kernel
	// net/ipv4/route.c, ip_rt_min_pmtu).
	x.send(1, routerError(3, 4, 68, big, 60))
	if out := x.send(0, ack(1000, 400, wiretest.WithDF())); len(out[1]) != 1 {
		t.Error("an MTU of 68 was believed")
	}
}

// TestTunnelIDs: each tunnel packet has an id of its own, also if two lanes make
// them.
func TestTunnelIDs(t *testing.T) {
	d, err := dataplane.New(dataplane.Config{Conns: 100, Seed: 1, Workers: 2, Hops: newHops(1500, 1500)})
	if err != nil {
		t.Fatal(err)
	}
	vs := service.VirtualService{Key: key(service.TCP), Scheduler: "rr"}
	for _, c := range []service.Change{{Op: service.AddService, Service: vs}, {Op: service.AddServer, Service: vs, Server: server(1, service.Tunnel)}} {
		if err := d.Apply(c); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[uint16]bool{}
	for i := range 2 {
		l := d.Lane(i)
		for n := range 1000 {
			l.Begin(time.Hour)
			l.Handle(syn(1000 + n))
			for _, p := range l.Queue(1) {
				if seen[p.IPv4().ID()] {
					t.Fatalf("lane %d uses id %d again", i, p.IPv4().ID())
				}
				seen[p.IPv4().ID()] = true
			}
			l.Sent()
			l.End()
		}
	}
	if len(seen) != 2000 {
		t.Errorf("%d ids in 2000 packets", len(seen))
	}
}

// TestReplyTooBig: a server's packet that does not fit into the client's link
// is answered by the director, not in the name of the virtual service, and
// does not count as forwarded.
func TestReplyTooBig(t *testing.T) {
	x := newWorldMTU(t, 1400, 1500)
	x.balance(service.TCP, "rr", service.NAT, 1)
	x.send(0, syn(1000))
	out := x.send(1, fromServer(1, 1000, wire.ACK, wiretest.Payload(1460), wiretest.WithDF()))
	wiretest.Check(t, one(t, out[1]).Data, wiretest.ICMPIs(3, 4), wiretest.MTU(1400), wiretest.Src(dipIn), wiretest.Dst(rsIP(1)),
		wiretest.Quoted(wiretest.Src(rsIP(1)+":8080")), wiretest.MACs(inMAC, rsMAC(1)), wiretest.ValidChecksums())
	out = x.send(1, fromServer(1, 1000, wire.ACK, wiretest.Payload(1460)))
	if len(out[0]) != 2 {
		t.Errorf("%d fragments without DF, want 2", len(out[0]))
	}
}

// TestReplyTTL: a reply that may not go further changes nothing.
func TestReplyTTL(t *testing.T) {
	x := newWorld(t, 100)
	x.balance(service.TCP, "rr", service.NAT, 1)
	x.send(0, syn(1000))
	out := x.send(1, fromServer(1, 1000, wire.RST, nil, wiretest.WithTTL(1)))
	wiretest.Check(t, one(t, out[1]).Data, wiretest.ICMPIs(11, 0), wiretest.Src(dipIn))
	views, _, _ := x.d.Inspect()
	if v := views[0].Servers[0]; v.Active != 1 || v.Stats.OutPkts != 0 {
		t.Errorf("active %d, out packets %d after a reply that went nowhere", v.Active, v.Stats.OutPkts)
	}
}

// TestErrorTooBig: ICMP errors as long as a link, too, must fit into the next.
func TestErrorTooBig(t *testing.T) {
	x := newWorldMTU(t, 1500, 1000)
	x.balance(service.TCP, "rr", service.NAT, 1)
	x.send(0, syn(1000))
	reply := wiretest.TCP(wiretest.Flow{Src: vip + ":80", Dst: flow(1000).Src}, wire.ACK, wiretest.Payload(1400))
	for _, df := range [][]wiretest.Option{{toDirector()}, {toDirector(), wiretest.WithDF()}} {
		out := x.send(0, wiretest.ICMPError(wiretest.Flow{Src: clientIP, Dst: vip}, 3, 1, 0, reply.Frame()[14:], df...))
		for _, f := range out[1] {
			if len(f.Data) > 14+1000 {
				t.Errorf("a frame of %d bytes on a link of 1000", len(f.Data))
			}
		}
	}
	x.reasons(nil)
}

// TestICMPLimit: errors are limited to 1000 a second, and after a long silence
// there are some at once.
func TestICMPLimit(t *testing.T) {
	x := newWorld(t, 100)
	x.balance(service.TCP, "wlc", service.DR, 0)
	sent := 0
	storm := func(n int, every time.Duration) {
		sent = 0
		for i := range n {
			sent += len(x.send(0, syn(1000+i))[0])
			x.now += every
		}
	}
	storm(500, 0)
	if sent != 100 {
		t.Errorf("%d errors at once, want the burst of 100", sent)
	}
	x.now += time.Second
	storm(100, 0)
	storm(2000, 1500*time.Microsecond/2) // as many as time allows, at steps that are no whole token
	if sent < 1490 || sent > 1510 {
		t.Errorf("%d errors in 1.5 s, want 1500", sent)
	}
	storm(500, 0)
	x.now += 300 * 24 * time.Hour // more than (1<<63)/1000 ns
	storm(500, 0)
	if sent != 100 {
		t.Errorf("%d errors at once after 300 days, want the burst of 100", sent)
	}
}

// TestPortZeroIsNoTemplate: packets from client port 0, and errors that quote
// such, do not find a template, whose client port is 0.
func TestPortZeroIsNoTemplate(t *testing.T) {
	x := newWorld(t, 100)
	vs := service.VirtualService{Key: key(service.TCP), Scheduler: "rr", Persistent: time.Minute}
	x.apply(service.Change{Op: service.AddService, Service: vs}, service.Change{Op: service.AddServer, Service: vs, Server: server(1, service.NAT)})
	x.settle()
	x.send(0, syn(1000))
	template := func() (found conntrack.Info) {
		x.d.Conns().Range(func(i *conntrack.Info) bool {
			if i.Flags&conntrack.Template != 0 {
				found = *i
			}
			return true
		})
		return found
	}
	before := template()
	x.now += time.Second
	for _, p := range []*wire.Packet{ack(0, 10), syn(0), ack(0, 0),
		wiretest.ICMPError(wiretest.Flow{Src: clientIP, Dst: vip}, 3, 3, 0,
			wiretest.TCP(wiretest.Flow{Src: vip + ":80", Dst: clientIP + ":0"}, wire.ACK, nil).IP(), toDirector())} {
		if out := x.send(0, p); len(out[1]) != 0 {
			t.Errorf("a packet from port 0 went to a server: %s", describe(t, out[1][0].Data))
		}
	}
	if after := template(); after != before || x.d.Conns().Len() != 2 {
		t.Errorf("template %+v, was %+v", after, before)
	}
	x.reasons(map[dataplane.Reason]uint64{dataplane.DroppedMartian: 1})
}

// TestNotScheduled: what never starts a connection.
func TestNotScheduled(t *testing.T) {
	x := newWorld(t, 100)
	x.balance(service.TCP, "rr", service.DR, 1)
	second := service.VirtualService{Key: key(service.TCP), Scheduler: "rr"}
	second.Addr = netip.MustParseAddr("198.51.100.2")
	x.apply(service.Change{Op: service.AddService, Service: second})
	x.settle()
	for _, tt := range []struct {
		name string
		p    *wire.Packet
		want dataplane.Reason
	}{
		{"active FTP data", syn(20), dataplane.PassedFTPData},
		{"land", wiretest.TCP(wiretest.Flow{Src: vip + ":80", Dst: vip + ":80"}, wire.SYN, nil, toDirector()), dataplane.DroppedMartian},
		{"another VIP as client", wiretest.TCP(wiretest.Flow{Src: "198.51.100.2:1000", Dst: vip + ":80"}, wire.SYN, nil, toDirector()), dataplane.DroppedMartian},
		{"port 0", syn(0), dataplane.DroppedMartian},
	} {
		before := x.count(tt.want)
		out := x.send(0, tt.p)
		if len(out[0])+len(out[1]) != 0 || x.count(tt.want) != before+1 || x.d.Conns().Len() != 0 {
			t.Errorf("%s: %d frames out, %d entries, %v counted %d times more", tt.name, len(out[0])+len(out[1]), x.d.Conns().Len(), tt.want, x.count(tt.want)-before)
		}
	}
}

// TestHeldFrames: frames that wait for many neighbours leave when all are
// known at once; none is lost on the way.
func TestHeldFrames(t *testing.T) {
	x := newWorld(t, 2000)
	h := x.d.Hops()
	h.SetNeighbours(nil)
	x.balance(service.TCP, "rr", service.DR, 9)
	for i := range 9 * 60 {
		x.send(0, syn(1000+i))
	}
	h.SetNeighbours(neighbours())
	out := x.send(0)
	if held := x.count(dataplane.HeldNeighbour); len(out[1]) != int(held) || held != 9*60 {
		t.Errorf("%d frames left of %d that were held", len(out[1]), held)
	}
}

// TestNoSource: without an address of its own toward a server the director
// builds no tunnel packet, and no error without a source.
func TestNoSource(t *testing.T) {
	x := newWorld(t, 100)
	x.balance(service.TCP, "rr", service.Tunnel, 1)
	h := x.d.Hops()
	h.SetAddresses([]nexthop.Address{})
	out := x.send(0, syn(1000))
	for _, f := range append(out[0], out[1]...) {
		if d := wiretest.Decode(t, f.Data); d.IP != nil && d.IP.SrcIP.IsUnspecified() {
			t.Errorf("a packet from 0.0.0.0: %s", describe(t, f.Data))
		}
	}
}
