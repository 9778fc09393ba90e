package probe

import (
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"ulvs/internal/testns"
	"ulvs/wire"
)

func TestMain(m *testing.M) { os.Exit(testns.Main(m)) }

// Addresses of the test's link: the asker, the server, and a second address of
// the server's on its lo.
const (
	askerIP, serverIP, virtualIP = "192.0.2.1", "192.0.2.9", "192.0.2.100"
	askerIP6, serverIP6          = "2001:db8::1", "2001:db8::9"
)

func addr(s string) wire.Addr {
	return wire.AddrFrom(netip.MustParseAddr(s))
}

// pair is an asker and a server, which listens at port 80.
func pair(t *testing.T) (p *Prober, i Interface, server *testns.NS) {
	t.Helper()
	asker, server := testns.New(t), testns.New(t)
	for _, n := range []*testns.NS{asker, server} {
		n.Sysctl("net/ipv6/conf/all/disable_ipv6", "0")
		n.Sysctl("net/ipv6/conf/default/disable_ipv6", "0")
	}
	testns.Veth(t, asker, "eth0", server, "eth0")
	asker.Addr("eth0", askerIP+"/24")
	asker.Addr("eth0", askerIP6+"/64")
	server.Addr("eth0", serverIP+"/24")
	server.Addr("eth0", serverIP6+"/64")
	server.Addr("lo", virtualIP+"/32")
	asker.Up("eth0")
	server.Up("eth0")
	asker.Ready("eth0")
	server.Ready("eth0")
	var l net.Listener
	server.Do(func() {
		var err error
		if l, err = net.Listen("tcp", ":80"); err != nil {
			t.Fatal(err)
		}
	})
	t.Cleanup(func() { l.Close() })
	i = Interface{Index: asker.Index("eth0"), Name: "eth0", MAC: wire.MAC(asker.MAC("eth0"))}
	asker.Do(func() {
		var err error
		if p, err = Open([]Interface{i}); err != nil {
			t.Fatal(err)
		}
	})
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p, i, server
}

// ask puts one question and returns the answers.
func ask(t *testing.T, p *Prober, q Question) []Answer {
	t.Helper()
	got, err := p.Ask([]Question{q}, 0, 3*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	return got[q.Key]
}

func TestWhoHas(t *testing.T) {
	p, i, server := pair(t)
	mac := wire.MAC(server.MAC("eth0"))
	for _, c := range []struct{ sender, target string }{
		{askerIP, serverIP}, {"", serverIP}, {askerIP, virtualIP}, {"", virtualIP}, {askerIP6, serverIP6},
	} {
		var sender wire.Addr
		if c.sender != "" {
			sender = addr(c.sender)
		}
		got := ask(t, p, WhoHas(i, sender, addr(c.target)))
		if len(got) != 1 || got[0].Kind != Resolved || got[0].From != mac || got[0].Addr != addr(c.target) {
			t.Errorf("%s asks for %s: %+v", c.sender, c.target, got)
		}
	}
}

// TestSYN asks for the server's address and its virtual one, the way that a
// director by DR does.
func TestSYN(t *testing.T) {
	p, i, server := pair(t)
	server.Sysctl("net/ipv4/ip_forward", "1")
	server.Sysctl("net/ipv4/conf/all/rp_filter", "0")
	server.Sysctl("net/ipv4/conf/eth0/rp_filter", "0")
	for name, c := range map[string]struct {
		src, dst string
		port     uint16
		size     int
		want     Kind
	}{
		"listens":        {askerIP, serverIP, 80, 0, Accepted},
		"virtual":        {askerIP, virtualIP, 80, 0, Accepted},
		"large":          {askerIP, virtualIP, 80, 1500, Accepted},
		"nobody there":   {askerIP, virtualIP, 81, 0, Refused},
		"not its own":    {askerIP, "192.0.2.101", 80, 0, TTLExceeded},
		"IPv6":           {askerIP6, serverIP6, 80, 0, Accepted},
		"IPv6, large":    {askerIP6, serverIP6, 80, 1500, Accepted},
		"IPv6, nobody":   {askerIP6, serverIP6, 81, 0, Refused},
		"from elsewhere": {"192.0.2.77", serverIP, 80, 0, 0},
	} {
		port, ok := p.Port()
		if !ok {
			t.Fatal("no port left")
		}
		s := SYN{Interface: i, To: wire.MAC(server.MAC("eth0")), Src: addr(c.src), Dst: addr(c.dst), SrcPort: port, DstPort: c.port, TTL: 1, Size: c.size}
		q := s.Question()
		limit := 3 * time.Second
		if c.want == 0 {
			limit = 30 * time.Millisecond
		}
		got, err := p.Ask([]Question{q}, 0, limit)
		if err != nil {
			t.Fatal(err)
		}
		var kind Kind
		if len(got[q.Key]) > 0 {
			kind = got[q.Key][0].Kind
		}
		if kind != c.want {
			t.Errorf("%s: %+v, want %d", name, got[q.Key], c.want)
		}
	}
}

func TestPorts(t *testing.T) {
	p := Prober{base: firstBlock * portBlock}
	seen := map[uint16]bool{}
	for range portBlock {
		port, ok := p.Port()
		if !ok || seen[port] || port&portMask != p.base {
			t.Fatalf("port %d, %v", port, ok)
		}
		seen[port] = true
	}
	if _, ok := p.Port(); ok {
		t.Error("a port beyond the block")
	}
}
