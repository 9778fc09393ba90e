package dataplane_test

import (
	"net/netip"
	"testing"
	"time"

	"ulvs/dataplane"
	"ulvs/dataplane/memport"
	"ulvs/dataplane/nexthop"
	"ulvs/service"
	"ulvs/wire"
	"ulvs/wire/wiretest"
)

// The world of the tests: clients behind eth0 (port 0), real servers behind
// eth1 (port 1), the director in between.
const (
	vip      = "198.51.100.1"
	clientIP = "192.0.2.7"
	dipOut   = "192.0.2.254"
	dipIn    = "203.0.113.254"
)

var (
	clientMAC = wire.MAC{2, 0, 0, 0, 0x0c, 1}
	outMAC    = wire.MAC{2, 0, 0, 0, 0xd, 0}
	inMAC     = wire.MAC{2, 0, 0, 0, 0xd, 1}
)

// rsMAC is real server n's hardware address, rsIP its address.
func rsMAC(n int) wire.MAC { return wire.MAC{2, 0, 0, 1, 0, byte(n)} }
func rsIP(n int) string    { return netip.AddrFrom4([4]byte{203, 0, 113, byte(n)}).String() }
func rsIP6(n int) string {
	return netip.AddrFrom16([16]byte{0x20, 1, 0x0d, 0xb8, 0, 3, 15: byte(n)}).String()
}

// world is a Director with one worker on two ports in memory and time that
// stands still.
type world struct {
	t      testing.TB
	d      *dataplane.Director
	w      *dataplane.Worker
	eth    [2]*memport.Port
	now    time.Duration
	waiter *memport.Waiter
}

func newWorld(t testing.TB, conns int) *world { return newWorldWith(t, conns, newHops(1500, 1500)) }

func newWorldWith(t testing.TB, conns int, hops *nexthop.Table) *world {
	t.Helper()
	d, err := dataplane.New(dataplane.Config{Conns: conns, Seed: 42, Workers: 1, Hops: hops})
	if err != nil {
		t.Fatal(err)
	}
	x := &world{t: t, d: d, eth: [2]*memport.Port{memport.New(0), memport.New(1)}, now: time.Hour}
	x.waiter = memport.NewWaiter(x.eth[0], x.eth[1])
	x.w = dataplane.NewWorker(d.Lane(0), x.waiter, func() time.Duration { return x.now })
	for i, p := range x.eth {
		x.w.SetPort(uint16(i), p)
	}
	return x
}

// newHops knows every host of the world. The MTUs are those of eth0 and eth1.
func newHops(mtu0, mtu1 int) *nexthop.Table {
	h := nexthop.New(nexthop.Config{Seed: 1})
	h.SetLinks(linksOf(mtu0, mtu1))
	h.SetAddresses([]nexthop.Address{
		{Index: 1, Prefix: netip.MustParsePrefix(dipOut + "/24")},
		{Index: 2, Prefix: netip.MustParsePrefix(dipIn + "/24")},
	})
	h.SetRoutes([]nexthop.Route{
		{Dst: netip.MustParsePrefix("192.0.2.0/24"), Index: 1},
		{Dst: netip.MustParsePrefix("203.0.113.0/24"), Index: 2},
		{Dst: netip.MustParsePrefix("0.0.0.0/0"), Index: 1, Gateway: netip.MustParseAddr(clientIP)},
	})
	h.SetNeighbours(neighbours())
	return h
}

func linksOf(mtu0, mtu1 int) []nexthop.Link {
	return []nexthop.Link{
		{Index: 1, Port: 0, Name: "eth0", MAC: outMAC, MTU: mtu0, Up: true},
		{Index: 2, Port: 1, Name: "eth1", MAC: inMAC, MTU: mtu1, Up: true},
	}
}

func neighbours() []nexthop.Neighbour {
	all := []nexthop.Neighbour{{Index: 1, Addr: netip.MustParseAddr(clientIP), MAC: clientMAC, State: nexthop.Pinned}}
	for n := 1; n <= 9; n++ {
		all = append(all, nexthop.Neighbour{Index: 2, Addr: netip.MustParseAddr(rsIP(n)), MAC: rsMAC(n), State: nexthop.Pinned})
	}
	return all
}

type (
	memFrame       = memport.Frame
	nexthopAddress = nexthop.Address
)

func (x *world) apply(changes ...service.Change) {
	x.t.Helper()
	for _, c := range changes {
		if err := x.d.Apply(c); err != nil {
			x.t.Fatalf("%v: %v", c, err)
		}
	}
}

// key is the usual virtual service.
func key(p service.Protocol) service.Key {
	return service.Key{Protocol: p, Addr: netip.MustParseAddr(vip), Port: 80}
}

// balance sets up the usual service with servers 1..n by the given method; NAT
// servers listen on port 8080.
func (x *world) balance(p service.Protocol, scheduler string, m service.Method, n int) {
	x.t.Helper()
	vs := service.VirtualService{Key: key(p), Scheduler: scheduler}
	x.apply(service.Change{Op: service.AddService, Service: vs})
	for i := 1; i <= n; i++ {
		x.apply(service.Change{Op: service.AddServer, Service: vs, Server: server(i, m)})
	}
	x.settle()
}

// settle lets the announcements of a new virtual address pass.
func (x *world) settle() {
	for range 3 {
		x.now += 2 * time.Second
		x.send(0)
	}
}

func server(n int, m service.Method) service.RealServer {
	r := service.RealServer{Addr: netip.MustParseAddr(rsIP(n)), Port: 80, Method: m, Weight: 1}
	if m == service.NAT {
		r.Port = 8080
	}
	return r
}

// send lets packets arrive on a port, runs the worker until it has nothing to
// do, and returns what left by each port.
func (x *world) send(port int, pkts ...*wire.Packet) (out [2][]memport.Frame) {
	for _, p := range x.eth {
		p.Reset()
	}
	for _, p := range pkts {
		x.eth[port].InjectFrames(memport.Frame{Data: p.Frame(), Offload: p.Offload})
	}
	for x.w.Round() {
	}
	return [2][]memport.Frame{x.eth[0].Sent(), x.eth[1].Sent()}
}

// reasons checks the counts of the given reasons, and that in = out + reasons.
func (x *world) reasons(want map[dataplane.Reason]uint64) {
	x.t.Helper()
	by, total := x.d.Reasons()
	sum := uint64(0)
	for i, n := range by {
		sum += n
		if w, ok := want[dataplane.Reason(i)]; ok && w != n {
			x.t.Errorf("%v counted %d times, want %d", dataplane.Reason(i), n, w)
		}
	}
	if sum != total {
		x.t.Errorf("%d packets handled, %d counted by reason", total, sum)
	}
}

// flow is client port n to the VIP.
func flow(n int) wiretest.Flow {
	return wiretest.Flow{Src: netip.AddrPortFrom(netip.MustParseAddr(clientIP), uint16(n)).String(), Dst: vip + ":80"}
}

// toDirector are the MACs of a frame from the client.
func toDirector() wiretest.Option { return wiretest.WithMACs(clientMAC, outMAC) }
