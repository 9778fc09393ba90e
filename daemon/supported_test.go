package daemon

import (
	"net/netip"
	"testing"

	"ulvs/control/api"
	"ulvs/service"
)

// TestUnsupported: what nobody would serve is refused, what can be served is
// not.
func TestUnsupported(t *testing.T) {
	vip, vip6 := netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("2001:db8::1")
	tcp := service.Key{Protocol: service.TCP, Addr: vip, Port: 80}
	sctp := tcp
	sctp.Protocol = service.SCTP
	v := func(k service.Key, pe string) service.Change {
		return service.Change{Op: service.AddService, Service: service.VirtualService{Key: k, PE: pe}}
	}
	r := func(a netip.Addr, m service.Method, tunnel string) service.Change {
		return service.Change{Op: service.EditServer, Server: service.RealServer{Addr: a, Method: m, Tunnel: service.TunnelOptions{Type: tunnel}}}
	}
	rules := func(all ...service.MarkRule) service.Change {
		return service.Change{Op: service.SetMarks, Marks: all}
	}
	for _, tt := range []struct {
		name    string
		change  service.Change
		refused bool
	}{
		{"tcp", v(tcp, ""), false},
		{"mark", v(service.Key{Mark: 1}, ""), false},
		{"mark of ipv6", v(service.Key{Mark: 1, IPv6: true}, ""), false},
		{"rule", rules(service.MarkRule{Mark: 1}, service.MarkRule{Protocol: service.UDP, Mark: 1}), false},
		{"rule of sctp", rules(service.MarkRule{Protocol: service.SCTP, Mark: 1}), false},
		{"rule of what is not balanced", rules(service.MarkRule{Protocol: 47, Mark: 1}), true},
		{"rule of ipv6", rules(service.MarkRule{Source: netip.PrefixFrom(vip6, 64), Mark: 1}), false},
		{"ipv6", v(service.Key{Protocol: service.TCP, Addr: vip6, Port: 80}, ""), false},
		{"sctp", v(sctp, ""), false},
		{"pe", v(tcp, "sip"), true},
		{"nat", r(vip, service.NAT, ""), false},
		{"tunnel", r(vip, service.Tunnel, ""), false},
		{"gre", r(vip, service.Tunnel, "gre"), false},
		{"local", r(vip, service.Local, ""), true},
		{"ipv6 server", r(vip6, service.DR, ""), false},
		{"delete", service.Change{Op: service.DeleteService, Service: service.VirtualService{Key: service.Key{Mark: 1}}}, false},
	} {
		err := unsupported(tt.change)
		if (api.CodeOf(err) == api.Unsupported) != tt.refused {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}
