package ipvsadm

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ulvs/control/api"
	"ulvs/service"
)

// fullSave is the complete save of env.
func fullSave(t interface{ Fatal(...any) }, env *fakeEnv) string {
	state, err := env.State()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := SaveAll(&b, state); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestSave(t *testing.T) {
	rules := "" +
		"-A -u 198.51.100.1:53 -s sh -p 60 --pe sip -o -b sh-fallback,sh-port\n" +
		"-a -u 198.51.100.1:53 -r 203.0.113.9:53 -m -w 2 -x 100 -y 50\n" +
		"-a -u 198.51.100.1:53 -r 203.0.113.1:5353 -m -w 0 -x 100\n" +
		"-A -t 198.51.100.1:80 -s wlc -M 255.255.0.0\n" +
		"-a -t 198.51.100.1:80 -r 203.0.113.1:80 -i -w 1 --tun-type gue --tun-port 5555 --tun-remcsum -x 9\n" +
		"-A -f 4000000000 -6 -s rr -p 300 -M 64\n" +
		"-a -f 4000000000 -6 -r [2001:db8:3::1]:0 -g -w 1\n"
	env := newFakeEnv()
	if code := restoreInto(env, rules); code != 0 {
		t.Fatal("restore:", code)
	}
	var lines = map[string]bool{}
	for line := range strings.Lines(fullSave(t, env)) {
		lines[line] = true
	}
	for line := range strings.Lines(rules) {
		if !lines[line] {
			t.Errorf("not saved: %s", line)
		}
	}
	if n := strings.Count(rules, "\n"); len(lines) != n {
		t.Errorf("%d lines, want %d", len(lines), n)
	}
}

// TestSaveFixpoint: whatever ipvsadm can set up is restored from its save, in
// the same order, and saved the same again.
func TestSaveFixpoint(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		env := newFakeEnv()
		for range rapid.IntRange(0, 12).Draw(t, "changes") {
			_ = env.Apply(anyChange(t)) // some do not fit: the service exists
		}
		text, again := fullSave(t, env), newFakeEnv()
		if code := restoreInto(again, text); code != 0 {
			t.Fatalf("not taken back, exit %d:\n%s", code, text)
		}
		if was, is := env.table.Services(), again.table.Services(); tableText(was) != tableText(is) {
			t.Fatalf("saved\n%s\nwas\n%s\nis\n%s", text, tableText(was), tableText(is))
		}
		if second := fullSave(t, again); second != text {
			t.Fatalf("saved\n%s\nthen\n%s", text, second)
		}
	})
}

// tableText is all of a table. No checksum has two names.
func tableText(list []*service.Entry) string {
	var b strings.Builder
	for _, e := range list {
		fmt.Fprintf(&b, "%+v\n", e.VirtualService)
		for _, r := range e.Servers {
			if r.Tunnel.Checksum == "nocsum" {
				r.Tunnel.Checksum = ""
			}
			fmt.Fprintf(&b, "  %+v\n", r)
		}
	}
	return b.String()
}

// anyChange adds a service or a real server, of few services, with any options.
func anyChange(t *rapid.T) service.Change {
	k := rapid.SampledFrom([]service.Key{
		{Protocol: service.TCP, Addr: netip.MustParseAddr("198.51.100.1"), Port: 80},
		{Protocol: service.UDP, Addr: netip.MustParseAddr("198.51.100.1"), Port: 53},
		{Protocol: service.SCTP, Addr: netip.MustParseAddr("198.51.100.2"), Port: 0},
		{Protocol: service.UDP, Addr: netip.MustParseAddr("2001:db8:2::1"), Port: 53},
		{Mark: 7}, {Mark: 1<<32 - 1, IPv6: true},
	}).Draw(t, "service")
	if rapid.Bool().Draw(t, "is a service") {
		return service.Change{Op: service.AddService, Service: anyService(t, k)}
	}
	return service.Change{Op: service.AddServer, Service: service.VirtualService{Key: k}, Server: anyServer(t, k)}
}

func anyService(t *rapid.T, k service.Key) service.VirtualService {
	v := service.VirtualService{Key: k, Scheduler: rapid.SampledFrom(kernelSchedulers).Draw(t, "scheduler")}
	for _, f := range namesFor(v.Scheduler) {
		if rapid.Bool().Draw(t, f) {
			v.SchedFlag = append(v.SchedFlag, f)
		}
	}
	if rapid.Bool().Draw(t, "persistent") || k.Port == 0 && k.Mark == 0 {
		v.Persistent = time.Duration(rapid.IntRange(1, maxTimeout).Draw(t, "seconds")) * time.Second
	}
	v.Netmask = rapid.IntRange(0, 32).Draw(t, "netmask")
	if k.Is6() {
		v.Netmask *= 4
	} else if v.Netmask == 0 {
		v.Mask = rapid.SampledFrom([]netip.Addr{{}, netip.MustParseAddr("0.0.0.0"), netip.MustParseAddr("255.0.255.0")}).Draw(t, "mask")
	}
	v.PE = rapid.SampledFrom([]string{"", "sip"}).Draw(t, "engine")
	v.OnePacket = (k.Mark != 0 || k.Protocol == service.UDP) && rapid.Bool().Draw(t, "ops")
	return v
}

func anyServer(t *rapid.T, k service.Key) service.RealServer {
	r := service.RealServer{
		Addr:   netip.AddrFrom4([4]byte{203, 0, 113, byte(rapid.IntRange(1, 9).Draw(t, "server"))}),
		Port:   rapid.Uint16().Draw(t, "port"),
		Method: rapid.SampledFrom([]service.Method{service.NAT, service.DR, service.Tunnel}).Draw(t, "method"),
		Weight: rapid.IntRange(0, service.MaxWeight).Draw(t, "weight"),
		Upper:  rapid.Uint32Range(0, service.MaxWeight).Draw(t, "upper"),
	}
	r.Lower = rapid.Uint32Range(0, r.Upper).Draw(t, "lower")
	if k.Is6() && (r.Method != service.Tunnel || rapid.Bool().Draw(t, "IPv6")) {
		r.Addr = netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 15: r.Addr.As4()[3]})
	}
	if r.Method == service.Tunnel {
		r.Tunnel = rapid.SampledFrom([]service.TunnelOptions{
			{}, {Type: "gre"}, {Type: "gre", Checksum: "csum"}, {Type: "gue", Port: 5555},
			{Type: "gue", Port: 65535, Checksum: "nocsum"}, {Type: "gue", Port: 1, Checksum: "csum"}, {Type: "gue", Port: 2, Checksum: "remcsum"},
		}).Draw(t, "tunnel")
	}
	return r
}

// TestSaveOfMark: the recorded -S cannot be restored where this can.
func TestSaveOfMark(t *testing.T) {
	s := &api.State{Services: []api.ServiceState{{VirtualService: service.VirtualService{Key: service.Key{Mark: 1 << 31}, Scheduler: "rr"}}}}
	var b strings.Builder
	if err := SaveAll(&b, s); err != nil || b.String() != "-A -f 2147483648 -s rr\n" {
		t.Errorf("%q, %v", b.String(), err)
	}
}
