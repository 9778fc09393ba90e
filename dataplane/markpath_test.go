package dataplane_test

import (
	"fmt"
	"testing"

	"ulvs/dataplane"
	"ulvs/sched"
	"ulvs/service"
	"ulvs/wire"
	"ulvs/wire/wiretest"
)

// TestMarkedAddresses: of what rules lead to a service only an address that one
// names alone, for all clients, is a virtual address: ARP and pings are
// answered. Fragments wait for the rest of their datagram where it may belong to a service.
func TestMarkedAddresses(t *testing.T) {
	const alone, within, outside = "198.51.100.1", "198.51.100.9", "203.0.113.200"
	fragment := func(dst string, proto uint8) *wire.Packet {
		return wiretest.IP(wiretest.Flow{Src: clientIP, Dst: dst}, proto, wiretest.Payload(64), toDirector(), wiretest.WithFragment(64, false))
	}
	arp := func(dst string) *wire.Packet {
		return wiretest.ARP(wire.ARPRequest, clientMAC, clientIP, wire.Broadcast, dst)
	}
	ping := func(dst string) *wire.Packet {
		return wiretest.ICMPEcho(wiretest.Flow{Src: clientIP, Dst: dst}, 1, 1, nil, toDirector())
	}
	for _, tt := range []struct {
		name string
		p    *wire.Packet
		want dataplane.Reason
	}{
		{"arp", arp(alone), dataplane.AnsweredARP},
		{"arp within", arp(within), dataplane.PassedARP},
		{"arp outside", arp(outside), dataplane.PassedARP},
		{"ping", ping(alone), dataplane.AnsweredEcho},
		{"ping within", ping(within), dataplane.PassedICMP},
		{"fragment", fragment(alone, wire.ProtoUDP), dataplane.HeldFragment},
		{"fragment within", fragment(within, wire.ProtoTCP), dataplane.HeldFragment},
		{"fragment of another protocol", fragment(within, wire.ProtoUDP), dataplane.PassedFragment},
		{"fragment outside", fragment(outside, wire.ProtoTCP), dataplane.PassedFragment},
		{"another port", wiretest.TCP(wiretest.Flow{Src: clientIP + ":1000", Dst: alone + ":81"}, wire.SYN, nil, toDirector()), dataplane.PassedNoService},
		{"not syn", wiretest.TCP(wiretest.Flow{Src: clientIP + ":1000", Dst: within + ":80"}, wire.ACK, nil, toDirector()), dataplane.PassedNotSYN},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x := newWorld(t, 100)
			x.apply(rules(t, "-p tcp -d 198.51.100.1 --dport 80 1", "-p tcp -d 198.51.100.8/29 --dport 80 1", "-d 203.0.113.200 2", "-d 203.0.113.192/26 0"))
			x.markService(1)
			x.settle()
			x.send(0, tt.p)
			x.reasons(map[dataplane.Reason]uint64{tt.want: 1})
		})
	}
}

// flowSeen is a scheduler that remembers what it was asked.
type flowSeen struct {
	sched.Scheduler
	flows []sched.Flow
}

func (f *flowSeen) Pick(flow *sched.Flow) *sched.Server {
	f.flows = append(f.flows, *flow)
	return f.Scheduler.Pick(flow)
}

// TestMarkFlow: the scheduler of a mark's service sees the packet's own
// destination: dh and lblc hash it.
func TestMarkFlow(t *testing.T) {
	x := newWorld(t, 100)
	x.apply(rules(t, "-d 198.51.100.0/24 1"))
	x.markService(1)
	rr, err := sched.New("rr", sched.Config{})
	if err != nil {
		t.Fatal(err)
	}
	seen := &flowSeen{Scheduler: rr}
	x.d.SetScheduler(service.Key{Mark: 1}, seen)
	x.send(0, wiretest.TCP(wiretest.Flow{Src: clientIP + ":1000", Dst: "198.51.100.77:443"}, wire.SYN, nil, toDirector()))
	if len(seen.flows) != 1 || fmt.Sprint(seen.flows[0].Virtual, seen.flows[0].VirtualPort) != "198.51.100.77 443" {
		t.Errorf("scheduler asked for %v", seen.flows)
	}
}

// TestMarkInterfaces: a rule that names an interface follows its port number.
func TestMarkInterfaces(t *testing.T) {
	x := newWorld(t, 100)
	x.apply(rules(t, "-p tcp -d 198.51.100.0/24 -i eth0 1"))
	x.markService(1)
	for i, tt := range []struct {
		ports map[string]uint16
		want  dataplane.Verdict
	}{
		{nil, dataplane.Passed},
		{map[string]uint16{"eth0": 0}, dataplane.Forwarded},
		{map[string]uint16{"eth0": 1}, dataplane.Passed},
		{map[string]uint16{"eth00": 0}, dataplane.Passed},
	} {
		x.d.SetInterfaces(tt.ports)
		p := wiretest.TCP(wiretest.Flow{Src: fmt.Sprintf("%s:%d", clientIP, 1000+i), Dst: "198.51.100.77:443"}, wire.SYN, nil, toDirector())
		if got := x.d.Handle(x.now, p); got != tt.want {
			t.Errorf("with %v: %v, want %v", tt.ports, got, tt.want)
		}
	}
}

// TestNoAllocationsMarked: nor do packets that are held against mark rules make
// garbage.
func TestNoAllocationsMarked(t *testing.T) {
	for name, tt := range map[string]struct {
		flags uint8
		dst   string
		want  dataplane.Verdict
	}{
		"new":     {wire.SYN, "198.51.100.1:80", dataplane.Forwarded},
		"not syn": {wire.ACK, "198.51.100.1:80", dataplane.Passed},
		"no rule": {wire.SYN, "198.51.100.1:81", dataplane.Passed},
		"outside": {wire.SYN, "203.0.113.9:80", dataplane.Passed},
	} {
		t.Run(name, func(t *testing.T) {
			x := newWorld(t, 10000)
			vs := service.VirtualService{Key: service.Key{Mark: 1}, Scheduler: "rr", Persistent: 1e9}
			x.apply(rules(t, "-p udp -i eth0 1", "-p tcp -d 198.51.100.0/28 --dport 80 1"),
				service.Change{Op: service.AddService, Service: vs}, service.Change{Op: service.AddServer, Service: vs, Server: server(1, service.NAT)})
			var pkts []*wire.Packet
			for i := range 600 {
				pkts = append(pkts, wiretest.TCP(wiretest.Flow{Src: fmt.Sprintf("%s:%d", clientIP, 1024+i), Dst: tt.dst}, tt.flags, nil, toDirector()))
			}
			x.noAllocs(tt.want, func(i int) *wire.Packet { return pkts[i%len(pkts)] })
		})
	}
}

// manyRules are n rules for addresses that nobody asks for, and at the end one
// for the usual service's.
func manyRules(t testing.TB, n int) service.Change {
	var lines []string
	for i := range n - 1 {
		lines = append(lines, fmt.Sprintf("-p tcp -d 203.0.%d.%d/32 --dport 80 1", i>>8, i&255))
	}
	return rules(t, append(lines, "-p tcp -d 198.51.100.0/28 --dport 80 1")...)
}

// BenchmarkMarked is a packet without a connection that is held against so many
// mark rules, of which the last matches; and a packet of a known connection.
func BenchmarkMarked(b *testing.B) {
	for _, n := range []int{1, 10, 100, service.MaxMarkRules} {
		b.Run(fmt.Sprintf("unknown/%d", n), func(b *testing.B) { benchMarked(b, n, false) })
		b.Run(fmt.Sprintf("hit/%d", n), func(b *testing.B) { benchMarked(b, n, true) })
	}
}

func benchMarked(b *testing.B, n int, hit bool) {
	x := newWorld(b, benchCapacity)
	x.apply(manyRules(b, n))
	x.markService(1)
	want := dataplane.Passed
	if hit {
		runLane(x, clientPackets(benchFlows, wire.SYN))
		want = dataplane.Forwarded
	}
	ring := newRing(wire.ACK)
	l := x.d.Lane(0)
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; i < b.N; {
		l.Begin(x.now)
		for j := 0; j < dataplane.BatchSize && i < b.N; j, i = j+1, i+1 {
			if v := l.Handle(ring.packet(i % benchFlows)); v != want {
				b.Fatal(v)
			}
		}
		l.Sent()
		l.End()
	}
}
