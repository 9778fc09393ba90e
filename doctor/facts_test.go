package doctor

import (
	"bytes"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"ulvs/control/api"
	"ulvs/dataplane/nexthop"
	"ulvs/internal/netmon"
	"ulvs/service"
)

// Addresses of a director with one service by NAT.
var (
	vip    = netip.MustParseAddr("198.51.100.1")
	server = netip.MustParseAddr("192.0.2.11")
)

// sound are the facts of a host at which there is nothing to find, probes apart.
func sound() *Facts {
	caps := uint64(1<<12 | 1<<13)
	real := service.RealServer{Addr: server, Port: 80, Method: service.NAT, Weight: 1}
	return &Facts{
		Daemon: &Daemon{
			Info: api.Info{Interfaces: []string{"eth0", "eth1"}, Capacity: 100, Connections: 10},
			State: api.State{Services: []api.ServiceState{{
				VirtualService: service.VirtualService{Key: service.Key{Protocol: service.TCP, Addr: vip, Port: 80}},
				Servers:        []api.ServerState{{RealServer: real}},
			}}},
			Reasons: api.Reasons{"forwarded-nat": 7},
			Caps:    &caps,
		},
		Host: Host{
			Links: []netmon.Link{{Index: 1, Name: "lo", Up: true, MTU: 65536},
				{Index: 2, Name: "eth0", Up: true, Ethernet: true, MTU: 1500}, {Index: 3, Name: "eth1", Up: true, Ethernet: true, MTU: 1500}},
			Addresses: []nexthop.Address{{Index: 2, Prefix: netip.MustParsePrefix("198.51.100.2/24")},
				{Index: 2, Prefix: netip.MustParsePrefix("198.51.100.1/32")}, {Index: 3, Prefix: netip.MustParsePrefix("192.0.2.1/24")}},
			Sysctls: map[string]string{"net/ipv4/ip_forward": "1"},
			Ways:    map[netip.Addr]netmon.Way{server: {Index: 3}},
			Guard:   true,
		},
	}
}

// bad are the ids of findings that are not good.
func bad(f *Facts) (ids []ID) {
	for _, x := range f.Report().Findings {
		if x.Severity != OK {
			ids = append(ids, x.ID)
		}
	}
	return ids
}

// TestFindings changes one fact each. What can be broken in a network is tested
// there, by e2e/doctor_test.go; here is what cannot: hardware, a kernel module.
func TestFindings(t *testing.T) {
	if ids := bad(sound()); len(ids) > 0 {
		t.Fatalf("a sound host has %q", ids)
	}
	for name, c := range map[string]struct {
		change func(*Facts)
		want   []ID
	}{
		"LRO":        {func(f *Facts) { f.Host.Features = map[string][]string{"eth1": {"rx-gro", "rx-lro"}} }, []ID{OffloadMerges}},
		"ip_vs":      {func(f *Facts) { f.Host.IPVS = []string{"TCP  C6336401:0050 rr"} }, []ID{KernelIPVS}},
		"no net_raw": {func(f *Facts) { *f.Daemon.Caps = 1 << 12 }, []ID{CapNetRawMissing}},
		"nftables":   {func(f *Facts) { f.Host.Guard, f.Host.GuardErr = false, errors.New("not permitted") }, []ID{GuardUnreadable}},
		"no interface": {func(f *Facts) { f.Daemon.Info.Interfaces = nil },
			[]ID{InterfaceNone, RouteOutside, VIPOutside}},
		"carrier":       {func(f *Facts) { f.Host.Links[2].Up = false }, []ID{InterfaceDown}},
		"nearly full":   {func(f *Facts) { f.Daemon.Info.Connections = 85 }, []ID{TableNearlyFull}},
		"full":          {func(f *Facts) { f.Daemon.Info.Connections = 99 }, []ID{TableFull}},
		"refused":       {func(f *Facts) { f.Daemon.Reasons["dropped-table-full"] = 1 }, []ID{TableFull}},
		"lost":          {func(f *Facts) { f.Daemon.Reasons["port-ring-full"] = 1 }, []ID{PacketsLost}},
		"no caps known": {func(f *Facts) { f.Daemon.Caps = nil }, nil},
		"SYNs with data are filtered": {func(f *Facts) {
			r := service.RealServer{Addr: server, Port: 80, Method: service.Tunnel}
			f.Wire.Servers = []Tried{{Server: r, Method: &Reply{Kind: Accepted}, Large: &Reply{}, MTU: 1500, Sizes: map[int]*Reply{576: {}}}}
		}, []ID{ServerNotChecked, TunMTUReduced}},
		"drained": {func(f *Facts) {
			f.Daemon.State.Services[0].Servers[0].Weight = 0
			f.Daemon.State.Services[0].Servers = append(f.Daemon.State.Services[0].Servers, api.ServerState{RealServer: service.RealServer{Addr: netip.MustParseAddr("192.0.2.12"), Weight: 1}})
			f.Host.Ways[netip.MustParseAddr("192.0.2.12")] = netmon.Way{Index: 3}
			r := f.Daemon.State.Services[0].Servers[0].RealServer
			f.Wire.Hops = []Asked{{Interface: "eth1", Addr: server}}
			f.Wire.Servers = []Tried{{Server: r, Direct: &Reply{}}}
		}, []ID{NATSilent, ServerUnreachable}},
		"one network": {func(f *Facts) {
			r := service.RealServer{Addr: server, Port: 80, Method: service.NAT}
			f.Wire.Servers = []Tried{{Server: r, Direct: &Reply{Kind: Accepted}, NoReturn: "only one network"}}
		}, []ID{NATReturnUnknown}},
	} {
		f := sound()
		c.change(f)
		ids := bad(f)
		slices.Sort(ids)
		if r := f.Report(); name == "drained" && r.Errors > 0 {
			t.Errorf("%s: %d errors, want warnings", name, r.Errors)
		}
		if !slices.Equal(ids, c.want) {
			t.Errorf("%s: found %q, want %q", name, ids, c.want)
		}
	}
}

// TestReadProc reads tables as the kernel has them, and broken ones.
func TestReadProc(t *testing.T) {
	const head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
	proc := fstest.MapFS{
		"sys/net/ipv4/ip_forward": {Data: []byte("1\n")},
		"net/tcp": {Data: []byte(head +
			"   0: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1234 1 0\n" +
			"   1: 0100007F:0051 00000000:0000 01 00000000:00000000 00:00000000 00000000     0        0 1235 1 0\n" +
			"   2: xyz:0051 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1236 1 0\n" +
			"   3: 0100:0051\n")},
		"net/tcp6": {Data: []byte(head +
			"   0: B80D0120000000000000000001000000:01BB 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 77 1 0\n")},
		"net/ip_vs": {Data: []byte("IP Virtual Server version 1.2.1 (size=4096)\nProt LocalAddress:Port Scheduler Flags\n" +
			"  -> RemoteAddress:Port Forward Weight ActiveConn InActConn\nTCP  C6336401:0050 rr \n  -> C000020B:0050 Masq 1 0 0\n")},
	}
	var h Host
	h.read(proc)
	want := []Listener{{service.TCP, netip.IPv4Unspecified(), 80, "1234"}, {service.TCP, netip.MustParseAddr("2001:db8::1"), 443, "77"}}
	if !slices.Equal(h.Listeners, want) {
		t.Errorf("listeners %+v", h.Listeners)
	}
	if len(h.IPVS) != 1 || h.IPVS[0] != "TCP  C6336401:0050 rr" {
		t.Errorf("ip_vs %q", h.IPVS)
	}
	if h.sysctl("net/ipv4/ip_forward") != "1" || h.sysctl("net/ipv6/conf/all/forwarding") != "" {
		t.Errorf("sysctls %q", h.Sysctls)
	}
	if capabilitiesOf(proc, "1") != nil {
		t.Error("capabilities of nobody")
	}
}

func TestPrint(t *testing.T) {
	r := &Report{Errors: 1, Findings: []Finding{
		{ID: VIPOnHost, Severity: OK, Text: "fine", Evidence: []string{"not shown"}},
		{ID: DaemonWarning, Severity: Error, Text: "a\x1b[2Jb\nc", Evidence: []string{"e\u009b1"}, Fix: []string{"f"}},
	}}
	for _, c := range []struct {
		style Style
		want  string
	}{
		{Style{}, "ok       vip-on-host                  fine\n" +
			"error    daemon-warning               a?[2Jb?c\n" +
			"           seen  e?1\n           fix   f\n1 error, 0 warnings\n"},
		{Style{Brief: true, Color: true}, "\x1b[32mok      \x1b[0m vip-on-host                  fine\n" +
			"\x1b[1;31merror   \x1b[0m daemon-warning               a?[2Jb?c\n1 error, 0 warnings\n"},
	} {
		var b bytes.Buffer
		if err := r.Print(&b, c.style); err != nil || b.String() != c.want {
			t.Errorf("%v: %v\n%q\n%q", c.style, err, b.String(), c.want)
		}
	}
}

func TestSeverityText(t *testing.T) {
	for s := range Error + 1 {
		text, err := s.MarshalText()
		var back Severity
		if err2 := back.UnmarshalText(text); err != nil || err2 != nil || back != s {
			t.Errorf("%v: %v, %v, back %v", s, err, err2, back)
		}
	}
	var s Severity
	if err := s.UnmarshalText([]byte("bad")); err == nil || !strings.Contains(err.Error(), "ok, info, warning, error") {
		t.Errorf("error %v", err)
	}
}
