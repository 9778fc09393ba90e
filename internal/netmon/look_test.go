package netmon

import (
	"net/netip"
	"slices"
	"testing"

	"ulvs/internal/testns"
)

// TestLook looks once at a host with two networks.
func TestLook(t *testing.T) {
	host, other := testns.New(t), testns.New(t)
	testns.Veth(t, host, "eth0", other, "eth0")
	host.Addr("eth0", "192.0.2.1/24")
	host.Up("eth0")
	other.Up("eth0")
	host.Ready("eth0")
	host.Route("198.51.100.0/24", "192.0.2.9")
	host.Do(func() {
		v, err := Look()
		if err != nil {
			t.Fatal(err)
		}
		defer v.Close()
		if !slices.ContainsFunc(v.Links, func(l Link) bool { return l.Name == "eth0" && l.Up && l.MTU == 1500 }) || len(v.Addresses) == 0 {
			t.Errorf("links %+v, addresses %+v", v.Links, v.Addresses)
		}
		eth0, own := host.Index("eth0"), netip.MustParseAddr("192.0.2.1")
		for dst, want := range map[string]Way{
			"192.0.2.7":    {Index: eth0, Source: own},
			"198.51.100.7": {Index: eth0, Source: own, Gateway: netip.MustParseAddr("192.0.2.9")},
			"192.0.2.1":    {Index: host.Index("lo"), Source: own, Local: true},
		} {
			if got, err := v.WayTo(netip.MustParseAddr(dst)); err != nil || got != want {
				t.Errorf("way to %s: %+v, %v, want %+v", dst, got, err, want)
			}
		}
		if _, err := v.WayTo(netip.MustParseAddr("203.0.113.1")); err == nil {
			t.Error("there is a way to 203.0.113.1")
		}
	})
}

// TestFeatures reads those that every veth has, and not what none has.
func TestFeatures(t *testing.T) {
	host := testns.New(t)
	testns.Veth(t, host, "eth0", host, "eth1")
	host.Do(func() {
		names, err := Features(host.Index("eth0"))
		if err != nil || !slices.Contains(names, "rx-checksum") || slices.Contains(names, "rx-lro") {
			t.Errorf("features %q, %v", names, err)
		}
		if _, err := Features(1 << 20); err == nil {
			t.Error("features of an interface that is not there")
		}
	})
}
