package daemon

import (
	"log/slog"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"

	"ulvs/dataplane/filter"
	"ulvs/internal/testns"
	"ulvs/service"
)

func TestMain(m *testing.M) { os.Exit(testns.Main(m)) }

// logbook keeps what was logged.
type logbook struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logbook) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

// count returns how many lines have the words.
func (l *logbook) count(words string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), words)
}

// newTestDaemon makes a daemon none of whose parts run.
func newTestDaemon(t testing.TB, o Options) (*Daemon, *logbook) {
	t.Helper()
	if o.RingMemory == 0 {
		o.RingMemory = DefaultRingMemory()
	}
	o.Workers, o.Capacity = max(o.Workers, 1), 1000
	log := &logbook{}
	d, err := newDaemon(o, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	return d, log
}

// web is a service and its NAT server.
var (
	web    = service.VirtualService{Key: service.Key{Protocol: service.TCP, Addr: netip.MustParseAddr("198.51.100.1"), Port: 80}, Scheduler: "rr"}
	server = service.RealServer{Addr: netip.MustParseAddr("203.0.113.1"), Port: 8080, Method: service.NAT, Weight: 1}
)

func endpointOf(s string) filter.Endpoint {
	a := netip.MustParseAddrPort(s)
	return filter.Endpoint{Addr: a.Addr(), Port: a.Port(), Proto: 6}
}

func mustApply(t *testing.T, d *Daemon, changes ...service.Change) {
	t.Helper()
	for _, c := range changes {
		if err := d.Apply(c); err != nil {
			t.Fatal(err)
		}
	}
}
