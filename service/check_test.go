package service_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"ulvs/service"
)

// TestServiceValues has a row for each value of a service that is refused; the
// message names argument and accepted values in one line.
func TestServiceValues(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(*service.VirtualService)
		want error
		text string
	}{
		{"protocol", func(v *service.VirtualService) { v.Protocol = 1 }, service.ErrInvalid, "tcp, udp, sctp"},
		{"no key", func(v *service.VirtualService) { v.Key = service.Key{} }, service.ErrInvalid, "tcp, udp, sctp"},
		{"no address", func(v *service.VirtualService) { v.Addr = netip.Addr{} }, service.ErrInvalid, "virtual address"},
		{"zone", func(v *service.VirtualService) { v.Addr = netip.MustParseAddr("fe80::1%eth1") }, service.ErrInvalid, "without zone"},
		{"mark and address", func(v *service.VirtualService) { v.Mark = 1 }, service.ErrInvalid, "not both"},
		{"port 0", func(v *service.VirtualService) { v.Port = 0 }, service.ErrZeroPort, "1 to 65535"},
		{"persistence negative", func(v *service.VirtualService) { v.Persistent = -time.Second }, service.ErrInvalid, "1 to 2678400"},
		{"persistence too long", func(v *service.VirtualService) { v.Persistent = 2678401 * time.Second }, service.ErrInvalid, "1 to 2678400"},
		{"persistence broken", func(v *service.VirtualService) { v.Persistent = 1500 * time.Millisecond }, service.ErrInvalid, "whole seconds"},
		{"one-packet tcp", func(v *service.VirtualService) { v.OnePacket = true }, service.ErrOnePacket, "only for udp"},
		{"engine", func(v *service.VirtualService) { v.PE = "nosuch" }, service.ErrNoEngine, "sip"},
		{"netmask 33", func(v *service.VirtualService) { v.Netmask = 33 }, service.ErrInvalid, "1 to 32"},
		{"netmask negative", func(v *service.VirtualService) { v.Netmask = -1 }, service.ErrInvalid, "1 to 32"},
		{"netmask 129", func(v *service.VirtualService) { v.Addr, v.Netmask = netip.MustParseAddr("2001:db8::1"), 129 }, service.ErrInvalid, "1 to 128"},
		{"mask of 6", func(v *service.VirtualService) { v.Mask = netip.MustParseAddr("ffff::") }, service.ErrInvalid, "dotted mask"},
		{"mask on 6", func(v *service.VirtualService) {
			v.Addr, v.Mask = netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("255.255.255.0")
		}, service.ErrInvalid, "dotted mask"},
	} {
		v := vs("198.51.100.1:80")
		c.edit(&v)
		_, err := service.NewTable().AddService(v)
		checkValueError(t, c.name, err, c.want, c.text)
	}
}

func checkValueError(t *testing.T, name string, err, want error, text string) {
	t.Helper()
	var value *service.ValueError
	if !errors.Is(err, want) || !errors.Is(err, service.ErrInvalid) || !errors.As(err, &value) {
		t.Errorf("%s: %v, want %v", name, err, want)
		return
	}
	if !strings.Contains(err.Error(), text) || strings.Contains(err.Error(), "\n") {
		t.Errorf("%s: %q does not say %q", name, err, text)
	}
}

// TestServerValues has a row for each value of a real server that is refused.
func TestServerValues(t *testing.T) {
	addr := func(s string) func(*service.RealServer) {
		return func(r *service.RealServer) { r.Addr = netip.MustParseAddr(s) }
	}
	tunnel := func(o service.TunnelOptions) func(*service.RealServer) {
		return func(r *service.RealServer) { r.Method, r.Tunnel = service.Tunnel, o }
	}
	for _, c := range []struct {
		name string
		edit func(*service.RealServer)
		want error
		text string
	}{
		{"no address", func(r *service.RealServer) { r.Addr = netip.Addr{} }, service.ErrNotUnicast, "unicast"},
		{"unspecified", addr("0.0.0.0"), service.ErrNotUnicast, "0.0.0.0"},
		{"multicast", addr("224.0.0.1"), service.ErrNotUnicast, "224.0.0.1"},
		{"broadcast", addr("255.255.255.255"), service.ErrNotUnicast, "255.255.255.255"},
		{"zone", func(r *service.RealServer) {
			r.Method, r.Addr = service.Tunnel, netip.MustParseAddr("fe80::1%eth1")
		}, service.ErrNotUnicast, "without zone"},
		{"link-local", func(r *service.RealServer) {
			r.Method, r.Addr = service.Tunnel, netip.MustParseAddr("fe80::1")
		}, service.ErrNotUnicast, "fe80::1"},
		{"other family", addr("2001:db8:3::1"), service.ErrFamily, "tunnelled"},
		{"bypass", func(r *service.RealServer) { r.Method = service.Bypass }, service.ErrInvalid, "nat, local, tunnel, dr"},
		{"fullnat", func(r *service.RealServer) { r.Method = service.FullNAT }, service.ErrInvalid, "nat, local, tunnel, dr"},
		{"weight -1", func(r *service.RealServer) { r.Weight = -1 }, service.ErrInvalid, "0 to 2147483647"},
		{"weight 2^31", func(r *service.RealServer) { r.Weight = 1 << 31 }, service.ErrInvalid, "0 to 2147483647"},
		{"lower alone", func(r *service.RealServer) { r.Lower = 5 }, service.ErrThreshold, "lower threshold"},
		{"lower above upper", func(r *service.RealServer) { r.Upper, r.Lower = 10, 20 }, service.ErrThreshold, "threshold, 10"},
		{"tunnel without tunnel", func(r *service.RealServer) { r.Tunnel.Type = "gue" }, service.ErrTunnel, "method tunnel"},
		{"tunnel type", tunnel(service.TunnelOptions{Type: "nosuch"}), service.ErrTunnel, "ipip, gue, gre"},
		{"gue without port", tunnel(service.TunnelOptions{Type: "gue"}), service.ErrTunnel, "1 to 65535"},
		{"gre with port", tunnel(service.TunnelOptions{Type: "gre", Port: 1}), service.ErrTunnel, "none for others"},
		{"ipip with checksum", tunnel(service.TunnelOptions{Checksum: "csum"}), service.ErrTunnel, "none for ipip"},
		{"gre remcsum", tunnel(service.TunnelOptions{Type: "gre", Checksum: "remcsum"}), service.ErrTunnel, "csum for gre"},
		{"checksum", tunnel(service.TunnelOptions{Type: "gre", Checksum: "crc"}), service.ErrTunnel, "csum for gre"},
	} {
		table := build(t, addService(vs("198.51.100.1:80")))
		r := nat("203.0.113.1:80")
		c.edit(&r)
		_, err := table.AddServer(key("198.51.100.1:80"), r)
		checkValueError(t, c.name, err, c.want, c.text)
	}
}

// TestFirstMistake: of several mistakes the one that the kernel sees first is
// told; package ipvsadm has the recording.
func TestFirstMistake(t *testing.T) {
	known, unknown := vs("198.51.100.1:80"), vs("198.51.100.2:80")
	known.PE, unknown.PE = "nosuch", "nosuch"
	nowhere := nat("224.0.0.1:80")
	crossed := nowhere
	crossed.Lower = 1
	table := build(t, addService(vs("198.51.100.1:80")))
	for _, c := range []struct {
		change service.Change
		want   error
	}{
		{service.Change{Op: service.AddService, Service: known}, service.ErrServiceExists},
		{service.Change{Op: service.AddService, Service: unknown}, service.ErrNoEngine},
		{service.Change{Op: service.EditService, Service: known}, service.ErrNoEngine},
		{service.Change{Op: service.EditService, Service: unknown}, service.ErrNoService},
		{service.Change{Op: service.EditServer, Service: known, Server: nowhere}, service.ErrNoServer},
		{service.Change{Op: service.EditServer, Service: known, Server: crossed}, service.ErrThreshold},
		{service.Change{Op: service.AddServer, Service: known, Server: nowhere}, service.ErrNotUnicast},
		{service.Change{Op: service.AddServer, Service: known, Server: crossed}, service.ErrThreshold},
		{service.Change{Op: service.AddServer, Service: unknown, Server: crossed}, service.ErrNoService},
	} {
		if _, err := table.Apply(c.change); !errors.Is(err, c.want) {
			t.Errorf("%v: %v, want %v", c.change, err, c.want)
		}
	}
}

// TestServerAccepted: what ip_vs was seen to accept, and the port it then has.
func TestServerAccepted(t *testing.T) {
	gue := method(service.Tunnel, "203.0.113.1:80")
	gue.Tunnel = service.TunnelOptions{Type: "gue", Port: 5555, Checksum: "remcsum"}
	heavy := nat("203.0.113.1:80")
	heavy.Weight = service.MaxWeight
	all := vs("198.51.100.1:0")
	all.Persistent = time.Second
	mark := service.VirtualService{Key: service.Key{Mark: 5}}
	for _, c := range []struct {
		name   string
		vs     service.VirtualService
		server service.RealServer
		port   uint16
	}{
		{"nat keeps its port", vs("198.51.100.1:80"), nat("203.0.113.1:8080"), 8080},
		{"nat keeps port 0", vs("198.51.100.1:80"), nat("203.0.113.1:0"), 0},
		{"dr has the service's port", vs("198.51.100.1:80"), method(service.DR, "203.0.113.1:8080"), 80},
		{"tunnel has the service's port", vs("198.51.100.1:80"), method(service.Tunnel, "203.0.113.1:8080"), 80},
		{"dr of port 0", all, method(service.DR, "203.0.113.1:8080"), 0},
		{"nat of port 0", all, nat("203.0.113.1:8080"), 8080},
		{"dr of a mark keeps its port", mark, method(service.DR, "203.0.113.1:8080"), 8080},
		{"the VIP itself", vs("198.51.100.1:80"), nat("198.51.100.1:80"), 80},
		{"loopback", vs("198.51.100.1:80"), nat("127.0.0.1:80"), 80},
		{"tunnel over the other family", vs("198.51.100.1:80"), method(service.Tunnel, "[2001:db8:3::1]:80"), 80},
		{"gue", vs("198.51.100.1:80"), gue, 80},
		{"largest weight", vs("198.51.100.1:80"), heavy, 80},
	} {
		table := build(t, addService(c.vs), addServer(c.vs.Key, c.server))
		if r := table.Find(c.vs.Key).Servers[0]; r.Port != c.port || r.Weight != c.server.Weight {
			t.Errorf("%s: %+v, want port %d", c.name, r, c.port)
		}
	}
}

// TestMasks: each way to say a mask, its canonical form, and what it keeps of
// a client's address.
func TestMasks(t *testing.T) {
	v4, v6 := "192.0.2.77", "2001:db8:4:5:6:7:8:9"
	for _, c := range []struct {
		vip     string
		netmask int
		mask    string
		want    int
		kept    string // mask that stays in Mask
		client  string
		masked  string
	}{
		{"198.51.100.1:80", 0, "", 32, "", v4, v4},
		{"198.51.100.1:80", 24, "", 24, "", v4, "192.0.2.0"},
		{"198.51.100.1:80", 0, "255.255.255.0", 24, "", v4, "192.0.2.0"},
		{"198.51.100.1:80", 0, "255.255.255.255", 32, "", v4, v4},
		{"198.51.100.1:80", 0, "128.0.0.0", 1, "", v4, "128.0.0.0"},
		{"198.51.100.1:80", 0, "255.0.255.0", 0, "255.0.255.0", v4, "192.0.2.0"},
		{"198.51.100.1:80", 0, "0.0.0.0", 0, "0.0.0.0", v4, "0.0.0.0"},
		{"198.51.100.1:80", 9, "0.0.255.255", 0, "0.0.255.255", v4, "0.0.2.77"},
		{"[2001:db8:2::1]:80", 0, "", 128, "", v6, v6},
		{"[2001:db8:2::1]:80", 64, "", 64, "", v6, "2001:db8:4:5::"},
		{"[2001:db8:2::1]:80", 33, "", 33, "", v6, "2001:db8::"},
	} {
		v := vs(c.vip)
		v.Netmask = c.netmask
		if c.mask != "" {
			v.Mask = netip.MustParseAddr(c.mask)
		}
		e := build(t, addService(v)).Find(v.Key)
		kept := ""
		if e.Mask.IsValid() {
			kept = e.Mask.String()
		}
		if e.Netmask != c.want || kept != c.kept {
			t.Errorf("/%d %s: /%d %s, want /%d %s", c.netmask, c.mask, e.Netmask, kept, c.want, c.kept)
		}
		if got := and(netip.MustParseAddr(c.client), e.ClientMask()); got != c.masked {
			t.Errorf("/%d %s: client %s is grouped as %s, want %s", c.netmask, c.mask, c.client, got, c.masked)
		}
	}
}

func and(a netip.Addr, mask [16]byte) string {
	b := a.As16()
	for i := range b {
		b[i] &= mask[i]
	}
	return netip.AddrFrom16(b).Unmap().String()
}

// TestClientMaskUnset: a service that never was in a table groups nobody.
func TestClientMaskUnset(t *testing.T) {
	for _, v := range []service.VirtualService{
		vs("198.51.100.1:80"), vs("[2001:db8::1]:80"), {Key: service.Key{Mark: 1}}, {Key: service.Key{Mark: 1, IPv6: true}},
	} {
		for i, b := range v.ClientMask() {
			if b != 0xff {
				t.Errorf("%v: byte %d of the mask is %#x", v.Key, i, b)
			}
		}
	}
}

func TestNames(t *testing.T) {
	for p, name := range map[service.Protocol]string{
		service.TCP: "TCP", service.UDP: "UDP", service.SCTP: "SCTP", service.AnyProtocol: "any", 47: "protocol 47",
	} {
		if p.String() != name {
			t.Errorf("protocol %d is called %q, want %q", p, p.String(), name)
		}
	}
	for m, name := range map[service.Method]string{
		service.NAT: "nat", service.Local: "local", service.Tunnel: "tunnel", service.DR: "dr",
		service.Bypass: "bypass", service.FullNAT: "fullnat", 9: "method 9",
	} {
		if m.String() != name {
			t.Errorf("method %d is called %q, want %q", m, m.String(), name)
		}
		if back, err := service.ParseMethod(name); m != 9 && (err != nil || back != m) {
			t.Errorf("ParseMethod(%q) = %d, %v", name, back, err)
		}
	}
	for name, want := range map[string]service.Protocol{"tcp": service.TCP, "UDP": service.UDP, "Sctp": service.SCTP, "": service.AnyProtocol} {
		if p, err := service.ParseProtocol(name); err != nil || p != want {
			t.Errorf("ParseProtocol(%q) = %v, %v", name, p, err)
		}
	}
	if _, err := service.ParseProtocol("icmp"); !errors.Is(err, service.ErrInvalid) {
		t.Errorf("ParseProtocol of icmp: %v", err)
	}
	if _, err := service.ParseMethod("masq"); !errors.Is(err, service.ErrInvalid) {
		t.Errorf("ParseMethod of masq: %v", err)
	}
	if _, err := service.Protocol(47).MarshalText(); err == nil {
		t.Error("protocol 47 was encoded")
	}
	if _, err := service.Method(9).MarshalText(); err == nil {
		t.Error("method 9 was encoded")
	}
}

func TestChangeString(t *testing.T) {
	v := vs("[2001:db8:2::1]:80")
	for want, c := range map[string]service.Change{
		"add-service TCP [2001:db8:2::1]:80":                      addService(v),
		"add-server [2001:db8:3::1]:80 of TCP [2001:db8:2::1]:80": addServer(v.Key, nat("[2001:db8:3::1]:80")),
		"flush": {Op: service.Flush},
	} {
		if c.String() != want {
			t.Errorf("%q, want %q", c.String(), want)
		}
	}
}
