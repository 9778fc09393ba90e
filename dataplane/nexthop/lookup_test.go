package nexthop

import (
	"reflect"
	"testing"

	"ulvs/wire"
)

func TestStatusOfEachKindOfDestination(t *testing.T) {
	w := newWorld(t)
	w.SetRoutes([]Route{
		onLink("192.0.2.0/24", 2),
		via("203.0.113.0/26", "192.0.2.254", 2),
		{Dst: prefix("203.0.113.64/26"), Type: Unusable},
		onLink("203.0.113.128/26", 9), // an interface without a port
		{Dst: prefix("203.0.113.192/28"), Type: Local},
		{Dst: prefix("192.0.2.255/32"), Type: Broadcast},
	})
	for _, tt := range []struct {
		dst  string
		want Status
	}{
		{"192.0.2.1", LocalHost}, {"198.51.100.1", LocalHost}, {"127.0.0.53", LocalHost}, {"::1", LocalHost},
		{"203.0.113.200", LocalHost},
		{"192.0.2.9", Unresolved}, {"203.0.113.9", Unresolved},
		{"192.0.2.255", Blackhole}, {"203.0.113.65", Blackhole}, {"224.0.0.5", Blackhole}, {"255.255.255.255", Blackhole},
		{"0.0.0.0", Blackhole}, {"ff02::1", Blackhole},
		{"203.0.113.129", NoRoute}, {"203.0.113.250", NoRoute}, {"198.51.100.9", NoRoute}, {"2001:db8::1", NoRoute},
	} {
		w.wantStatus(tt.dst, tt.want)
		if got := w.IsLocal(addr(tt.dst)); got != (tt.want == LocalHost) {
			t.Errorf("IsLocal(%s) = %v", tt.dst, got)
		}
	}
}

func TestEmptyTable(t *testing.T) {
	w := &world{Table: New(Config{}), t: t}
	w.wantStatus("192.0.2.9", NoRoute)
	w.wantStatus("127.0.0.1", LocalHost)
	if w.Queue(addr("192.0.2.9"), frame(40)) {
		t.Error("queued a frame without a route")
	}
	wantNothing(t, w.tick(0))
	if _, ok := w.LinkOf(0); ok {
		t.Error("a link for port 0")
	}
}

func TestBothFamiliesUseTheSameWay(t *testing.T) {
	for _, tt := range []struct{ own, net, gateway, near, far, root string }{
		{"192.0.2.1/24", "192.0.2.0/24", "192.0.2.254", "192.0.2.7", "203.0.113.5", "0.0.0.0/0"},
		{"2001:db8::1/64", "2001:db8::/64", "2001:db8::fe", "2001:db8::7", "2001:db8:9::5", "::/0"},
	} {
		w := newWorld(t)
		w.SetAddresses([]Address{{Index: 2, Prefix: prefix(tt.own)}})
		w.SetRoutes([]Route{onLink(tt.net, 2), via(tt.root, tt.gateway, 2)})
		w.SetNeighbours([]Neighbour{{2, ip(tt.gateway), mac(0xfe), Reachable}, {2, ip(tt.near), mac(7), Reachable}})
		for dst, want := range map[string]wire.MAC{tt.near: mac(7), tt.far: mac(0xfe), tt.gateway: mac(0xfe)} {
			h := w.wantHop(dst, want)
			if h.Source != wire.AddrFrom(prefix(tt.own).Addr()) || h.MTU != 1500 || h.Src != mac(0xa0) || h.Port != 0 {
				t.Errorf("hop to %s: %+v", dst, h)
			}
		}
	}
}

func TestMetricAndLinkDecideAmongEqualRoutes(t *testing.T) {
	w := newWorld(t)
	slow := via("203.0.113.0/24", "192.0.2.254", 2)
	slow.Metric = 100
	fast := via("203.0.113.0/24", "198.51.100.254", 3)
	fast.Metric = 50
	w.SetRoutes([]Route{slow, fast})
	w.SetNeighbours([]Neighbour{{2, slow.Gateway, mac(1), Reachable}, {3, fast.Gateway, mac(2), Reachable}})
	w.wantHop("203.0.113.9", mac(2))

	fast.Metric = 100 // a multipath route: the first usable next hop
	w.SetRoutes([]Route{slow, fast})
	w.wantHop("203.0.113.9", mac(1))
	down := []Link{testLinks[0], testLinks[1]}
	down[0].Up = false
	w.SetLinks(down)
	w.wantHop("203.0.113.9", mac(2))
	w.SetRoutes([]Route{slow})
	w.wantStatus("203.0.113.9", LinkDown)
}

func TestSourceAddress(t *testing.T) {
	preferred := via("203.0.113.0/24", "192.0.2.254", 2)
	preferred.Source = ip("198.51.100.1")
	all := []Address{
		{Index: 2, Prefix: prefix("192.0.2.100/24")}, // virtual
		{Index: 2, Prefix: prefix("192.0.2.2/24"), Secondary: true},
		{Index: 2, Prefix: prefix("192.0.2.1/24")},
		{Index: 3, Prefix: prefix("198.51.100.1/24")},
	}
	for name, tt := range map[string]struct {
		addresses []Address
		route     Route
		hop, arp  string // source of the hop, of the request
	}{
		"primary of the subnet":         {all, via("203.0.113.0/24", "192.0.2.254", 2), "192.0.2.1", "192.0.2.1"},
		"preferred by the route":        {all, preferred, "198.51.100.1", "192.0.2.1"},
		"secondary if nothing else":     {all[:2], via("203.0.113.0/24", "192.0.2.254", 2), "192.0.2.2", "192.0.2.2"},
		"another link's, no ARP source": {[]Address{all[0], all[3]}, via("203.0.113.0/24", "192.0.2.254", 2), "198.51.100.1", "0.0.0.0"},
		"the link's in another subnet":  {all[3:], via("203.0.113.0/24", "192.0.2.254", 3), "198.51.100.1", "198.51.100.1"},
		"nothing but a virtual address": {all[:1], via("203.0.113.0/24", "192.0.2.254", 2), "", "0.0.0.0"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.SetAddresses(tt.addresses)
			w.SetRoutes([]Route{tt.route})
			w.SetVirtual([]wire.Addr{addr("192.0.2.100")})
			w.Queue(addr("203.0.113.9"), frame(40))
			port := uint16(tt.route.Index - 2)
			wantRequest(t, w.tick(0), port, tt.arp, "192.0.2.254", wire.Broadcast)
			w.Learn(0, port, addr("192.0.2.254"), mac(9))
			want := wire.Addr{}
			if tt.hop != "" {
				want = addr(tt.hop)
			}
			if h := w.wantHop("203.0.113.9", mac(9)); h.Source != want {
				t.Errorf("source %v, want %v", h.Source, want)
			}
		})
	}
}

func TestLookupAllocatesNothing(t *testing.T) {
	w := newWorld(t)
	w.SetNeighbours([]Neighbour{{2, ip("192.0.2.254"), mac(1), Reachable}})
	w.tick(sec(1))
	far, unknown := addr("203.0.113.9"), addr("192.0.2.77")
	n := testing.AllocsPerRun(100, func() {
		w.Lookup(far)
		w.Lookup(unknown)
		w.IsLocal(far)
		w.LinkOf(1)
		w.Learn(sec(1), 0, unknown, mac(3))
		w.Tick(sec(1), nil)
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestStatusNames(t *testing.T) {
	for s := range numStatus + 1 {
		if name := s.String(); name == "" || (name == "unknown") != (s == numStatus) {
			t.Errorf("status %d is called %q", s, name)
		}
	}
}

func TestHopSize(t *testing.T) {
	if got := reflect.TypeFor[Hop]().Size(); got != 48 {
		t.Errorf("a Hop is %d bytes, want 48: it should fit a cache line", got)
	}
}
