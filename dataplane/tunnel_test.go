package dataplane_test

import (
	"net/netip"
	"testing"

	"ulvs/dataplane"
	"ulvs/service"
	"ulvs/wire"
	"ulvs/wire/wiretest"
)

// tunnels are the kinds of tunnel, the way of each in both families of outer
// header, and the MTU inside.
var tunnels = []struct {
	name       string
	options    service.TunnelOptions
	proto      uint8
	mtu4, mtu6 uint16
}{
	{"ipip", service.TunnelOptions{}, wire.ProtoIPIP, 1480, 1460},
	{"gre", service.TunnelOptions{Type: "gre"}, wire.ProtoGRE, 1476, 1456},
	{"gre csum", service.TunnelOptions{Type: "gre", Checksum: "csum"}, wire.ProtoGRE, 1472, 1452},
	{"gue", service.TunnelOptions{Type: "gue", Port: 5555}, wire.ProtoUDP, 1468, 1448},
	{"gue csum", service.TunnelOptions{Type: "gue", Port: 5555, Checksum: "csum"}, wire.ProtoUDP, 1468, 1448},
	{"gue remcsum", service.TunnelOptions{Type: "gue", Port: 5555, Checksum: "remcsum"}, wire.ProtoUDP, 1468, 1448},
}

// tunnelTo balances TCP to one server, by a tunnel of the options.
func tunnelTo(t testing.TB, server string, options service.TunnelOptions) *world {
	x := newKernelWorld(t, 1500)
	vs := service.VirtualService{Key: key(service.TCP), Scheduler: "rr"}
	r := service.RealServer{Addr: netip.MustParseAddr(server), Port: 80, Method: service.Tunnel, Weight: 1, Tunnel: options}
	x.apply(service.Change{Op: service.AddService, Service: vs}, service.Change{Op: service.AddServer, Service: vs, Server: r})
	x.settle()
	x.send(0, syn(1000))
	return x
}

// TestTunnels: by every kind of tunnel over both families, a packet arrives,
// the longest that fits does and the next is answered, super-frames are cut to
// fit, and a router's word about it reaches the client.
func TestTunnels(t *testing.T) {
	for _, tt := range tunnels {
		for server, mtu := range map[string]uint16{rsIP(1): tt.mtu4, rsIP6(1): tt.mtu6} {
			t.Run(tt.name+" to "+server, func(t *testing.T) {
				x := tunnelTo(t, server, tt.options)
				inner := wiretest.Inner(wiretest.Src(flow(1000).Src), wiretest.Dst(vip+":80"), wiretest.TTL(63), wiretest.ValidChecksums())
				longest := one(t, x.send(0, ack(1000, int(mtu)-40, wiretest.WithDF()))[1])
				wiretest.Check(t, longest.Data, wiretest.MACs(inMAC, rsMAC(1)), wiretest.Proto(tt.proto), wiretest.Dst(server),
					wiretest.IPLen(1500), wiretest.ValidChecksums(), inner)
				out := x.send(0, ack(1000, int(mtu)-39, wiretest.WithDF()))
				wiretest.Check(t, one(t, out[0]).Data, wiretest.ICMPIs(3, 4), wiretest.MTU(mtu), wiretest.Src(vip))
				out = x.send(0, ack(1000, 10000, wiretest.WithDF(), wiretest.WithPartial(), wiretest.WithGSO(mtu-40)))
				if segment := int(mtu) - 40; len(out[1]) != (10000+segment-1)/segment || len(out[1][0].Data) != 14+1500 {
					t.Fatalf("a super-frame became %d frames, the first of %d bytes", len(out[1]), len(out[1][0].Data))
				}
				for _, f := range out[1] {
					wiretest.Check(t, f.Data, wiretest.ValidChecksums(), inner)
				}
			})
		}
	}
}

// TestTunnelErrors: what a router says about a packet of any tunnel counts, and
// what it says about the packet of another kind of tunnel does not.
func TestTunnelErrors(t *testing.T) {
	for i, tt := range tunnels {
		t.Run(tt.name, func(t *testing.T) {
			x := tunnelTo(t, rsIP(1), tt.options)
			about := func(sent []byte) *wire.Packet {
				return wiretest.ICMPError(wiretest.Flow{Src: "203.0.113.200", Dst: recordedDIP}, 3, 4, 1300, sent[14:14+80], wiretest.WithMACs(rsMAC(1), inMAC))
			}
			word := about(one(t, x.send(0, ack(1000, 1400, wiretest.WithDF()))[1]).Data)
			other := tunnelTo(t, rsIP(1), tunnels[(i+1)%3*2].options) // ipip, gre csum, gue csum
			if tunnels[(i+1)%3*2].proto != tt.proto {
				wrong := one(t, other.send(0, ack(1000, 1400, wiretest.WithDF()))[1])
				if out := x.send(1, about(wrong.Data)); len(out[0]) != 0 {
					t.Error("another's packet was believed to be this tunnel's")
				}
			}
			out := x.send(1, word)
			wiretest.Check(t, one(t, out[0]).Data, wiretest.ICMPIs(3, 4), wiretest.MTU(tt.mtu4), wiretest.Src(vip), wiretest.Dst(clientIP), wiretest.ValidChecksums())
			out = x.send(0, ack(1000, 1400, wiretest.WithDF()))
			wiretest.Check(t, one(t, out[0]).Data, wiretest.ICMPIs(3, 4), wiretest.MTU(tt.mtu4-200))
		})
	}
}

// TestTunnelEdit: an edit of the tunnel counts for the connections that are
// there, as in ip_vs.
func TestTunnelEdit(t *testing.T) {
	x := tunnelTo(t, rsIP(1), service.TunnelOptions{Type: "gre"})
	for _, tt := range tunnels {
		c := change(service.EditServer, 1, service.Tunnel, 1)
		c.Server.Tunnel = tt.options
		x.apply(c)
		wiretest.Check(t, one(t, x.send(0, ack(1000, 10))[1]).Data, wiretest.Proto(tt.proto), wiretest.ValidChecksums())
	}
}

// TestNoAllocationsTunnels: nor is there garbage by any tunnel.
func TestNoAllocationsTunnels(t *testing.T) {
	for _, tt := range tunnels {
		for name, p := range map[string]*wire.Packet{
			"packet":      ack(1000, 100),
			"super-frame": ack(1000, 20000, wiretest.WithGSO(1400)),
			"fragments":   ack(1000, 1460),
		} {
			for _, server := range []string{rsIP(1), rsIP6(1)} {
				t.Run(tt.name+" "+name+" to "+server, func(t *testing.T) {
					tunnelTo(t, server, tt.options).noAllocs(dataplane.Forwarded, func(int) *wire.Packet { return p })
				})
			}
		}
	}
}
