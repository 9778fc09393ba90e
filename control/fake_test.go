package control

import (
	"context"
	"net/netip"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"ulvs/control/api"
	"ulvs/service"
	"ulvs/sysctl"
)

// fakeBackend is a daemon that only keeps its table.
type fakeBackend struct {
	mu       sync.Mutex
	table    *service.Table
	timeouts api.Timeouts
	settings sysctl.Settings
	zeroed   []*service.Key
	batches  []int         // their lengths
	conns    int           // how many connections it lists
	untraced chan struct{} // closed at the end of a trace
}

func newFakeBackend() *fakeBackend {
	return &fakeBackend{table: service.NewTable(), timeouts: api.DefaultTimeouts, settings: sysctl.Defaults(), untraced: make(chan struct{})}
}

func (b *fakeBackend) Apply(c service.Change) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	next, err := b.table.Apply(c)
	if err == nil {
		b.table = next
	}
	return err
}

func (b *fakeBackend) ApplyAll(changes []service.Change) (errs []error) {
	b.batches = append(b.batches, len(changes))
	for _, c := range changes {
		errs = append(errs, b.Apply(c))
	}
	return errs
}

func (b *fakeBackend) State() api.State {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := api.State{Version: api.Version, Size: api.DefaultSize}
	for _, e := range b.table.Services() {
		v := api.ServiceState{VirtualService: e.VirtualService}
		for _, r := range e.Servers {
			v.Servers = append(v.Servers, api.ServerState{RealServer: r, Active: 3})
		}
		s.Services = append(s.Services, v)
	}
	return s
}

func (b *fakeBackend) Connections(yield func(api.Connection) bool) {
	for i := range b.conns {
		client := netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), uint16(i))
		if !yield(api.Connection{Protocol: service.TCP, Client: client, State: "ESTABLISHED", Method: service.DR}) {
			return
		}
	}
}

func (b *fakeBackend) Marks() []service.MarkRule {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.table.Marks()
}

func (b *fakeBackend) SetMarks(m api.SetMarks) error {
	if m.Was != nil && !slices.Equal(*m.Was, b.Marks()) {
		return api.Errorf(api.Conflict, "changed meanwhile")
	}
	return b.Apply(service.Change{Op: service.SetMarks, Marks: m.Rules})
}

func (b *fakeBackend) Timeouts() api.Timeouts { return b.timeouts }

func (b *fakeBackend) SetTimeouts(t api.Timeouts) error {
	b.timeouts = t
	return nil
}

func (b *fakeBackend) Settings() sysctl.Settings { return b.settings }

func (b *fakeBackend) SetSettings(all []sysctl.Assignment) (err error) {
	b.settings, err = b.settings.SetAll(all)
	return err
}

func (b *fakeBackend) Zero(key *service.Key) error {
	b.zeroed = append(b.zeroed, key)
	return nil
}

func (b *fakeBackend) Info() api.Info       { return api.Info{Version: api.Version, PID: 7, Build: "test"} }
func (b *fakeBackend) Reasons() api.Reasons { return api.Reasons{"forwarded-dr": 1 << 60} }

// Trace tells of packets until the client leaves, of b.traced at most.
func (b *fakeBackend) Trace(ctx context.Context, q api.TraceRequest, yield func(api.TraceLine) error) error {
	if q.Rate < 0 {
		return api.Errorf(api.OutOfRange, "a negative rate")
	}
	defer close(b.untraced)
	if err := yield(api.TraceLine{Started: &api.TraceStarted{Version: api.Version, Rate: 7}}); err != nil {
		return err
	}
	for i := range q.Packets {
		if err := yield(api.TraceLine{Packet: &api.TracePacket{Lost: uint64(i), Record: []byte(`{"number":1}`)}}); err != nil {
			return err
		}
	}
	if q.Packets == 0 {
		<-ctx.Done()
		return ctx.Err()
	}
	return yield(api.TraceLine{Ended: &api.TraceEnded{Why: "packets", Packets: uint64(q.Packets)}})
}

// serve runs a server of b at a new socket and returns its path. The test ends
// with the server.
func serve(t *testing.T, b Backend) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "d.sock")
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, l, b) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return path
}

// client returns a client of a server of b.
func client(t *testing.T, b Backend) *Client {
	t.Helper()
	c := NewClient(serve(t, b))
	t.Cleanup(c.Close)
	return c
}

// web is a service with a real server for tests.
var (
	web = service.VirtualService{
		Key:       service.Key{Protocol: service.TCP, Addr: netip.MustParseAddr("198.51.100.1"), Port: 80},
		Scheduler: "wrr", Persistent: time.Minute, SchedFlag: []string{"flag-1"},
	}
	webServer = service.RealServer{
		Addr: netip.MustParseAddr("203.0.113.1"), Port: 8080, Method: service.NAT, Weight: 3, Upper: 9, Lower: 4,
	}
)
