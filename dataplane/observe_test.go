package dataplane_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"ulvs/conntrack"
	"ulvs/dataplane"
	"ulvs/dataplane/nexthop"
	"ulvs/sched"
	"ulvs/service"
	"ulvs/wire"
	"ulvs/wire/wiretest"
)

// notes is an observer that keeps copies of what it is told.
type notes struct {
	wants  func(*wire.Packet) bool // nil: all
	traces []dataplane.Trace
}

func (n *notes) Wants(p *wire.Packet) bool { return n.wants == nil || n.wants(p) }

func (n *notes) Traced(t *dataplane.Trace) {
	c := *t
	c.Before, c.Lookups, c.Sent = slices.Clone(t.Before), slices.Clone(t.Lookups), slices.Clone(t.Sent)
	for i := range c.Sent {
		c.Sent[i].Frame = slices.Clone(c.Sent[i].Frame)
	}
	n.traces = append(n.traces, c)
}

// way is a trace in short: what was searched for and found, service, template,
// pick, state, server, next hop, frames out, reason.
func way(t *dataplane.Trace) string {
	var w []string
	say := func(f string, a ...any) { w = append(w, fmt.Sprintf(f, a...)) }
	for _, l := range t.Lookups {
		say("%s %v>%v %s", []string{"?", "in", "out"}[l.Way], l.Key.ClientPort, l.Key.VirtualPort, l.Outcome)
	}
	if t.Match.By != dataplane.NotMatched {
		say("match %s %s", []string{"", "nothing", "mark", "address", "ftp", "any port"}[t.Match.By], t.Match.Service.Scheduler)
	}
	if t.Template.Asked {
		say("template %v %v", t.Template.Found, t.Template.Timeout)
	}
	if t.Pick.Asked {
		say("pick %s", t.Pick.Scheduler)
	}
	if s := t.State; s.Valid {
		say("state new=%v dir=%d %s>%s %v active=%v", s.New, s.Direction, conntrack.StateName(s.Proto, s.From), conntrack.StateName(s.Proto, s.To), s.Timeout, s.Active)
	}
	if s := t.Server; s.Valid {
		say("server %v:%d %v", s.Addr, s.Port, s.Method)
		if s.Method == service.NAT {
			say("to %v:%d", s.To, s.ToPort)
		}
	}
	if h := t.Hop; h.Valid {
		say("hop %v %v %v", h.For, h.Status, h.Hop.Dst)
	}
	say("sent %d %v", len(t.Sent), t.Reason)
	return strings.Join(w, "; ")
}

// watched is a world with a service of TCP that an observer looks at.
func watched(t *testing.T, conns int, vs service.VirtualService, m service.Method, servers int) (*world, *notes) {
	x, n := newWorld(t, conns), &notes{}
	vs.Key = key(service.TCP)
	if vs.Scheduler == "" {
		vs.Scheduler = "rr"
	}
	x.apply(service.Change{Op: service.AddService, Service: vs})
	for i := 1; i <= servers; i++ {
		x.apply(service.Change{Op: service.AddServer, Service: vs, Server: server(i, m)})
	}
	x.settle()
	x.d.Lane(0).Observe(n)
	return x, n
}

// ways checks what was told since the last call.
func (n *notes) ways(t *testing.T, want ...string) {
	t.Helper()
	for i := range max(len(want), len(n.traces)) {
		switch {
		case i >= len(n.traces):
			t.Errorf("not told: %s", want[i])
		case i >= len(want):
			t.Errorf("told too: %s", way(&n.traces[i]))
		case way(&n.traces[i]) != want[i]:
			t.Errorf("told  %s\n want %s", way(&n.traces[i]), want[i])
		}
	}
	n.traces = nil
}

func TestTraceDR(t *testing.T) {
	x, n := watched(t, 100, service.VirtualService{}, service.DR, 2)
	x.send(0, syn(1000), ack(1000, 10), ack(1001, 0))
	n.ways(t,
		"in 1000>80 miss; out 80>1000 miss; match address rr; pick rr; state new=true dir=2 NONE>SYN_RECV 1m0s active=true; server 203.0.113.2:80 dr; hop 203.0.113.2 ready 02:00:00:01:00:02; sent 1 forwarded-dr",
		"in 1000>80 hit; state new=false dir=2 SYN_RECV>ESTABLISHED 15m0s active=true; server 203.0.113.2:80 dr; hop 203.0.113.2 ready 02:00:00:01:00:02; sent 1 forwarded-dr",
		"in 1001>80 miss; out 80>1001 miss; match address rr; sent 0 passed-not-syn")
}

func TestTraceNAT(t *testing.T) {
	x, n := watched(t, 100, service.VirtualService{}, service.NAT, 1)
	x.send(0, syn(1000))
	n.ways(t, "in 1000>80 miss; out 80>1000 miss; match address rr; pick rr; state new=true dir=0 NONE>SYN_RECV 1m0s active=true; server 203.0.113.1:8080 nat; to 203.0.113.1:8080; hop 203.0.113.1 ready 02:00:00:01:00:01; sent 1 forwarded-nat")
	x.send(1, fromServer(1, 1000, wire.SYN|wire.ACK, nil), fromServer(1, 1001, wire.ACK, nil))
	n.ways(t,
		"out 1000>8080 hit; state new=false dir=1 SYN_RECV>SYN_RECV 1m0s active=true; server 203.0.113.1:8080 nat; to 198.51.100.1:80; hop 192.0.2.7 ready 02:00:00:00:0c:01; sent 1 forwarded-reply",
		"out 1001>8080 miss; in 8080>1001 miss; sent 0 passed-no-service")
	x.send(0, ack(1000, 1460, wiretest.WithTTL(1)), clientError())
	n.ways(t,
		"in 1000>80 hit; state new=false dir=0 SYN_RECV>ESTABLISHED 15m0s active=true; server 203.0.113.1:8080 nat; to 203.0.113.1:8080; hop 192.0.2.7 ready 02:00:00:00:0c:01; sent 1 answered-ttl",
		"in 1000>80 hit; server 203.0.113.1:8080 nat; to 203.0.113.1:8080; hop 203.0.113.1 ready 02:00:00:01:00:01; sent 1 forwarded-icmp")
	x.apply(change(service.DeleteServer, 1, service.NAT, 1))
	x.send(0, ack(1000, 0))
	n.ways(t, "in 1000>80 hit: its real server was deleted; sent 0 dropped-server-gone")
}

func TestTraceTunnel(t *testing.T) {
	x, n := watched(t, 100, service.VirtualService{}, service.Tunnel, 1)
	out := x.send(0, syn(1000))
	x.send(0, ack(1000, 4000, wiretest.WithGSO(1440)))
	n.ways(t,
		"in 1000>80 miss; out 80>1000 miss; match address rr; pick rr; state new=true dir=2 NONE>SYN_RECV 1m0s active=true; server 203.0.113.1:80 tunnel; hop 203.0.113.1 ready 02:00:00:01:00:01; sent 1 forwarded-tunnel",
		"in 1000>80 hit; state new=false dir=2 SYN_RECV>ESTABLISHED 15m0s active=true; server 203.0.113.1:80 tunnel; hop 203.0.113.1 ready 02:00:00:01:00:01; sent 3 forwarded-segments")
	x.send(1, routerError(3, 1, 0, out[1][0], 60))
	n.ways(t, "in 1000>80 hit; server 203.0.113.1:80 tunnel; hop 192.0.2.7 ready 02:00:00:00:0c:01; sent 1 forwarded-icmp")
}

func TestTracePersistence(t *testing.T) {
	x, n := watched(t, 100, service.VirtualService{Persistent: time.Minute, Scheduler: "wlc"}, service.DR, 2)
	x.send(0, syn(1000), syn(1001))
	n.ways(t,
		"in 1000>80 miss; out 80>1000 miss; match address wlc; template false 1m0s; pick wlc; state new=true dir=2 NONE>SYN_RECV 1m0s active=true; server 203.0.113.2:80 dr; hop 203.0.113.2 ready 02:00:00:01:00:02; sent 1 forwarded-dr",
		"in 1001>80 miss; out 80>1001 miss; match address wlc; template true 1m0s; state new=true dir=2 NONE>SYN_RECV 1m0s active=true; server 203.0.113.2:80 dr; hop 203.0.113.2 ready 02:00:00:01:00:02; sent 1 forwarded-dr")
}

func TestTraceReuse(t *testing.T) {
	x, n := watched(t, 100, service.VirtualService{}, service.DR, 1)
	x.send(0, syn(1000), ack(1000, 0), ackFlags(1000, wire.RST), ackFlags(1000, wire.SYN), ack(1000, 0), ackFlags(1000, wire.RST), ackFlags(1000, wire.SYN|wire.RST))
	got := n.traces
	for i, want := range []string{"miss", "hit", "hit", "ended: a new connection", "hit", "hit", "ended: a SYN with RST is refused"} {
		if o := got[i].Lookups[0].Outcome; o != want {
			t.Errorf("packet %d: %s, want %s", i, o, want)
		}
	}
	if s := got[3].State; !s.New || got[6].State.Valid || got[6].Reason != dataplane.DroppedReuse {
		t.Errorf("%+v; %s", s, way(&got[6]))
	}
}

// TestTraceOthers: what has no connection.
func TestTraceOthers(t *testing.T) {
	x, n := watched(t, 100, service.VirtualService{}, service.NAT, 0)
	datagram := parts(t, wiretest.UDP(flow(1000), wiretest.Payload(2000), toDirector()), 1500)
	other := syn(1000)
	x.send(0, syn(1000), wiretest.UDP(flow(1), nil, toDirector()), wiretest.Raw(syn(1).Frame()[:50]),
		wiretest.ARP(wire.ARPRequest, clientMAC, clientIP, wire.Broadcast, vip),
		wiretest.ICMPEcho(wiretest.Flow{Src: clientIP, Dst: vip}, 1, 1, nil, toDirector()))
	x.eth[0].InjectFrames(memFrame{Data: other.Frame(), HasVLAN: true}, memFrame{Data: other.Frame(), Type: wire.ToOtherHost})
	for x.w.Round() {
	}
	// Another host's packet is not parsed on its way, but in its trace.
	if p := n.traces[6].Packet; p.SrcPort != 1000 || p.TCP().SrcPort() != 1000 {
		t.Errorf("another host's packet: %+v", p)
	}
	n.ways(t, "in 1000>80 miss; out 80>1000 miss; match address rr; pick rr; hop 192.0.2.7 ready 02:00:00:00:0c:01; sent 1 answered-unreachable",
		"in 1>80 miss; out 80>1 miss; match nothing ; sent 0 passed-no-service",
		"sent 0 malformed-total-length-beyond-frame", "sent 1 answered-arp", "sent 1 answered-echo", "sent 0 passed-vlan", "sent 0 passed-other-host")
	udp := service.VirtualService{Key: key(service.UDP), Scheduler: "rr"}
	x.apply(service.Change{Op: service.AddService, Service: udp}, service.Change{Op: service.AddServer, Service: udp, Server: server(1, service.DR)})
	x.send(0, datagram...)
	n.ways(t, "sent 0 held-fragment",
		"in 1000>80 miss; out 80>1000 miss; match address rr; pick rr; state new=true dir=2 UDP>UDP 5m0s active=false; server 203.0.113.1:80 dr; hop 203.0.113.1 ready 02:00:00:01:00:01; sent 2 forwarded-fragments")
}

func TestTraceHeldAndFull(t *testing.T) {
	x, n := watched(t, 1, service.VirtualService{}, service.DR, 1)
	x.d.Hops().SetNeighbours(nil)
	x.send(0, syn(1000), ack(1000, 0), syn(1001))
	if len(n.traces) != 3 || n.traces[2].Reason != dataplane.DroppedTableFull || n.traces[2].Server.Valid || !n.traces[2].Pick.Asked {
		t.Errorf("with a full table: %s", way(&n.traces[2]))
	}
	n.traces = n.traces[:1]
	n.ways(t, "in 1000>80 miss; out 80>1000 miss; match address rr; pick rr; state new=true dir=2 NONE>SYN_RECV 1m0s active=true; server 203.0.113.1:80 dr; hop 203.0.113.1 unresolved 00:00:00:00:00:00; sent 0 held-neighbour")
}

// TestTraceMatches: what services are found by.
func TestTraceMatches(t *testing.T) {
	x, n := newWorld(t, 100), &notes{}
	by := func(port uint16, persistent time.Duration) {
		vs := service.VirtualService{Key: key(service.TCP), Scheduler: "rr", Persistent: persistent}
		vs.Port = port
		x.apply(service.Change{Op: service.AddService, Service: vs}, service.Change{Op: service.AddServer, Service: vs, Server: server(1, service.DR)})
	}
	by(21, time.Minute)
	by(80, 0)
	x.settle()
	x.d.Lane(0).Observe(n)
	to := func(port int) *wire.Packet {
		return wiretest.TCP(wiretest.Flow{Src: clientIP + ":1000", Dst: fmt.Sprintf("%s:%d", vip, port)}, wire.SYN, nil, toDirector())
	}
	x.send(0, to(80), to(21), to(2000), to(22))
	by(0, time.Minute)
	x.send(0, to(23))
	want := []dataplane.MatchBy{dataplane.ByAddress, dataplane.ByAddress, dataplane.ByFTP, dataplane.ByNothing, dataplane.ByAnyPort}
	for i, w := range want {
		if got := n.traces[i].Match.By; got != w {
			t.Errorf("packet %d: matched by %d, want %d", i, got, w)
		}
	}
}

// explaining is a round robin that explains itself.
type explaining struct{ sched.Scheduler }

func (explaining) Explain(f *sched.Flow) sched.Explanation {
	return sched.Explanation{Rule: "as told", Chosen: int(f.ClientPort)}
}

// TestTraceExplains: a scheduler that can explain itself is asked before it
// picks.
func TestTraceExplains(t *testing.T) {
	x, n := watched(t, 100, service.VirtualService{}, service.DR, 2)
	rr, err := sched.New("rr", sched.Config{})
	if err != nil {
		t.Fatal(err)
	}
	x.d.SetScheduler(key(service.TCP), explaining{rr})
	x.send(0, syn(1000))
	if e := n.traces[0].Pick.Explanation; e.Rule != "as told" || e.Chosen != 1000 {
		t.Errorf("%+v", e)
	}
}

// TestTracePanics: a fault of ulvs is told of; a fault of the observer costs
// the observer, and at most the packet in hand.
func TestTracePanics(t *testing.T) {
	x, n := watched(t, 100, service.VirtualService{}, service.DR, 1)
	x.d.SetScheduler(key(service.TCP), &faulty{})
	x.send(0, syn(666), syn(1000))
	if len(n.traces) != 2 || n.traces[0].Reason != dataplane.DroppedPanic || n.traces[1].Reason != dataplane.ForwardedDR {
		t.Errorf("%d told: %+v", len(n.traces), n.traces)
	}
	x.w.SetPort(0, &faultyPort{Port: x.eth[0], mangle: true})
	x.send(0, syn(1001), syn(1002), syn(1003))
	if len(n.traces) != 4 { // the mangled one is no frame
		t.Errorf("%d told", len(n.traces))
	}
	x.w.SetPort(0, x.eth[0])
	n.wants = func(*wire.Packet) bool { panic("fault in Wants") }
	x.send(0, syn(1004), syn(1005))
	if x.d.Lane(0).Observer() != nil {
		t.Error("an observer with a fault is still asked")
	}
	x.d.Lane(0).Observe(telltale{})
	out := x.send(0, syn(1006), syn(1007))
	if x.d.Lane(0).Observer() != nil || len(out[1]) != 2 {
		t.Errorf("a fault in Traced: %d frames left, want 2", len(out[1]))
	}
	if by, total := x.d.Reasons(); total != 9 || by[dataplane.DroppedPanic] != 3 || by[dataplane.ForwardedDR] != 6 || x.w.Panics() != 4 {
		t.Errorf("%d handled, %d dropped, %d forwarded, %d panics", total, by[dataplane.DroppedPanic], by[dataplane.ForwardedDR], x.w.Panics())
	}
}

// telltale is an observer with a fault in Traced.
type telltale struct{}

func (telltale) Wants(*wire.Packet) bool { return true }
func (telltale) Traced(*dataplane.Trace) { panic("fault in Traced") }

// TestTraceNowhere: a packet with a server but no way to it.
func TestTraceNowhere(t *testing.T) {
	x, n := watched(t, 100, service.VirtualService{}, service.DR, 1)
	x.d.Hops().SetRoutes([]nexthop.Route{{Dst: netip.MustParsePrefix("203.0.113.0/24"), Type: nexthop.Unusable}})
	x.send(0, syn(1000))
	if h := n.traces[0].Hop; !h.Valid || h.Status != nexthop.Blackhole || n.traces[0].Reason != dataplane.DroppedNoRoute {
		t.Errorf("%s", way(&n.traces[0]))
	}
}
