package dataplane_test

import (
	"net/netip"
	"strings"
	"testing"

	"ulvs/dataplane"
	"ulvs/dataplane/nexthop"
	"ulvs/service"
)

// TestReasonTexts: every reason has a name of its own that begins with its
// verdict, and a meaning.
func TestReasonTexts(t *testing.T) {
	seen := map[string]bool{}
	for r := range dataplane.NumReasons {
		name := r.String()
		if seen[name] || r.Meaning() == "" || strings.ToLower(name) != name || strings.ContainsAny(name, " _") {
			t.Errorf("reason %d: name %q, meaning %q", r, name, r.Meaning())
		}
		seen[name] = true
		if verdict := r.Verdict().String(); !strings.HasPrefix(name, verdict) && !strings.HasPrefix(name, "malformed-") {
			t.Errorf("%s has verdict %s", name, verdict)
		}
	}
}

// TestNowhere: packets that have a server but no way to it.
func TestNowhere(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(x *world)
		want   dataplane.Reason
	}{
		{"no route", func(x *world) { x.d.Hops().SetRoutes(nil) }, dataplane.DroppedNoRoute},
		{"blackhole", func(x *world) {
			x.d.Hops().SetRoutes([]nexthop.Route{{Dst: netip.MustParsePrefix("203.0.113.0/24"), Type: nexthop.Unusable}})
		}, dataplane.DroppedNoRoute},
		{"link down", func(x *world) {
			links := linksOf(1500, 1500)
			links[1].Up = false
			x.d.Hops().SetLinks(links)
		}, dataplane.DroppedLinkDown},
		{"the director itself", func(x *world) {
			x.d.Hops().SetAddresses([]nexthop.Address{{Index: 2, Prefix: netip.MustParsePrefix(rsIP(1) + "/24")}})
		}, dataplane.DroppedLocal},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x := newWorld(t, 100)
			x.balance(service.TCP, "rr", service.DR, 1)
			tt.change(x)
			out := x.send(0, syn(1000))
			if len(out[0])+len(out[1]) != 0 || x.count(tt.want) != 1 {
				t.Errorf("%d frames out, %v counted %d times", len(out[0])+len(out[1]), tt.want, x.count(tt.want))
			}
		})
	}
}

// TestUnsupportedMethod: a server of a method without a transmitter gets
// nothing, and nothing breaks.
func TestUnsupportedMethod(t *testing.T) {
	x := newWorld(t, 100)
	x.balance(service.TCP, "rr", service.Local, 1)
	x.send(0, syn(1000))
	x.reasons(map[dataplane.Reason]uint64{dataplane.DroppedMethod: 1})
}

// TestHandle: the Director handles a packet without a worker; what shall be
// sent waits in the lane's queues until the next.
func TestHandle(t *testing.T) {
	x := newWorld(t, 100)
	x.balance(service.TCP, "rr", service.DR, 1)
	for i := range 1000 {
		if v := x.d.Handle(x.now, syn(1000+i%50)); v != dataplane.Forwarded {
			t.Fatal(v)
		}
		if q := x.d.Lane(0).Queue(1); len(q) != 1 || int(q[0].SrcPort) != 1000+i%50 {
			t.Fatalf("%d frames are queued", len(q))
		}
	}
	x.conserved(1000)
}

// TestNew: what a Director cannot be made of is refused.
func TestNew(t *testing.T) {
	for _, c := range []dataplane.Config{{Conns: 10, Seed: 1}, {Conns: 0, Seed: 1, Workers: 1}, {Conns: 10, Workers: 1}} {
		if _, err := dataplane.New(c); err == nil || !strings.HasPrefix(err.Error(), "make director: ") {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
