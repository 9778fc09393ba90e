package dataplane_test

import (
	"net/netip"
	"testing"
	"time"

	"ulvs/conntrack"
	"ulvs/dataplane"
	"ulvs/service"
	"ulvs/wire"
)

// TestAdopt: what another Director has is entered, counted, found by packets,
// and ends.
func TestAdopt(t *testing.T) {
	x := newWorld(t, 100)
	x.balance(service.TCP, "wlc", service.NAT, 2)
	adopted := func(port uint16, rs int, change func(*dataplane.Adopted)) *dataplane.Adopted {
		a := &dataplane.Adopted{
			Key: conntrack.Key{
				Client: wire.AddrFrom(netip.MustParseAddr(clientIP)), ClientPort: port,
				Virtual: wire.AddrFrom(netip.MustParseAddr(vip)), VirtualPort: 80, Proto: wire.ProtoTCP,
			},
			Real: netip.AddrPortFrom(netip.MustParseAddr(rsIP(rs)), 8080), Method: service.NAT, State: conntrack.Established,
			Now: x.now, Timeout: time.Minute,
		}
		if change != nil {
			change(a)
		}
		return a
	}
	for _, tt := range []struct {
		name string
		a    *dataplane.Adopted
		want bool
	}{
		{"established", adopted(1000, 1, nil), true},
		{"closing", adopted(1001, 1, func(a *dataplane.Adopted) { a.State = conntrack.TimeWait }), true},
		{"there already", adopted(1000, 2, nil), false},
		{"of no server", adopted(1002, 9, nil), false},
		{"of another address", adopted(1003, 1, func(a *dataplane.Adopted) { a.Key.Virtual = wire.AddrFrom(netip.MustParseAddr("198.51.100.9")) }), false},
		{"of another port", adopted(1004, 1, func(a *dataplane.Adopted) { a.Key.VirtualPort = 81 }), true},
		{"template", adopted(0, 2, func(a *dataplane.Adopted) { a.Template, a.State = true, conntrack.None }), true},
	} {
		if got := x.d.Adopt(tt.a); got != tt.want {
			t.Errorf("%s: adopted %v", tt.name, got)
		}
		x.countsMatch()
	}
	if out := x.send(0, ack(1000, 0)); len(out[1]) != 1 || toServer(out[1][0]) != 1 {
		t.Errorf("a packet of an adopted connection: %d frames to the servers", len(out[1]))
	}
	x.d.Preset(key(service.TCP), netip.AddrPortFrom(netip.MustParseAddr(rsIP(1)), 8080), 50, 7)
	views, _, _ := x.d.Inspect()
	if s := views[0].Servers[1]; s.Active != 50 || s.Inactive != 7 {
		t.Errorf("preset to 50 and 7: %d and %d", s.Active, s.Inactive)
	}
	x.d.Preset(service.Key{Protocol: service.UDP}, netip.AddrPort{}, 1, 1) // of no service: nothing
	x.now += 20 * time.Minute
	x.settle()
	views, _, _ = x.d.Inspect()
	if s := views[0].Servers[1]; x.d.Conns().Len() != 0 || s.Active != 48 || s.Inactive != 6 {
		t.Errorf("at the end %d entries, %d and %d", x.d.Conns().Len(), s.Active, s.Inactive)
	}
}

// TestPresetThreshold: a server that has reached its upper threshold is closed.
func TestPresetThreshold(t *testing.T) {
	x := newWorld(t, 100)
	x.balance(service.TCP, "wlc", service.DR, 2)
	s := server(1, service.DR)
	s.Upper = 10
	x.apply(service.Change{Op: service.EditServer, Service: service.VirtualService{Key: key(service.TCP)}, Server: s})
	x.d.Preset(key(service.TCP), s.Endpoint(), 10, 0)
	x.d.Preset(key(service.TCP), server(2, service.DR).Endpoint(), 100, 0)
	if out := x.send(0, syn(1000)); len(out[1]) != 1 || toServer(out[1][0]) != 2 {
		t.Errorf("%d frames to the servers", len(out[1]))
	}
}
