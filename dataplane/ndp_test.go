package dataplane_test

import (
	"net/netip"
	"testing"
	"time"

	"ulvs/dataplane"
	"ulvs/dataplane/nexthop"
	"ulvs/service"
	"ulvs/wire"
	"ulvs/wire/wiretest"
)

// The IPv6 addresses of the tests' world.
const (
	vip6      = "2001:db8:2::1"
	client6   = "2001:db8:1::7"
	router6   = "2001:db8:1::fd" // by which the recorded bench reaches its clients
	director6 = "2001:db8:1::fe"
)

// world6 is the recorded bench with an IPv6 service of servers 1..n.
func world6(t testing.TB, m service.Method, n int) *world {
	x := newKernelWorld(t, 1500)
	x.balance6(m, n)
	x.settle()
	return x
}

func (x *world) balance6(m service.Method, n int) {
	x.t.Helper()
	vs := service.VirtualService{Key: service.Key{Protocol: service.TCP, Addr: netip.MustParseAddr(vip6), Port: 80}, Scheduler: "rr"}
	x.apply(service.Change{Op: service.AddService, Service: vs})
	for i := 1; i <= n; i++ {
		r := service.RealServer{Addr: netip.MustParseAddr(rsIP6(i)), Port: 80, Method: m, Weight: 1}
		x.apply(service.Change{Op: service.AddServer, Service: vs, Server: r})
	}
}

func syn6(port int) *wire.Packet {
	src := netip.AddrPortFrom(netip.MustParseAddr("2001:db8:4::10"), uint16(port)).String()
	return wiretest.TCP(wiretest.Flow{Src: src, Dst: "[" + vip6 + "]:80"}, wire.SYN, nil, toDirector())
}

// ask is a solicitation from src, whose MAC is clientMAC.
func ask(src, target string, mac wire.MAC) *wire.Packet {
	group := wire.SolicitedNode(wiretest.Addr(target))
	n := wire.Neighbour{Type: wire.ICMP6NeighbourAsk, Target: wiretest.Addr(target), MAC: mac}
	return wiretest.NDP(n, clientMAC, src, wire.GroupMAC(group), group.String())
}

// TestSolicitations: who asks for a virtual address gets an answer, unless the
// host has it, or the question is none.
func TestSolicitations(t *testing.T) {
	x := world6(t, service.DR, 1)
	spoilt := ask(client6, vip6, clientMAC)
	spoilt.IP()[7] = 64
	for _, row := range []struct {
		name    string
		in      *wire.Packet
		to      string // whom the answer is for; "" for none
		mac     wire.MAC
		answers uint64
	}{
		{"virtual address", ask(client6, vip6, clientMAC), client6, clientMAC, 1},
		{"without the asker's MAC", ask(client6, vip6, wire.MAC{}), client6, clientMAC, 1},
		{"somebody wants the address", ask("::", vip6, wire.MAC{}), "ff02::1", wire.MAC{0x33, 0x33, 0, 0, 0, 1}, 1},
		{"the host's address", ask(client6, director6, clientMAC), "", wire.MAC{}, 0},
		{"another address", ask(client6, "2001:db8:2::2", clientMAC), "", wire.MAC{}, 0},
		{"from the address itself", ask(vip6, vip6, clientMAC), "", wire.MAC{}, 0},
		{"asker with a group MAC", ask(client6, vip6, wire.Broadcast), "", wire.MAC{}, 0},
		{"from another link", spoilt, "", wire.MAC{}, 0},
	} {
		before, _ := x.d.Reasons()
		out := x.send(0, row.in)
		after, _ := x.d.Reasons()
		if got := after[dataplane.AnsweredNDP] - before[dataplane.AnsweredNDP]; got != row.answers || len(out[0]) != int(row.answers) {
			t.Errorf("%s: %d answers, %d frames, want %d", row.name, got, len(out[0]), row.answers)
			continue
		}
		for _, f := range out[0] {
			wiretest.Check(t, f.Data, wiretest.MACs(outMAC, row.mac), wiretest.Src(vip6), wiretest.Dst(row.to),
				wiretest.ICMPIs(136, 0), wiretest.TTL(255), wiretest.ValidChecksums())
			n, ok := wire.ReadNDP(wiretest.Raw(f.Data))
			if !ok || n.MAC != outMAC || n.Target != wiretest.Addr(vip6) || (n.Flags&wire.NeighbourSolicited != 0) != (row.to == client6) {
				t.Errorf("%s: answer %+v, %v", row.name, n, ok)
			}
		}
	}
}

// TestAnnounce6: a new virtual address is told to all nodes on every link,
// twice.
func TestAnnounce6(t *testing.T) {
	x := newKernelWorld(t, 1500)
	x.balance6(service.DR, 1)
	macs, counts := [2]wire.MAC{outMAC, inMAC}, [2]int{}
	for range 4 {
		x.now += time.Second
		for port, frames := range x.send(0) {
			for _, f := range frames {
				n, ok := wire.ReadNDP(wiretest.Raw(f.Data))
				if !ok || n.Flags != wire.NeighbourOverride || n.MAC != macs[port] || n.Target != wiretest.Addr(vip6) {
					t.Errorf("announced %+v, %v", n, ok)
				}
				wiretest.Check(t, f.Data, wiretest.Src(vip6), wiretest.Dst("ff02::1"), wiretest.ValidChecksums())
				counts[port]++
			}
		}
	}
	if counts != [2]int{2, 2} {
		t.Errorf("announced %v times by port, want 2 by each", counts)
	}
}

// TestResolve6: a packet waits until its real server has said where it is.
func TestResolve6(t *testing.T) {
	x := world6(t, service.NAT, 1)
	x.d.Hops().SetNeighbours([]nexthop.Neighbour{{Index: 1, Addr: netip.MustParseAddr(router6), MAC: clientMAC, State: nexthop.Pinned}})
	x.d.Hops().SetLinks(linksOf(1500, 1500)[:1]) // forget
	x.d.Hops().SetLinks(linksOf(1500, 1500))
	out := x.send(0, syn6(1000))
	if len(out[1]) != 1 {
		t.Fatalf("%d frames sent, want a solicitation", len(out[1]))
	}
	wiretest.Check(t, out[1][0].Data, wiretest.MACs(inMAC, wire.MAC{0x33, 0x33, 0xff, 0, 0, 1}), wiretest.Src("2001:db8:3::fe"),
		wiretest.Dst("ff02::1:ff00:1"), wiretest.ICMPIs(135, 0), wiretest.ValidChecksums())
	n := wire.Neighbour{Type: wire.ICMP6NeighbourAnswer, Flags: wire.NeighbourSolicited | wire.NeighbourOverride, Target: wiretest.Addr(rsIP6(1)), MAC: rsMAC(1)}
	out = x.send(1, wiretest.NDP(n, rsMAC(1), rsIP6(1), inMAC, "2001:db8:3::fe"))
	if len(out[1]) != 1 {
		t.Fatalf("%d frames sent, want the one that waited", len(out[1]))
	}
	wiretest.Check(t, out[1][0].Data, wiretest.MACs(inMAC, rsMAC(1)), wiretest.Dst("["+rsIP6(1)+"]:80"), wiretest.TTL(63), wiretest.ValidChecksums())
	x.reasons(map[dataplane.Reason]uint64{dataplane.HeldNeighbour: 1, dataplane.PassedNDP: 1})
}
