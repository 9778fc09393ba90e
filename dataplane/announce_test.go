package dataplane_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"ulvs/dataplane"
	"ulvs/dataplane/nexthop"
	"ulvs/service"
	"ulvs/wire"
	"ulvs/wire/wiretest"
)

// announced are the ports by which frames left in a second's rounds, all of
// which must announce the virtual address for the given hardware addresses.
func (x *world) announced(macs [2]wire.MAC) (counts [2]int) {
	x.t.Helper()
	for range 5 {
		x.now += time.Second
		for port, frames := range x.send(0) {
			counts[port] += len(frames)
			for _, f := range frames {
				wiretest.Check(x.t, f.Data, wiretest.ARPIs(wire.ARPRequest, macs[port], vip, wire.MAC{}, vip), wiretest.MACs(macs[port], wire.Broadcast))
			}
		}
	}
	return counts
}

// TestAnnounceAgain: virtual addresses are announced again on request, under
// the hardware address that the link has now; however often it is asked for in
// between, twice.
func TestAnnounceAgain(t *testing.T) {
	x := newWorld(t, 100)
	x.balance(service.TCP, "rr", service.DR, 1)
	links := linksOf(1500, 1500)
	links[0].MAC = wire.MAC{2, 0, 0, 0, 0xd, 9}
	x.d.Hops().SetLinks(links)
	for range 100 {
		x.d.Announce()
	}
	if got := x.announced([2]wire.MAC{links[0].MAC, inMAC}); got != [2]int{2, 2} {
		t.Errorf("announced %v times by port, want 2 by each", got)
	}
}

// TestAnnounceWaitsForLink: what was asked for while no link was up is not lost.
func TestAnnounceWaitsForLink(t *testing.T) {
	x := newWorld(t, 100)
	x.d.Hops().SetLinks(nil)
	x.balance(service.TCP, "rr", service.DR, 1)
	x.d.Hops().SetLinks(linksOf(1500, 1500)[1:])
	if got := x.announced([2]wire.MAC{outMAC, inMAC}); got != [2]int{0, 2} {
		t.Errorf("announced %v times by port, want 2 by the second", got)
	}
}

// TestAnnounceNotTheHosts: for an address of the host its own stack speaks.
func TestAnnounceNotTheHosts(t *testing.T) {
	x := newWorld(t, 100)
	x.balance(service.TCP, "rr", service.DR, 1)
	x.d.Hops().SetAddresses([]nexthop.Address{{Index: 1, Prefix: netip.MustParsePrefix(vip + "/32")}})
	x.d.Announce()
	if got := x.announced([2]wire.MAC{}); got != [2]int{} {
		t.Errorf("announced %v times by port", got)
	}
}

// TestLeftovers: a deleted NAT server is one until its last connection ends, and
// that moves the generation.
func TestLeftovers(t *testing.T) {
	x := newWorld(t, 100)
	x.balance(service.TCP, "rr", service.NAT, 2)
	x.send(0, syn(1000)) // to server 2
	x.apply(change(service.DeleteServer, 2, service.NAT, 1), change(service.DeleteServer, 1, service.NAT, 1))
	if got := fmt.Sprint(x.d.Leftovers()); got != fmt.Sprintf("[{6 %s 8080}]", rsIP(2)) {
		t.Fatalf("leftovers %s", got)
	}
	before := x.d.Generation()
	x.send(1, fromServer(2, 1000, wire.RST, nil)) // CLOSE, 10 s
	x.now += 20 * time.Second
	x.settle()
	if got := x.d.Leftovers(); len(got) != 0 || x.d.Generation() == before {
		t.Errorf("leftovers %v, generation %d, was %d", got, x.d.Generation(), before)
	}
}

// TestOrigin: a service or server that is deleted and added again is another
// one, with the counters it begins with.
func TestOrigin(t *testing.T) {
	x := newWorld(t, 100)
	x.balance(service.TCP, "rr", service.NAT, 1)
	x.send(0, syn(1000))
	first, _, _ := x.d.Inspect()
	x.apply(change(service.DeleteServer, 1, service.NAT, 1), change(service.AddServer, 1, service.NAT, 1))
	second, _, _ := x.d.Inspect()
	a, b := first[0].Servers[0], second[0].Servers[0]
	if a.Instance == b.Instance || a.Born.InPkts != 0 || b.Raw.InPkts != 1 || b.Born != b.Raw {
		t.Errorf("server was %+v, revived %+v", a, b)
	}
	x.apply(service.Change{Op: service.Flush})
	x.balance(service.TCP, "rr", service.NAT, 1)
	third, _, _ := x.d.Inspect()
	if first[0].Instance != second[0].Instance || third[0].Instance == first[0].Instance || third[0].Born != third[0].Raw {
		t.Errorf("service was %+v, is %+v", first[0].Origin, third[0].Origin)
	}
}

// TestTickDoesNotWait: packets go on while the configuration is being changed,
// and what was to be done is done later.
func TestTickDoesNotWait(t *testing.T) {
	x := newWorld(t, 100)
	x.balance(service.TCP, "rr", service.NAT, 2)
	x.d.Announce()
	x.apply(change(service.DeleteServer, 1, service.NAT, 1))
	x.now += time.Minute
	x.d.Changing(func() {
		if out := x.send(0, syn(1000)); len(out[0]) != 0 || len(out[1]) != 1 {
			t.Errorf("%d and %d frames left, want the SYN alone", len(out[0]), len(out[1]))
		}
	})
	x.now += 10 * time.Millisecond
	if out := x.send(0); len(out[0]) != 1 || len(out[1]) != 1 {
		t.Errorf("%d and %d frames left, want the announcements", len(out[0]), len(out[1]))
	}
	if _, trash := x.d.Indexes(); trash != 0 {
		t.Errorf("%d deleted servers are kept", trash)
	}
}

// TestTogether: a piece that was lost decides for the packet.
func TestTogether(t *testing.T) {
	const ok, held, full, cut = dataplane.ForwardedSegments, dataplane.HeldNeighbour, dataplane.DroppedNeighbour, dataplane.DroppedSegment
	for _, row := range [][3]dataplane.Reason{{ok, ok, ok}, {ok, held, held}, {held, full, full}, {full, ok, full}, {full, cut, full}, {held, ok, ok}} {
		if got := dataplane.Together(row[0], row[1]); got != row[2] {
			t.Errorf("%v then %v is %v, want %v", row[0], row[1], got, row[2])
		}
	}
}

// TestSplitLoss: of a super-frame to a server that does not answer ARP, the
// first 64 segments are held; that the others are lost is what is counted, also
// where the last one, being small, would still fit.
func TestSplitLoss(t *testing.T) {
	h := newHops(1500, 1500)
	h.SetNeighbours(neighbours()[:1])
	x := newWorldWith(t, 100, h)
	x.balance(service.TCP, "rr", service.Tunnel, 1)
	x.send(0, syn(1000))
	p := wiretest.TCP(flow(1000), wire.ACK, make([]byte, 60000), toDirector(), wiretest.WithGSO(500))
	x.send(0, p)
	if got := x.count(dataplane.DroppedNeighbour); got != 1 {
		by, _ := x.d.Reasons()
		t.Errorf("dropped %d times: %v", got, by)
	}
}
