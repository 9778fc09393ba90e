package daemon

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"ulvs/control/api"
	"ulvs/dataplane"
	"ulvs/dataplane/memport"
	"ulvs/dataplane/nexthop"
	"ulvs/explain"
	"ulvs/internal/pcapfilter"
	"ulvs/service"
	"ulvs/wire"
	"ulvs/wire/wiretest"
)

// MACs of the directed network.
var (
	outMAC    = wire.MAC{2, 0, 0, 0, 0, 1} // the director's, towards the clients
	inMAC     = wire.MAC{2, 0, 0, 0, 0, 2} // towards the servers
	clientMAC = wire.MAC{2, 0, 0, 0, 1, 1}
	serverMAC = wire.MAC{2, 0, 0, 0, 2, 1}
)

// directed is a daemon with a NAT service whose one worker a test drives, on
// ports in memory: eth0 to the clients, eth1 to the servers.
type directed struct {
	*Daemon
	t   testing.TB
	w   *dataplane.Worker
	eth [2]*memport.Port
}

func newDirected(t testing.TB) *directed {
	t.Helper()
	d, _ := newTestDaemon(t, Options{})
	h := d.hops
	h.SetLinks([]nexthop.Link{
		{Index: 1, Port: 0, Name: "eth0", MAC: outMAC, MTU: 1500, Up: true},
		{Index: 2, Port: 1, Name: "eth1", MAC: inMAC, MTU: 1500, Up: true},
	})
	h.SetAddresses([]nexthop.Address{
		{Index: 1, Prefix: netip.MustParsePrefix("192.0.2.254/24")},
		{Index: 2, Prefix: netip.MustParsePrefix("203.0.113.254/24")},
	})
	h.SetRoutes([]nexthop.Route{
		{Dst: netip.MustParsePrefix("192.0.2.0/24"), Index: 1},
		{Dst: netip.MustParsePrefix("203.0.113.0/24"), Index: 2},
	})
	h.SetNeighbours([]nexthop.Neighbour{
		{Index: 1, Addr: netip.MustParseAddr("192.0.2.7"), MAC: clientMAC, State: nexthop.Pinned},
		{Index: 2, Addr: server.Addr, MAC: serverMAC, State: nexthop.Pinned},
	})
	for n, name := range []string{"eth0", "eth1"} {
		d.ports.nics[name] = &nic{name: name, port: uint16(n)}
	}
	for _, c := range []service.Change{{Op: service.AddService, Service: web}, {Op: service.AddServer, Service: web, Server: server}} {
		if err := d.director.Apply(c); err != nil {
			t.Fatal(err)
		}
	}
	x := &directed{Daemon: d, t: t, eth: [2]*memport.Port{memport.New(0), memport.New(1)}}
	x.w = dataplane.NewWorker(d.director.Lane(0), memport.NewWaiter(x.eth[:]...), func() time.Duration { return time.Second })
	for i, p := range x.eth {
		x.w.SetPort(uint16(i), p)
	}
	return x
}

// flow is of the client's n-th connection.
func flow(n int) wiretest.Flow {
	return wiretest.Flow{Src: fmt.Sprintf("192.0.2.7:%d", 40000+n), Dst: "198.51.100.1:80"}
}

// request is a client's packet.
func request(n int, flags uint8) []byte {
	return wiretest.TCP(flow(n), flags, nil, wiretest.WithMACs(clientMAC, outMAC)).Frame()
}

// arrive lets frames come in at eth0 and be handled.
func (x *directed) arrive(frames ...[]byte) {
	x.eth[0].Inject(frames...)
	for x.w.Round() {
	}
}

// forwarded counts the clients' packets that went on.
func (x *directed) forwarded() uint64 {
	by, _ := x.director.Reasons()
	return by[dataplane.ForwardedNAT]
}

// client is one who traces.
type client struct {
	t     *testing.T
	lines chan api.TraceLine
	done  chan error
	leave func()
}

// trace begins a trace and returns when it looks.
func (x *directed) trace(t *testing.T, q api.TraceRequest) *client {
	t.Helper()
	ctx, leave := context.WithCancel(t.Context())
	c := &client{t: t, lines: make(chan api.TraceLine), done: make(chan error, 1), leave: leave}
	go func() {
		c.done <- x.Trace(ctx, q, func(l api.TraceLine) error {
			select {
			case c.lines <- l:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
		close(c.lines)
	}()
	if l, ok := <-c.lines; !ok || l.Started == nil {
		t.Fatalf("the first line is %+v", l)
	}
	return c
}

// packet is the next line, which must be of a packet.
func (c *client) packet() *explain.Record {
	c.t.Helper()
	l := <-c.lines
	if l.Packet == nil {
		c.t.Fatalf("not a packet: %+v", l)
	}
	r, err := explain.ParseRecord(l.Packet.Record)
	check(c.t, err)
	return r
}

// ended is the last line.
func (c *client) ended() api.TraceEnded {
	c.t.Helper()
	l := <-c.lines
	if l.Ended == nil {
		c.t.Fatalf("not the end: %+v", l)
	}
	if err := <-c.done; err != nil {
		c.t.Errorf("ended with %v", err)
	}
	return *l.Ended
}

func TestTraceSteps(t *testing.T) {
	x := newDirected(t)
	c := x.trace(t, api.TraceRequest{Filter: "tcp port 80", Packets: 2})
	x.arrive(request(0, wire.SYN))
	p := c.packet()
	if p.Version != 1 || p.Number != 1 || p.In != "eth0" || p.Packet.Summary != "tcp 192.0.2.7:40000 > 198.51.100.1:80 SYN, ttl 64, 40 bytes" || p.At == nil {
		t.Errorf("packet: %+v", p)
	}
	if len(p.Lookups) == 0 || p.Lookups[0].As != "client" || p.Lookups[0].Found {
		t.Errorf("lookups: %+v", p.Lookups)
	}
	if p.Service == nil || p.Service.Name != "TCP 198.51.100.1:80" || p.Service.Scheduler != "rr" {
		t.Errorf("service: %+v", p.Service)
	}
	if p.Pick == nil || p.Pick.Scheduler != "rr" || len(p.Pick.Servers) != 1 || !p.Pick.Servers[0].Chosen || p.Pick.Servers[0].Server != "203.0.113.1:8080" {
		t.Errorf("pick: %+v", p.Pick)
	}
	if p.State == nil || !p.State.New || p.State.To != "SYN_RECV" || p.State.Timeout != 60 {
		t.Errorf("state: %+v", p.State)
	}
	if p.Server == nil || p.Server.Addr != "203.0.113.1:8080" || p.Server.Method != "nat" || p.Server.To != "203.0.113.1:8080" {
		t.Errorf("server: %+v", p.Server)
	}
	if p.Hop == nil || p.Hop.Port != "eth1" || p.Hop.Status != "ready" || p.Hop.MAC != serverMAC.String() {
		t.Errorf("hop: %+v", p.Hop)
	}
	if len(p.Sent) != 1 || p.Sent[0].Port != "eth1" || len(p.Sent[0].Changes) == 0 || p.Verdict != "forwarded" || p.Reason != "forwarded-nat" || p.Meaning == "" {
		t.Errorf("end: %+v", p)
	}
	if want := "connection: 192.0.2.7:40000 with 198.51.100.1:80, miss; service: TCP 198.51.100.1:80; scheduler: rr; state: NONE > SYN_RECV; server: 203.0.113.1:8080 by nat; " +
		"verdict: forwarded; reason: forwarded-nat (client packet rewritten to a real server)"; p.Comment() != want {
		t.Errorf("comment %q\nwant    %q", p.Comment(), want)
	}
	x.arrive(request(0, wire.ACK))
	if p = c.packet(); p.Number != 2 || p.State.From != "SYN_RECV" || p.State.To != "ESTABLISHED" || p.State.New || !p.Lookups[0].Found || p.Pick != nil {
		t.Errorf("second packet: %+v, state %+v", p, p.State)
	}
	if e := c.ended(); e.Why != "packets" || e.Packets != 2 {
		t.Errorf("ended %+v", e)
	}
	if o := x.director.Lane(0).Observer(); o != nil {
		t.Error("an observer is left")
	}
}

// TestTraceFrames: the bytes before and after, cut as was asked.
func TestTraceFrames(t *testing.T) {
	x := newDirected(t)
	long := x.trace(t, api.TraceRequest{Packets: 1})
	short := x.trace(t, api.TraceRequest{SnapLen: 20, Packets: 1})
	x.arrive(request(0, wire.SYN))
	p, q := long.packet(), short.packet()
	if !slices.Equal(p.Packet.Bytes(), request(0, wire.SYN)) || p.Packet.Length != len(p.Packet.Bytes()) {
		t.Errorf("before: %x", p.Packet.Bytes())
	}
	wiretest.Check(t, p.Sent[0].Bytes(), wiretest.MACs(inMAC, serverMAC), wiretest.Dst("203.0.113.1:8080"), wiretest.ValidChecksums())
	if !slices.Equal(q.Packet.Bytes(), p.Packet.Bytes()[:20]) || !slices.Equal(q.Sent[0].Bytes(), p.Sent[0].Bytes()[:20]) ||
		q.Packet.Length != p.Packet.Length || q.Sent[0].Length != p.Sent[0].Length || len(q.Sent[0].Changes) == 0 {
		t.Errorf("cut: %+v", q)
	}
	for _, r := range []*explain.Record{p, q} {
		check(t, explain.NewText(io.Discard, explain.Style{}).Print(r))
	}
	long.ended()
	short.ended()
}

// TestTraceFilter: several traces see each what they want, and the end of one
// leaves the others.
func TestTraceFilter(t *testing.T) {
	x := newDirected(t)
	odd := x.trace(t, api.TraceRequest{Filter: "src port 40001 or 40003"})
	all := x.trace(t, api.TraceRequest{Packets: 4})
	for n := range 4 {
		x.arrive(request(n, wire.SYN))
	}
	for n := range 4 {
		if p := all.packet(); !strings.Contains(p.Packet.Summary, flow(n).Src) {
			t.Errorf("packet %d: %+v", n, p)
		}
	}
	all.ended()
	for _, n := range []int{1, 3} {
		if p := odd.packet(); !strings.Contains(p.Packet.Summary, flow(n).Src) {
			t.Errorf("packet %d: %+v", n, p)
		}
	}
	if x.director.Lane(0).Observer() == nil {
		t.Fatal("the end of one trace has ended the other")
	}
	odd.leave()
	<-odd.done
	if x.director.Lane(0).Observer() != nil {
		t.Error("an observer is left behind a client that has gone")
	}
}

// TestTraceRate: above the rate packets are not traced, but counted, and
// forwarded as ever.
func TestTraceRate(t *testing.T) {
	q := api.TraceRequest{Rate: 40}
	tr, err := newTrace(&q)
	if err != nil {
		t.Fatal(err)
	}
	x := newDirected(t)
	check(t, x.tracing.add(tr))
	for n := range 30 {
		x.arrive(request(n, wire.SYN))
	}
	if n := len(tr.queue); n != 10 || tr.skipped.Load() != 20 {
		t.Errorf("%d traced and %d skipped, want a quarter of a second's 10 and the other 20", n, tr.skipped.Load())
	}
	tr.refill()
	for n := range 30 {
		x.arrive(request(n, wire.ACK))
	}
	if n := len(tr.queue); n != 12 {
		t.Errorf("%d traced after a refill, want 2 more", n)
	}
	if n := x.forwarded(); n != 60 {
		t.Errorf("%d packets forwarded, want 60", n)
	}
	for range 2 * refills { // nothing came for two seconds
		tr.refill()
	}
	if n := tr.tokens.Load(); n != 10 {
		t.Errorf("%d saved up, want 10", n)
	}
}

// TestTraceSlowClient: what a client does not take is lost to it alone, and said.
func TestTraceSlowClient(t *testing.T) {
	x := newDirected(t)
	q := api.TraceRequest{Rate: api.MaxTraceRate, Packets: 2 * traceQueue}
	tr, err := newTrace(&q)
	if err != nil {
		t.Fatal(err)
	}
	check(t, x.tracing.add(tr))
	for n := range traceQueue + 100 {
		x.arrive(request(n%500, wire.SYN))
	}
	if n := len(tr.queue); n != traceQueue || tr.lost.Load() != 100 {
		t.Fatalf("%d wait and %d are lost", n, tr.lost.Load())
	}
	if n := x.forwarded(); n != traceQueue+100 {
		t.Errorf("%d packets forwarded", n)
	}
	told := 0
	f := follower{d: x.Daemon, t: tr, q: &q, names: map[uint16]string{}, yield: func(l api.TraceLine) error {
		if told++; (l.Packet.Lost == 100) != (told == 1) {
			t.Errorf("line %d tells of %d lost", told, l.Packet.Lost)
		}
		return nil
	}}
	for range traceQueue {
		check(t, f.tell(<-tr.queue))
	}
	if tr.held.Load() != 0 || tr.left.Load() != traceQueue {
		t.Errorf("%d bytes held, %d packets owed", tr.held.Load(), tr.left.Load())
	}
}

// TestTraceMemory: large frames that wait are bounded by their bytes.
func TestTraceMemory(t *testing.T) {
	q := api.TraceRequest{}
	tr, err := newTrace(&q)
	if err != nil {
		t.Fatal(err)
	}
	s := &sighting{bytes: traceBytes / 3}
	for range 5 {
		tr.offer(s)
	}
	if len(tr.queue) != 3 || tr.lost.Load() != 2 {
		t.Errorf("%d wait, %d lost", len(tr.queue), tr.lost.Load())
	}
}

func TestTraceRefused(t *testing.T) {
	x := newDirected(t)
	for _, q := range []struct {
		api.TraceRequest
		code api.Code
		want string
	}{
		{api.TraceRequest{Filter: "tcp prot 80"}, api.Invalid, `filter "tcp prot 80": column 5: "prot" is one too many`},
		{api.TraceRequest{Packets: -1}, api.OutOfRange, "-1 packets"},
		{api.TraceRequest{Rate: api.MaxTraceRate + 1}, api.OutOfRange, "100001 packets a second: not from 1 to 100000"},
		{api.TraceRequest{Duration: -1}, api.OutOfRange, "duration -1ns"},
		{api.TraceRequest{SnapLen: -1}, api.OutOfRange, "-1 bytes"},
	} {
		err := x.Trace(t.Context(), q.TraceRequest, nil)
		if api.CodeOf(err) != q.code || !strings.Contains(err.Error(), q.want) {
			t.Errorf("%+v: %v", q.TraceRequest, err)
		}
	}
	for range api.MaxTraces {
		check(t, x.tracing.add(&trace{filter: &pcapfilter.Program{}}))
	}
	if err := x.Trace(t.Context(), api.TraceRequest{}, nil); api.CodeOf(err) != api.Conflict {
		t.Errorf("one trace too many: %v", err)
	}
}

// TestTraceDuration: a trace ends by itself.
func TestTraceDuration(t *testing.T) {
	c := newDirected(t).trace(t, api.TraceRequest{Duration: time.Nanosecond})
	if e := c.ended(); e.Why != "duration" || e.Packets != 0 {
		t.Errorf("ended %+v", e)
	}
}

// TestTraceWorkers: a trace looks at every worker's packets.
func TestTraceWorkers(t *testing.T) {
	d, _ := newTestDaemon(t, Options{Workers: 3})
	tr, err := newTrace(&api.TraceRequest{})
	check(t, err)
	check(t, d.tracing.add(tr))
	seen := map[dataplane.Observer]bool{}
	for i := range 3 {
		seen[d.director.Lane(i).Observer()] = true
	}
	if len(seen) != 3 || seen[nil] {
		t.Errorf("the lanes have %d observers", len(seen))
	}
	if d.Info().Traces != 1 {
		t.Errorf("%d traces are said to be under way", d.Info().Traces)
	}
	d.tracing.remove(tr)
	for i := range 3 {
		if d.director.Lane(i).Observer() != nil {
			t.Errorf("worker %d goes on looking", i)
		}
	}
}

// TestTraceAsksOnly: to ask about a packet allocates nothing, whatever the
// answer.
func TestTraceAsksOnly(t *testing.T) {
	p := wiretest.TCP(flow(0), wire.ACK, nil)
	for _, filter := range []string{"", "tcp port 80", "tcp port 8080", "host 192.0.2.99", "udp or port 9", "portrange 1-100 and not ip6"} {
		tr, err := newTrace(&api.TraceRequest{Filter: filter, Rate: 1})
		check(t, err)
		o := newObserver([]*trace{tr, tr})
		if n := testing.AllocsPerRun(100, func() { o.Wants(p) }); n != 0 {
			t.Errorf("%q: %v allocations", filter, n)
		}
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// BenchmarkTrace is one packet of a known connection through a worker with ports
// in memory, in turns without a trace and with one that it does not match. The
// least of the turns counts: what a packet costs, not what the neighbours do.
func BenchmarkTrace(b *testing.B) {
	for _, filter := range []string{"tcp port 8080", "host 192.0.2.99", "tcp port 80 and host 192.0.2.99", "udp port 53 or icmp", "portrange 8000-9000"} {
		b.Run(filter, func(b *testing.B) { benchTrace(b, filter) })
	}
}

func benchTrace(b *testing.B, filter string) {
	x := newDirected(b)
	const conns = 500
	for n := range conns {
		x.arrive(request(n, wire.SYN), request(n, wire.ACK))
	}
	for _, p := range x.eth {
		p.Reset()
		p.Discard(true)
	}
	tr, err := newTrace(&api.TraceRequest{Filter: filter})
	check(b, err)
	batch := make([]memport.Frame, dataplane.BatchSize)
	for i := range batch {
		batch[i].Data = request(i, wire.ACK)
	}
	turn := func() time.Duration {
		const rounds = 256
		var took time.Duration
		for range rounds {
			x.eth[0].InjectFrames(batch...)
			start := time.Now()
			x.w.Round()
			took += time.Since(start)
		}
		return took / (rounds * dataplane.BatchSize / 1000) // per 1000 packets
	}
	least := [2]time.Duration{time.Hour, time.Hour}
	for b.Loop() {
		least[0] = min(least[0], turn())
		check(b, x.tracing.add(tr))
		least[1] = min(least[1], turn())
		x.tracing.remove(tr)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(least[0])/1000, "off-ns/packet")
	b.ReportMetric(float64(least[1])/1000, "on-ns/packet")
	b.ReportMetric(float64(least[1])/float64(least[0]), "on/off")
	if n := tr.skipped.Load() + tr.lost.Load() + uint64(len(tr.queue)); n != 0 {
		b.Fatalf("%d packets match", n)
	}
}

// BenchmarkTell is what a traced packet costs beside its worker: its Record, as
// JSON.
func BenchmarkTell(b *testing.B) {
	for _, size := range []int{0, 1400, 60_000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) { benchTell(b, size) })
	}
}

func benchTell(b *testing.B, size int) {
	x := newDirected(b)
	x.arrive(request(0, wire.SYN), request(0, wire.ACK))
	tr, err := newTrace(&api.TraceRequest{SnapLen: 128})
	check(b, err)
	check(b, x.tracing.add(tr))
	p := wiretest.TCP(flow(0), wire.ACK, wiretest.Payload(size), wiretest.WithMACs(clientMAC, outMAC), wiretest.WithGSO(1400))
	x.eth[0].InjectFrames(memport.Frame{Data: p.Frame(), Offload: p.Offload})
	for x.w.Round() {
	}
	s := <-tr.queue
	f := follower{d: x.Daemon, t: tr, q: &api.TraceRequest{SnapLen: 128}, names: map[uint16]string{}, yield: func(api.TraceLine) error { return nil }}
	b.ReportAllocs()
	for b.Loop() {
		check(b, f.tell(s))
	}
}
