package netmon

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ulvs/dataplane/nexthop"
	"ulvs/internal/testns"
	"ulvs/wire"
)

func TestMain(m *testing.M) { os.Exit(testns.Main(m)) }

// recorder is a Handler that keeps what it was told last.
type recorder struct {
	mu         sync.Mutex
	links      []Link
	addresses  []nexthop.Address
	routes     []nexthop.Route
	neighbours map[netip.Addr]nexthop.Neighbour
	troubles   []error
	hold       sync.Mutex // held by a test to stall the monitor
	changed    chan struct{}
}

func (r *recorder) tell(f func()) {
	r.hold.Lock()
	defer r.hold.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

func (r *recorder) Links(l []Link)                { r.tell(func() { r.links = l }) }
func (r *recorder) Addresses(a []nexthop.Address) { r.tell(func() { r.addresses = a }) }
func (r *recorder) Routes(a []nexthop.Route)      { r.tell(func() { r.routes = a }) }
func (r *recorder) Trouble(err error)             { r.tell(func() { r.troubles = append(r.troubles, err) }) }
func (r *recorder) Neighbour(n nexthop.Neighbour) { r.tell(func() { r.neighbours[n.Addr] = n }) }
func (r *recorder) Neighbours(all []nexthop.Neighbour) {
	r.tell(func() {
		clear(r.neighbours)
		for _, n := range all {
			r.neighbours[n.Addr] = n
		}
	})
}

// await waits until the recorder has been told what cond looks for.
func (r *recorder) await(t *testing.T, what string, cond func() bool) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		r.mu.Lock()
		ok := cond()
		r.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-r.changed:
		case <-deadline:
			t.Fatalf("never told of %s; have links %+v, addresses %v, routes %+v, neighbours %v, troubles %v",
				what, r.links, r.addresses, r.routes, r.neighbours, r.troubles)
		}
	}
}

func (r *recorder) link(name string) (l Link) {
	if i := slices.IndexFunc(r.links, func(l Link) bool { return l.Name == name }); i >= 0 {
		l = r.links[i]
	}
	return l
}

// watched is a namespace with eth0 192.0.2.1/24 and a recorder following it.
func watched(t *testing.T, buffer int) (n *testns.NS, r *recorder) {
	t.Helper()
	n = testns.New(t)
	peer := testns.New(t)
	testns.Veth(t, n, "eth0", peer, "eth0")
	n.Addr("eth0", "192.0.2.1/24")
	n.Up("eth0")
	peer.Up("eth0")
	r = &recorder{neighbours: map[netip.Addr]nexthop.Neighbour{}, changed: make(chan struct{}, 1)}
	n.Do(func() {
		if _, err := start(t.Context(), r, buffer); err != nil {
			t.Fatal(err)
		}
	})
	return n, r
}

func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

func TestFirstListsAreThereWhenStartReturns(t *testing.T) {
	n, r := watched(t, readBuffer)
	r.mu.Lock()
	defer r.mu.Unlock()
	index := n.Index("eth0")
	want := Link{Index: index, Name: "eth0", Kind: "veth", MAC: wire.MAC(n.MAC("eth0")), MTU: 1500, Ethernet: true, Up: true}
	if got := r.link("eth0"); got != want {
		t.Errorf("link %+v, want %+v", got, want)
	}
	if lo := r.link("lo"); lo.Index != 1 || lo.Ethernet || !lo.Up {
		t.Errorf("loopback %+v", lo)
	}
	if !slices.Contains(r.addresses, nexthop.Address{Index: index, Prefix: prefix("192.0.2.1/24")}) {
		t.Errorf("addresses %+v", r.addresses)
	}
	for _, want := range []nexthop.Route{
		{Dst: prefix("192.0.2.0/24"), Index: index, Source: netip.MustParseAddr("192.0.2.1")},
		{Dst: prefix("192.0.2.1/32"), Type: nexthop.Local, Index: index, Source: netip.MustParseAddr("192.0.2.1")},
		{Dst: prefix("192.0.2.255/32"), Type: nexthop.Broadcast, Index: index, Source: netip.MustParseAddr("192.0.2.1")},
	} {
		if !slices.Contains(r.routes, want) {
			t.Errorf("no route %+v in %+v", want, r.routes)
		}
	}
}

func TestLinkChangesAreFollowed(t *testing.T) {
	n, r := watched(t, readBuffer)
	onLink := func() bool {
		return slices.ContainsFunc(r.routes, func(x nexthop.Route) bool { return x.Dst == prefix("192.0.2.0/24") })
	}
	n.Down("eth0")
	r.await(t, "the link going down with its routes", func() bool { return !r.link("eth0").Up && !onLink() })
	n.Up("eth0")
	r.await(t, "the link coming up with its routes", func() bool { return r.link("eth0").Up && onLink() })
	n.MTU("eth0", 1400)
	r.await(t, "the MTU", func() bool { return r.link("eth0").MTU == 1400 })
	n.SetMAC("eth0", "02:00:00:00:00:77")
	r.await(t, "the MAC", func() bool { return r.link("eth0").MAC == wire.MAC{2, 0, 0, 0, 0, 0x77} })
	old := n.Index("eth0")
	n.Delete("eth0")
	r.await(t, "the deletion", func() bool { return r.link("eth0").Index == 0 && !onLink() })
	peer := testns.New(t)
	testns.Veth(t, n, "eth0", peer, "eth0")
	r.await(t, "the new link", func() bool { return r.link("eth0").Index > old })
	n.Bridge("br0", "eth0")
	r.await(t, "the bridge", func() bool {
		return r.link("br0").Kind == "bridge" && r.link("eth0").Master == r.link("br0").Index
	})
}

func TestAddressesAndRoutesAreFollowed(t *testing.T) {
	n, r := watched(t, readBuffer)
	index := n.Index("eth0")
	n.Addr("eth0", "192.0.2.2/24")
	second := nexthop.Address{Index: index, Prefix: prefix("192.0.2.2/24"), Secondary: true}
	r.await(t, "a secondary address", func() bool { return slices.Contains(r.addresses, second) })

	n.Route("default", "192.0.2.254")
	n.Route("198.51.100.0/24", "192.0.2.253")
	for _, route := range []netlink.Route{
		{Dst: ipnet("203.0.113.0/28"), Type: unix.RTN_BLACKHOLE},
		{Dst: ipnet("203.0.113.16/28"), Priority: 7, MultiPath: []*netlink.NexthopInfo{
			{LinkIndex: index, Gw: net.IPv4(192, 0, 2, 10)}, {LinkIndex: index, Gw: net.IPv4(192, 0, 2, 11)}}},
		{Dst: ipnet("203.0.113.32/28"), Type: unix.RTN_LOCAL, Table: unix.RT_TABLE_LOCAL, LinkIndex: 1, Scope: netlink.SCOPE_HOST},
		{Dst: ipnet("203.0.113.48/28"), Table: 77, LinkIndex: index},
	} {
		if err := n.Handle().RouteAdd(&route); err != nil {
			t.Fatalf("%v: %v", route, err)
		}
	}
	gw := netip.MustParseAddr
	for _, want := range []nexthop.Route{
		{Dst: prefix("0.0.0.0/0"), Gateway: gw("192.0.2.254"), Index: index},
		{Dst: prefix("198.51.100.0/24"), Gateway: gw("192.0.2.253"), Index: index},
		{Dst: prefix("203.0.113.0/28"), Type: nexthop.Unusable},
		{Dst: prefix("203.0.113.16/28"), Gateway: gw("192.0.2.10"), Index: index, Metric: 7},
		{Dst: prefix("203.0.113.16/28"), Gateway: gw("192.0.2.11"), Index: index, Metric: 7},
		{Dst: prefix("203.0.113.32/28"), Type: nexthop.Local, Index: 1},
	} {
		r.await(t, want.Dst.String(), func() bool { return slices.Contains(r.routes, want) })
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if slices.ContainsFunc(r.routes, func(x nexthop.Route) bool { return x.Dst == prefix("203.0.113.48/28") }) {
		t.Error("told of a route in table 77")
	}
}

func ipnet(s string) *net.IPNet {
	_, n, _ := net.ParseCIDR(s)
	return n
}

// neigh is a neighbour entry of the kernel's to be set.
func neigh(index int, ip string, last byte, state int) *netlink.Neigh {
	return &netlink.Neigh{LinkIndex: index, State: state, IP: net.ParseIP(ip), HardwareAddr: net.HardwareAddr{2, 0, 0, 0, 0, last}}
}

func TestNeighboursAreFollowed(t *testing.T) {
	n, r := watched(t, readBuffer)
	index, h := n.Index("eth0"), n.Handle()
	ip := netip.MustParseAddr("192.0.2.9")
	for _, tt := range []struct {
		entry *netlink.Neigh
		want  nexthop.NeighbourState
	}{
		{neigh(index, "192.0.2.9", 1, netlink.NUD_PERMANENT), nexthop.Pinned},
		{neigh(index, "192.0.2.9", 2, netlink.NUD_REACHABLE), nexthop.Reachable},
		{neigh(index, "192.0.2.9", 3, netlink.NUD_STALE), nexthop.Stale},
	} {
		if err := h.NeighSet(tt.entry); err != nil {
			t.Fatal(err)
		}
		want := nexthop.Neighbour{Index: index, Addr: ip, MAC: wire.MAC(tt.entry.HardwareAddr), State: tt.want}
		r.await(t, "the entry", func() bool { return r.neighbours[ip] == want })
	}
	if err := h.NeighDel(neigh(index, "192.0.2.9", 3, netlink.NUD_STALE)); err != nil {
		t.Fatal(err)
	}
	r.await(t, "its removal", func() bool { return r.neighbours[ip].State == nexthop.Gone })
}

func TestOverrunIsMadeGood(t *testing.T) {
	n, r := watched(t, 4096)
	index, h := n.Index("eth0"), n.Handle()
	const many = 1000
	r.hold.Lock() // a slow handler
	for i := range many {
		ip := net.IPv4(192, 0, 2+byte(i>>8), byte(i)).String()
		if err := h.NeighSet(neigh(index, ip, byte(i), netlink.NUD_PERMANENT)); err != nil {
			t.Error(err)
		}
	}
	n.Addr("eth0", "198.51.100.1/24")
	r.hold.Unlock()
	r.await(t, "everything after an overrun", func() bool {
		return len(r.neighbours) == many &&
			slices.ContainsFunc(r.addresses, func(a nexthop.Address) bool { return a.Prefix == prefix("198.51.100.1/24") })
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.troubles) == 0 || !errors.Is(r.troubles[0], syscall.ENOBUFS) {
		t.Errorf("troubles %v, want an overrun", r.troubles)
	}
}

func TestEndsWithItsContext(t *testing.T) {
	n := testns.New(t)
	r := &recorder{neighbours: map[netip.Addr]nexthop.Neighbour{}, changed: make(chan struct{}, 1)}
	ctx, cancel := context.WithCancel(t.Context())
	n.Do(func() {
		m, err := open(r, readBuffer)
		if err != nil {
			t.Fatal(err)
		}
		defer m.close()
		stop := context.AfterFunc(ctx, func() { _ = m.events.SetReadDeadline(time.Unix(1, 0)) })
		defer stop()
		time.AfterFunc(time.Millisecond, cancel)
		m.run(ctx)
	})
	if len(r.troubles) != 0 {
		t.Errorf("troubles %v", r.troubles)
	}
}

func TestBrokenSocketIsTold(t *testing.T) {
	n := testns.New(t)
	r := &recorder{neighbours: map[netip.Addr]nexthop.Neighbour{}, changed: make(chan struct{}, 1)}
	n.Do(func() {
		m, err := open(r, readBuffer)
		if err != nil {
			t.Fatal(err)
		}
		m.close()
		m.run(t.Context())
	})
	if len(r.troubles) != 1 || !errors.Is(r.troubles[0], ErrStopped) {
		t.Errorf("troubles %v", r.troubles)
	}
}

// tableHandler gives what it is told to a next-hop table, as the daemon does.
type tableHandler struct{ *nexthop.Table }

func (h tableHandler) Addresses(a []nexthop.Address)    { h.SetAddresses(a) }
func (h tableHandler) Routes(r []nexthop.Route)         { h.SetRoutes(r) }
func (h tableHandler) Neighbours(n []nexthop.Neighbour) { h.SetNeighbours(n) }
func (h tableHandler) Neighbour(n nexthop.Neighbour)    { h.UpdateNeighbour(n) }
func (h tableHandler) Trouble(error)                    {}
func (h tableHandler) Links(links []Link) {
	var ports []nexthop.Link
	for _, l := range links {
		if l.Ethernet {
			ports = append(ports, nexthop.Link{Index: l.Index, Port: uint16(len(ports)), Name: l.Name, MAC: l.MAC, MTU: l.MTU, Up: l.Up})
		}
	}
	h.SetLinks(ports)
}

func addr(s string) wire.Addr { return wire.AddrFrom(netip.MustParseAddr(s)) }

// slowHandler takes its time over links that come after the first list.
type slowHandler struct {
	*recorder
	calls            int
	entered, release chan struct{}
}

func (h *slowHandler) Links(l []Link) {
	if h.calls++; h.calls == 2 {
		close(h.entered)
		<-h.release
	}
	h.recorder.Links(l)
}

// TestWait: it returns when the last call of the handler has ended.
func TestWait(t *testing.T) {
	n := testns.New(t)
	r := &recorder{neighbours: map[netip.Addr]nexthop.Neighbour{}, changed: make(chan struct{}, 1)}
	h := &slowHandler{recorder: r, entered: make(chan struct{}), release: make(chan struct{})}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var wait func()
	n.Do(func() {
		var err error
		if wait, err = Start(ctx, h); err != nil {
			t.Fatal(err)
		}
	})
	testns.Veth(t, n, "eth0", testns.New(t), "eth0")
	<-h.entered
	cancel()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		wait()
	}()
	select {
	case <-ended:
		t.Error("ended while the handler was at work")
	case <-time.After(20 * time.Millisecond):
	}
	close(h.release)
	<-ended
	if h.calls != 2 || r.link("eth0").Index == 0 {
		t.Errorf("%d calls, eth0 %+v", h.calls, r.link("eth0"))
	}
}

func TestNextHopTableFollowsTheKernel(t *testing.T) {
	n, _ := watched(t, readBuffer)
	n.Route("default", "192.0.2.254")
	n.Addr("lo", "203.0.113.1/32")
	if err := n.Handle().NeighSet(neigh(n.Index("eth0"), "192.0.2.254", 9, netlink.NUD_REACHABLE)); err != nil {
		t.Fatal(err)
	}
	table := nexthop.New(nexthop.Config{})
	n.Do(func() {
		if _, err := Start(t.Context(), tableHandler{table}); err != nil {
			t.Fatal(err)
		}
	})
	h, status := table.Lookup(addr("198.51.100.7"))
	if status != nexthop.Ready || h.Dst != (wire.MAC{2, 0, 0, 0, 0, 9}) || h.Source != addr("192.0.2.1") || h.Src != wire.MAC(n.MAC("eth0")) {
		t.Errorf("%v %+v", status, h)
	}
	if !table.IsLocal(addr("203.0.113.1")) || !table.IsLocal(addr("192.0.2.1")) || table.IsLocal(addr("192.0.2.2")) {
		t.Error("wrong addresses are local")
	}
	if _, status := table.Lookup(addr("192.0.2.255")); status != nexthop.Blackhole {
		t.Errorf("broadcast: %v", status)
	}
}
