package conformance

import (
	"fmt"
	"net/netip"
	"time"

	"ulvs/dataplane"
	"ulvs/dataplane/memport"
	"ulvs/dataplane/nexthop"
	"ulvs/sched"
	"ulvs/wire"
)

// The two links of the bench.
const (
	clientSide = iota // port 0: everything behind one next hop
	serverSide        // port 1: the real servers, each with a MAC of its own
)

// Sizes of the bench.
const (
	servers    = 12 // real servers 203.0.113.1, 2001:db8:3::1 and so on
	clientMTU  = 1500
	benchConns = 1 << 14
	// tick is how far time goes at once while nothing happens: as often as a
	// worker does its upkeep when it is idle.
	tick = 50 * time.Millisecond
	// upkeep is a little more than a worker under load takes between two.
	upkeep = 11 * time.Millisecond
	// mostTicks bounds the work of one pause, however long.
	mostTicks = 1 << 16
)

var (
	clientMAC = wire.MAC{2, 0, 0, 0, 0x0c, 1}
	routerMAC = wire.MAC{2, 0, 0, 0, 0x0e, 1} // sends for all real servers
	linkMACs  = [2]wire.MAC{{2, 0, 0, 0, 0x0d, 1}, {2, 0, 0, 0, 0x0d, 2}}
	linkPeers = [2]wire.MAC{clientMAC, routerMAC}
)

// serverMAC is the address of real server n; a packet's server is known by it.
func serverMAC(n int) wire.MAC { return wire.MAC{2, 0, 0, 1, 0, byte(n)} }

// bench is a Director in the place of the recorded kernel, with one worker and
// time that only the recording moves.
type bench struct {
	director *dataplane.Director
	worker   *dataplane.Worker
	ports    [2]*memport.Port
	now      time.Duration
	busy     time.Duration // when the last packet came
	arps     []string      // requests seen on the server link since last asked
}

// newBench makes a bench; watch is dataplane.Config's.
func newBench(serverMTU int, watch func(sched.Scheduler) sched.Scheduler) (*bench, error) {
	d, err := dataplane.New(dataplane.Config{Conns: benchConns, Seed: 42, Workers: 1, Hops: newHops(serverMTU), Watch: watch})
	if err != nil {
		return nil, err
	}
	b := &bench{director: d, ports: [2]*memport.Port{memport.New(clientSide), memport.New(serverSide)}, now: time.Hour}
	b.worker = dataplane.NewWorker(d.Lane(0), memport.NewWaiter(b.ports[0], b.ports[1]), func() time.Duration { return b.now })
	for i, p := range b.ports {
		b.worker.SetPort(uint16(i), p)
	}
	return b, nil
}

// newHops knows the hosts of the recorder's bench.
func newHops(serverMTU int) *nexthop.Table {
	h := nexthop.New(nexthop.Config{Seed: 1})
	h.SetLinks([]nexthop.Link{
		{Index: 1, Port: clientSide, Name: "dc", MAC: linkMACs[0], MTU: clientMTU, Up: true},
		{Index: 2, Port: serverSide, Name: "dr", MAC: linkMACs[1], MTU: serverMTU, Up: true},
	})
	h.SetAddresses([]nexthop.Address{
		address(1, "192.0.2.254/32"), address(2, "203.0.113.126/25"),
		address(1, "2001:db8:1::fe/64"), address(2, "2001:db8:3::fe/64"),
	})
	h.SetRoutes([]nexthop.Route{
		route("192.0.2.0/24", 1, "192.0.2.1"), route("203.0.113.128/25", 1, "192.0.2.1"), route("203.0.113.0/25", 2, ""),
		route("2001:db8:1::/64", 1, ""), route("2001:db8:4::/48", 1, "2001:db8:1::1"), route("2001:db8:3::/64", 2, ""),
	})
	h.SetNeighbours(neighbours())
	return h
}

func address(link int, prefix string) nexthop.Address {
	return nexthop.Address{Index: link, Prefix: netip.MustParsePrefix(prefix)}
}

func route(dst string, link int, gateway string) nexthop.Route {
	r := nexthop.Route{Dst: netip.MustParsePrefix(dst), Index: link}
	if gateway != "" {
		r.Gateway = netip.MustParseAddr(gateway)
	}
	return r
}

func neighbours() (all []nexthop.Neighbour) {
	add := func(link int, addr string, mac wire.MAC) {
		all = append(all, nexthop.Neighbour{Index: link, Addr: netip.MustParseAddr(addr), MAC: mac, State: nexthop.Pinned})
	}
	add(1, "192.0.2.1", clientMAC)
	add(1, "2001:db8:1::1", clientMAC)
	for n := 1; n <= servers; n++ {
		add(2, fmt.Sprintf("203.0.113.%d", n), serverMAC(n))
		add(2, fmt.Sprintf("2001:db8:3::%x", n), serverMAC(n))
	}
	return all
}

// result is what a packet led to.
type result struct {
	out    []output // servers' side first
	passed bool     // the host's own stack has it
}

// output is one frame that left.
type output struct {
	side  int
	frame []byte
}

// send lets an IP packet arrive on a side and runs the worker until it has
// nothing to do.
func (b *bench) send(side int, ip []byte) result {
	f := make([]byte, wire.EthernetLen, wire.EthernetLen+len(ip))
	e := wire.Ethernet(f)
	e.SetDst(linkMACs[side])
	e.SetSrc(linkPeers[side])
	e.SetEtherType(wire.EtherTypeIPv4)
	if ip[0]>>4 == 6 {
		e.SetEtherType(wire.EtherTypeIPv6)
	}
	b.busy = b.now
	b.ports[side].Inject(append(f, ip...))
	before := b.passes()
	out := b.round()
	return result{out: out, passed: b.passes() > before}
}

// round runs the worker until it has nothing to do and returns the IP packets
// that left.
func (b *bench) round() (out []output) {
	for _, p := range b.ports {
		p.Reset()
	}
	for b.worker.Round() {
	}
	for _, side := range []int{serverSide, clientSide} {
		for _, f := range b.ports[side].Sent() {
			if wire.Ethernet(f.Data).EtherType() == wire.EtherTypeARP {
				b.noteARP(side, wire.Ethernet(f.Data).Payload())
				continue
			}
			out = append(out, output{side, f.Data})
		}
	}
	return out
}

// noteARP remembers a request on the server link; announcements are none.
func (b *bench) noteARP(side int, payload []byte) {
	a := wire.ARP(payload)
	if side == serverSide && a.Op() == 1 && a.SenderIP() != a.TargetIP() {
		b.arps = append(b.arps, "who-has "+netip.AddrFrom4(a.TargetIP()).String())
	}
}

// passes counts the packets that were left to the host.
func (b *bench) passes() (n uint64) {
	by, _ := b.director.Reasons()
	for r, count := range by {
		if dataplane.Reason(r).Verdict() == dataplane.Passed {
			n += count
		}
	}
	return n
}

// advance lets time pass, with the upkeep that comes with it.
func (b *bench) advance(to time.Duration) {
	step := max(tick, (to-b.now)/mostTicks)
	for b.now < to {
		b.now = min(b.now+step, to)
		b.round()
	}
}
