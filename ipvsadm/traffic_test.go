package ipvsadm

import (
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"ulvs/control/api"
	"ulvs/service"
)

// recordedCounts are the counts after the traffic of 03-list-with-traffic:
// service, server (none: the service itself), active, inactive, persistent,
// then conns, packets and bytes of --stats and of --rate.
const recordedCounts = `
TCP 198.51.100.1:80 - 0 0 0 6 16 2 4640 80 1 1 0 435 7
TCP 198.51.100.1:80 203.0.113.1:80 1 0 0 1 3 1 1120 40 0 0 0 105 4
TCP 198.51.100.1:80 203.0.113.2:8080 1 0 0 1 3 1 1120 40 0 0 0 105 4
TCP 198.51.100.1:80 203.0.113.3:80 1 1 0 2 5 0 1200 0 0 0 0 112 0
TCP 198.51.100.1:80 203.0.113.4:80 1 1 0 2 5 0 1200 0 0 0 0 112 0
TCP 198.51.100.1:443 - 0 0 0 1 1 0 40 0 0 0 0 4 0
TCP 198.51.100.1:443 203.0.113.10:443 1 0 1 1 1 0 40 0 0 0 0 4 0
TCP 198.51.100.9:80 - 0 0 0 1 1 0 40 0 0 0 0 4 0
TCP 198.51.100.9:80 203.0.113.2:80 1 0 0 1 1 0 40 0 0 0 0 4 0
UDP 198.51.100.1:53 - 0 0 0 1 1 0 29 0 0 0 0 3 0
UDP 198.51.100.1:53 203.0.113.1:53 0 0 0 1 1 0 29 0 0 0 0 3 0
UDP 198.51.100.1:5060 - 0 0 0 1 1 0 94 0 0 0 0 9 0
UDP 198.51.100.1:5060 203.0.113.2:5060 0 0 1 1 1 0 94 0 0 0 0 9 0
SCTP 198.51.100.1:9899 - 0 0 0 1 1 0 52 0 0 0 0 5 0
SCTP 198.51.100.1:9899 203.0.113.2:9899 0 1 0 1 1 0 52 0 0 0 0 5 0
TCP [2001:db8:2::1]:80 - 0 0 0 2 2 0 120 0 0 0 0 11 0
TCP [2001:db8:2::1]:80 [2001:db8:3:1:2:3:4:5]:8080 2 0 2 2 2 0 120 0 0 0 0 11 0
`

// recordedConnections are the connections of that traffic in the order shown.
const recordedConnections = `
TCP 899 ESTABLISHED 192.0.2.13:40003 198.51.100.1:80 203.0.113.1:80
TCP 59 SYN_RECV 192.0.2.77:1026 198.51.100.9:80 203.0.113.2:80
TCP 59 SYN_RECV [2001:db8:4::5]:1025 [2001:db8:2::1]:80 [2001:db8:3:1:2:3:4:5]:8080
TCP 899 ESTABLISHED 192.0.2.12:40002 198.51.100.1:80 203.0.113.2:8080
TCP 119 FIN_WAIT 192.0.2.10:40000 198.51.100.1:80 203.0.113.4:80
TCP 9 CLOSE 192.0.2.11:40001 198.51.100.1:80 203.0.113.3:80
UDP 59 NONE 192.0.2.77:0 198.51.100.1:5060 203.0.113.2:5060 sip abc-123@192.0.2.77
TCP 299 NONE [2001:db8:4:1111::]:0 [2001:db8:2::1]:80 [2001:db8:3:1:2:3:4:5]:8080
TCP 59 SYN_RECV [2001:db8:4:1111:2222:3333:4444:5555]:65535 [2001:db8:2::1]:80 [2001:db8:3:1:2:3:4:5]:8080
TCP 599 NONE 192.0.2.77:0 198.51.100.1:443 203.0.113.10:443
TCP 59 SYN_RECV 192.0.2.14:40004 198.51.100.1:80 203.0.113.4:80
TCP 299 NONE [2001:db8:4::]:0 [2001:db8:2::1]:80 [2001:db8:3:1:2:3:4:5]:8080
SCTP 3 INIT1 192.0.2.77:5000 198.51.100.1:9899 203.0.113.2:9899
TCP 59 SYN_RECV 192.0.2.15:40005 198.51.100.1:80 203.0.113.3:80
TCP 59 SYN_RECV 192.0.2.77:1025 198.51.100.1:443 203.0.113.10:443
`

// addTraffic puts the recorded counts and connections into env.
func addTraffic(t *testing.T, env *fakeEnv) {
	for line := range strings.Lines(strings.TrimSpace(recordedCounts)) {
		var proto, virtual, real string
		var c api.ServerState
		s, r := &c.Stats, &c.Rates
		if _, err := fmt.Sscan(line, &proto, &virtual, &real, &c.Active, &c.Inactive, &c.Persistent,
			&s.Conns, &s.InPackets, &s.OutPackets, &s.InBytes, &s.OutBytes,
			&r.Conns, &r.InPackets, &r.OutPackets, &r.InBytes, &r.OutBytes); err != nil {
			t.Fatal(err)
		}
		if real == "-" {
			env.totals[proto+" "+virtual] = api.ServiceState{Stats: *s, Rates: *r}
			env.stats = sum(env.stats, *s)
		} else {
			env.servers[proto+" "+virtual+" "+real] = c
		}
	}
	for line := range strings.Lines(strings.TrimSpace(recordedConnections)) {
		env.conns = append(env.conns, connection(t, strings.Fields(line)))
	}
}

func sum(a, b api.Stats) api.Stats {
	return api.Stats{
		Conns: a.Conns + b.Conns, InPackets: a.InPackets + b.InPackets, OutPackets: a.OutPackets + b.OutPackets,
		InBytes: a.InBytes + b.InBytes, OutBytes: a.OutBytes + b.OutBytes,
	}
}

func connection(t *testing.T, f []string) api.Connection {
	t.Helper()
	proto, err := service.ParseProtocol(f[0])
	if err != nil {
		t.Fatal(err)
	}
	left, err := time.ParseDuration(f[1] + "s")
	if err != nil {
		t.Fatal(err)
	}
	c := api.Connection{
		Protocol: proto, State: f[2], Expires: left + 999*time.Millisecond, // shown rounded down
		Client: netip.MustParseAddrPort(f[3]), Virtual: netip.MustParseAddrPort(f[4]), Real: netip.MustParseAddrPort(f[5]),
	}
	if len(f) > 6 {
		c.PE, c.PEData = f[6], f[7]
	}
	return c
}

// recordedRates are what each look at ip_vs_stats has shown of the estimator,
// which forgets as time passes. The total is not the sum: each is rounded.
var recordedRates = []api.Rates{
	{Conns: 2, InPackets: 3, InBytes: 0x273, OutBytes: 0xA},
	{Conns: 2, InPackets: 3, InBytes: 0x273, OutBytes: 0xA}, // by processor
	{Conns: 1, InPackets: 2, InBytes: 0x1D6, OutBytes: 0x7},
	{Conns: 1, InPackets: 1, InBytes: 0x108, OutBytes: 0x4},
	{},
}

// traffic does what happened before 03-list-with-traffic, and lets time pass
// between its commands.
func traffic(t *testing.T, env *fakeEnv, file string, steps []step, i int) {
	if file != "03-list-with-traffic.txt" {
		return
	}
	if i == 0 {
		addTraffic(t, env)
	}
	looks := 0
	for _, s := range steps[:i] {
		if strings.HasPrefix(s.line, "cat /proc/net/ip_vs_stats") {
			looks++
		}
	}
	env.rates = recordedRates[min(looks, len(recordedRates)-1)]
}

// flood does what happened before each block of commands that shows large
// numbers: the counters become those of its --exact listings. Where a command
// is repeated, the first was typed before the kernel had refreshed its counters.
func flood(t *testing.T, env *fakeEnv, _ string, steps []step, i int) {
	t.Helper()
	if steps[i].args[0] == "cat" && env.stats.InBytes == 99_777_700_000 {
		env.rates = fade(env.rates)
	}
	if i > 0 && steps[i-1].args[0] != "cat" {
		return
	}
	if steps[i+1].line == steps[i].line {
		steps[i].later = steps[i+1].stdout
	}
	next := func(option string) api.Stats {
		j := slices.IndexFunc(steps[i:], func(s step) bool { return strings.HasSuffix(s.line, option+" --exact") })
		return exactNumbers(t, steps[i+j].stdout)
	}
	count(t, env, next("--stats"), api.Rates(next("--rate")))
}

// fade is a step of the estimator without traffic: one fell between a listing
// of rates and the look at ip_vs_stats after it.
func fade(r api.Rates) api.Rates {
	return api.Rates{
		Conns: r.Conns * 3 / 4, InPackets: r.InPackets * 3 / 4, OutPackets: r.OutPackets * 3 / 4,
		InBytes: r.InBytes * 3 / 4, OutBytes: r.OutBytes * 3 / 4,
	}
}

// exactNumbers reads the numbers of a listing of one service.
func exactNumbers(t *testing.T, listing string) (s api.Stats) {
	t.Helper()
	fields := strings.Fields(strings.Split(listing, "\n")[3])[2:]
	if _, err := fmt.Sscan(strings.Join(fields, " "), &s.Conns, &s.InPackets, &s.OutPackets, &s.InBytes, &s.OutBytes); err != nil {
		t.Fatal(err)
	}
	return s
}

// count makes sure that there is the service of the flood, with one server, and
// gives both these numbers.
func count(t *testing.T, env *fakeEnv, s api.Stats, r api.Rates) {
	t.Helper()
	for _, line := range []string{"-A -u 198.51.100.1:53 -s rr -o", "-a -u 198.51.100.1:53 -r 203.0.113.1:53 -g"} {
		if len(env.table.Services()) == 0 || !strings.HasPrefix(line, "-A") && len(env.table.Services()[0].Servers) == 0 {
			if code := Run(env, "ipvsadm", strings.Fields(line), nil, io.Discard, io.Discard); code != 0 {
				t.Fatal(line, code)
			}
		}
	}
	env.totals["UDP 198.51.100.1:53"] = api.ServiceState{Stats: s, Rates: r}
	env.servers["UDP 198.51.100.1:53 203.0.113.1:53"] = api.ServerState{Stats: s, Rates: r}
	env.stats, env.rates = s, r
}

func TestShort(t *testing.T) {
	for n, want := range map[uint64]string{
		0: "0", 99_999_999: "99999999", 100_000_000: "100000K", 999_999_999: "999999K", 1_000_000_000: "1000M",
		99_999_999_999: "99999M", 100_000_000_000: "100G", 99_999_999_999_999: "99999G", 100_000_000_000_000: "100T",
		1<<64 - 1: "18446744T",
	} {
		if got := short(n); got != want {
			t.Errorf("short(%d) = %q, want %q", n, got, want)
		}
	}
}

// TestTemplateOfMark is the line recorded for a persistent firewall-mark
// service.
func TestTemplateOfMark(t *testing.T) {
	env := newFakeEnv()
	env.conns = []api.Connection{connection(t, strings.Fields("any 49 NONE 192.0.2.2:0 0.0.0.1:0 203.0.113.2:0"))}
	s := step{line: "-Lcn", args: []string{"ipvsadm", "-Lcn"}}
	stdout := s.run(env).stdout
	want := "IP  00:49  NONE        192.0.2.2:0        0.0.0.1:0          203.0.113.2:0\n"
	if !strings.HasSuffix(stdout, want) {
		t.Errorf("got %q, want it to end in %q", stdout, want)
	}
}

// TestOrder holds the sort against a plain one where the differences do not
// wrap around.
func TestOrder(t *testing.T) {
	var list, want []api.ServerState
	for i := range 100 {
		a := netip.AddrFrom4([4]byte{203, 0, 113, byte(i * 37)})
		list = append(list, api.ServerState{RealServer: service.RealServer{Addr: a, Port: uint16(i * 7919)}})
	}
	want = slices.Clone(list)
	slices.SortFunc(want, func(a, b api.ServerState) int { return a.Endpoint().Compare(b.Endpoint()) })
	mergeSort(list, compareServers)
	if !slices.Equal(list, want) {
		t.Errorf("sorted to %v, want %v", list, want)
	}
}
