package dataplane_test

import (
	"testing"
	"time"

	"ulvs/dataplane"
	"ulvs/service"
	"ulvs/wire"
	"ulvs/wire/wiretest"
)

// TestNoAllocations: no packet on the ways that an outsider can choose makes
// garbage.
func TestNoAllocations(t *testing.T) {
	for _, tt := range []struct {
		name   string
		method service.Method
		proto  service.Protocol
		pkt    *wire.Packet
		want   dataplane.Verdict
	}{
		{"hit dr", service.DR, service.TCP, ack(1000, 0), dataplane.Forwarded},
		{"hit nat", service.NAT, service.TCP, ack(1000, 100), dataplane.Forwarded},
		{"hit tunnel", service.Tunnel, service.TCP, ack(1000, 100), dataplane.Forwarded},
		{"hit udp", service.NAT, service.UDP, wiretest.UDP(flow(1000), nil, toDirector()), dataplane.Forwarded},
		{"reply", service.NAT, service.TCP, fromServer(3, 1000, wire.ACK, nil), dataplane.Forwarded},
		{"super-frame nat", service.NAT, service.TCP, ack(1000, 20000, wiretest.WithGSO(1440)), dataplane.Forwarded},
		{"super-frame tunnel", service.Tunnel, service.TCP, ack(1000, 20000, wiretest.WithGSO(1440)), dataplane.Forwarded},
		{"fragments", service.Tunnel, service.TCP, ack(1000, 1460), dataplane.Forwarded},
		{"icmp error", service.NAT, service.TCP, clientError(), dataplane.Forwarded},
		{"too big", service.Tunnel, service.TCP, ack(1000, 1460, wiretest.WithDF()), dataplane.Answered},
		{"ttl", service.NAT, service.TCP, ack(1000, 0, wiretest.WithTTL(1)), dataplane.Answered},
		{"ping", service.DR, service.TCP, wiretest.ICMPEcho(wiretest.Flow{Src: clientIP, Dst: vip}, 1, 1, nil, toDirector()), dataplane.Answered},
		{"arp", service.DR, service.TCP, wiretest.ARP(wire.ARPRequest, clientMAC, clientIP, wire.Broadcast, vip), dataplane.Answered},
		{"not syn", service.DR, service.TCP, ack(1001, 0), dataplane.Passed},
		{"no service", service.DR, service.UDP, syn(1000), dataplane.Passed},
		{"martian", service.DR, service.TCP, syn(0), dataplane.Dropped},
		{"malformed", service.DR, service.TCP, wiretest.Raw(syn(1000).Frame()[:50]), dataplane.Dropped},
		{"fragment", service.DR, service.UDP, wiretest.UDP(flow(1000), wiretest.Payload(24), toDirector(), wiretest.WithFragment(0, true)), dataplane.Dropped},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x := newWorld(t, 1000)
			x.balance(tt.proto, "wlc", tt.method, 3)
			runLane(x, []*wire.Packet{syn(1000), wiretest.UDP(flow(1000), nil, toDirector())})
			x.noAllocs(tt.want, func(i int) *wire.Packet { return tt.pkt })
		})
	}
}

// clientError is an ICMP error of a client about the usual connection.
func clientError() *wire.Packet {
	reply := wiretest.TCP(wiretest.Flow{Src: vip + ":80", Dst: flow(1000).Src}, wire.ACK, wiretest.Payload(100))
	return wiretest.ICMPError(wiretest.Flow{Src: clientIP, Dst: vip}, 3, 1, 0, reply.IP(), toDirector())
}

// noAllocs handles many packets, each a fresh copy of what make returns, and
// fails if that allocates or if a verdict is another.
func (x *world) noAllocs(want dataplane.Verdict, next func(i int) *wire.Packet) {
	x.t.Helper()
	l, i := x.d.Lane(0), 0
	var p wire.Packet
	mem := make([]byte, 70000)
	var got dataplane.Verdict
	run := func() {
		src := next(i)
		i++
		p = *src
		p.Buf = mem
		copy(mem, src.Buf)
		x.now += time.Millisecond // so that the rate of ICMP errors allows this one
		l.Begin(x.now)
		got = l.Handle(&p)
		l.Sent()
		l.End()
	}
	run()
	if n := testing.AllocsPerRun(500, run); n != 0 {
		x.t.Errorf("%v allocations for a packet", n)
	}
	if got != want {
		x.t.Errorf("verdict %v, want %v", got, want)
	}
}

// TestNoAllocationsNew: nor does a new connection, with and without
// persistence, with a full table that evicts, or without a usable server.
func TestNoAllocationsNew(t *testing.T) {
	for _, tt := range []struct {
		name       string
		conns      int
		servers    int
		persistent time.Duration
		want       dataplane.Verdict
	}{
		{"new", 10000, 3, 0, dataplane.Forwarded},
		{"persistent", 10000, 3, time.Minute, dataplane.Forwarded},
		{"evicting", 100, 3, 0, dataplane.Forwarded},
		{"no server", 100, 0, 0, dataplane.Answered},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x := newWorld(t, tt.conns)
			vs := service.VirtualService{Key: key(service.TCP), Scheduler: "wlc", Persistent: tt.persistent}
			x.apply(service.Change{Op: service.AddService, Service: vs})
			for n := 1; n <= tt.servers; n++ {
				x.apply(change(service.AddServer, n, service.NAT, n))
			}
			x.settle()
			pkts := clientPackets(600, wire.SYN)
			x.noAllocs(tt.want, func(i int) *wire.Packet { return pkts[i%len(pkts)] })
		})
	}
}
