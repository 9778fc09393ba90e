package nexthop

import (
	"testing"

	"ulvs/wire"
)

// newWorld6 is newWorld with IPv6: eth0 has a gateway that is known by its
// link-local address, as routers are.
func newWorld6(t *testing.T) *world {
	w := newWorld(t)
	w.SetAddresses([]Address{
		{Index: 2, Prefix: prefix("fe80::2/64")},
		{Index: 2, Prefix: prefix("2001:db8:1::2/64")},
		{Index: 3, Prefix: prefix("fe80::3/64")},
	})
	w.SetRoutes([]Route{onLink("2001:db8:1::/64", 2), onLink("2001:db8:3::/64", 3), via("::/0", "fe80::1", 2), onLink("fe80::/64", 2)})
	return w
}

// TestSolicitation: what is not known is asked for, first of its group, later,
// to be confirmed, of the neighbour itself.
func TestSolicitation(t *testing.T) {
	w := newWorld6(t)
	w.wantStatus("2001:db8:1::abcd:1234", Unresolved)
	w.Queue(addr("2001:db8:1::abcd:1234"), frame(60))
	wantSolicitation(t, w.tick(sec(1)), "2001:db8:1::2", "2001:db8:1::abcd:1234", "ff02::1:ffcd:1234", wire.MAC{0x33, 0x33, 0xff, 0xcd, 0x12, 0x34})
	w.Learn(sec(1.1), 0, addr("2001:db8:1::abcd:1234"), mac(7))
	if got := w.tick(sec(1.2)); len(got) != 1 || wire.Ethernet(got[0].p.Frame()).Dst() != mac(7) {
		t.Fatalf("%d frames sent, want the one that waited", len(got))
	}
	w.wantHop("2001:db8:1::abcd:1234", mac(7))
	wantSolicitation(t, w.tick(sec(40)), "2001:db8:1::2", "2001:db8:1::abcd:1234", "2001:db8:1::abcd:1234", mac(7))
}

func wantSolicitation(t *testing.T, got []sent, source, target, dst string, to wire.MAC) {
	t.Helper()
	if len(got) != 1 {
		t.Fatalf("%d frames sent, want a solicitation", len(got))
	}
	p := got[0].p
	n, ok := wire.ReadNDP(p)
	if !ok || n.Type != wire.ICMP6NeighbourAsk || n.Target != addr(target) || n.MAC != testLinks[0].MAC {
		t.Errorf("sent %+v, %v", n, ok)
	}
	if p.Src != addr(source) || p.Dst != addr(dst) || wire.Ethernet(p.Frame()).Dst() != to {
		t.Errorf("from %v to %v at %v, want from %s to %s at %v", p.Src, p.Dst, wire.Ethernet(p.Frame()).Dst(), source, dst, to)
	}
}

// TestSourceBeyondTheLink: by a gateway with a link-local address the host still
// speaks with one that others can answer, and without one with none.
func TestSourceBeyondTheLink(t *testing.T) {
	w := newWorld6(t)
	w.SetNeighbours([]Neighbour{{2, ip("fe80::1"), mac(1), Reachable}, {3, ip("2001:db8:3::9"), mac(9), Reachable}})
	if h := w.wantHop("2001:db8:9::9", mac(1)); h.Source != addr("2001:db8:1::2") {
		t.Errorf("source %v by the gateway", h.Source)
	}
	if h := w.wantHop("2001:db8:3::9", mac(9)); h.Source != addr("2001:db8:1::2") {
		t.Errorf("source %v on a link without an address of its own", h.Source)
	}
	w.SetAddresses([]Address{{Index: 2, Prefix: prefix("fe80::2/64")}})
	if h := w.wantHop("2001:db8:9::9", mac(1)); !h.Source.IsZero() {
		t.Errorf("source %v, want none", h.Source)
	}
}

// TestNoSolicitationWithoutAddress: from nobody it would be a claim to the
// address asked for.
func TestNoSolicitationWithoutAddress(t *testing.T) {
	w := newWorld6(t)
	w.SetAddresses(nil)
	w.Queue(addr("2001:db8:1::9"), frame(60))
	wantNothing(t, w.tick(sec(1)))
}
