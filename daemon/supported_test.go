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
	for _, tt := range []struct {
		name    string
		change  service.Change
		refused bool
	}{
		{"tcp", v(tcp, ""), false},
		{"mark", v(service.Key{Mark: 1}, ""), true},
		{"ipv6", v(service.Key{Protocol: service.TCP, Addr: vip6, Port: 80}, ""), false},
		{"sctp", v(sctp, ""), true},
		{"pe", v(tcp, "sip"), true},
		{"nat", r(vip, service.NAT, ""), false},
		{"tunnel", r(vip, service.Tunnel, ""), false},
		{"gre", r(vip, service.Tunnel, "gre"), true},
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
