package nexthop

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"ulvs/wire"
)

// Config bounds a Table. Zero fields take the defaults.
type Config struct {
	Seed          uint64 // random: keeps outsiders from preparing hash collisions
	MaxNeighbours int    // entries kept; default 4096
	QueueFrames   int    // frames held for one neighbour; default 64
	QueueBytes    int    // bytes held for one neighbour; default 256 KiB
	TotalBytes    int    // bytes held for all; default 8 MiB
}

// setDefaults fills in what is zero.
func (c *Config) setDefaults() {
	for _, f := range []struct {
		field *int
		value int
	}{{&c.MaxNeighbours, 4096}, {&c.QueueFrames, 64}, {&c.QueueBytes, 256 << 10}, {&c.TotalBytes, 8 << 20}} {
		if *f.field == 0 {
			*f.field = f.value
		}
	}
}

// Table is the director's view of what surrounds the host. Make one with New.
type Table struct {
	// Readers' side.
	snap  atomic.Pointer[snapshot]
	gen   atomic.Uint32
	stats counters
	// What Tick looks at before it takes the lock: whether urgent is filled,
	// and the next scan in nanoseconds of the injected clock.
	hasUrgent atomic.Bool
	nextScan  atomic.Int64

	mu        sync.Mutex // guards all below, and publishing snap
	cfg       Config
	links     []Link
	addresses []Address
	routes    []Route
	virtual   map[wire.Addr]bool
	queued    int // bytes in all queues
	urgent    []*neighbour
	kernel    map[place]Neighbour // as netlink tells, also for links without a port
	clock     time.Duration       // of the last Tick that held the lock
	refresh   time.Duration       // when the next refresh is due
	dirty     bool                // the next scan shall sweep
}

// snapshot is what Lookup reads. It is replaced as a whole, except that
// neighbours are added to its index and get their hops in place.
type snapshot struct {
	starts     []key128 // where each span of the address space begins, ascending
	paths      []*path  // what happens to the span that begins there
	links      []Link
	neighbours *index
}

// path is what becomes of destinations in one span: a final status, or a
// gateway, or, with via nil, the destination is itself the neighbour.
type path struct {
	status Status
	link   int       // interface index
	source wire.Addr // preferred by the route; may be zero
	via    *neighbour
}

// New returns a table that knows no link and routes nothing.
func New(cfg Config) *Table {
	cfg.setDefaults()
	t := &Table{cfg: cfg}
	t.kernel = make(map[place]Neighbour)
	t.snap.Store(&snapshot{neighbours: newIndex(cfg)})
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rebuild()
	return t
}

// Lookup finds the next hop toward dst. The Hop is nil unless the status is
// Ready. It marks the neighbour as used, which keeps it fresh.
func (t *Table) Lookup(dst wire.Addr) (*Hop, Status) {
	s := t.snap.Load()
	p := s.path(dst)
	if p.status != Ready {
		return nil, p.status
	}
	n := p.via
	if n == nil {
		if n = s.neighbours.find(p.link, dst); n == nil {
			return nil, Unresolved
		}
	}
	return n.use()
}

// path finds the span that dst lies in.
func (s *snapshot) path(dst wire.Addr) *path {
	k := keyOf(dst)
	base, n := 0, len(s.starts)
	for n > 1 {
		half := n / 2
		if !k.less(s.starts[base+half]) {
			base += half
		}
		n -= half
	}
	return s.paths[base]
}

// Gen changes whenever a Hop that Lookup gave out may no longer hold, and
// every few seconds besides, so that those who cache hops come back to Lookup
// and keep the neighbour marked as used.
func (t *Table) Gen() uint32 { return t.gen.Load() }

// IsLocal reports whether a is the host's: an address of one of its
// interfaces, loopback, or covered by a route of type Local.
func (t *Table) IsLocal(a wire.Addr) bool { return t.snap.Load().path(a).status == LocalHost }

// LinkOf returns the link of a port.
func (t *Table) LinkOf(port uint16) (Link, bool) {
	for _, l := range t.snap.Load().links {
		if l.Port == port {
			return l, true
		}
	}
	return Link{}, false
}

// SetLinks replaces the interfaces that have ports. Neighbours of interfaces
// that are gone or down are forgotten.
func (t *Table) SetLinks(links []Link) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.links = slices.Clone(links)
	t.rebuild()
	for _, k := range t.kernel {
		t.apply(k)
	}
}

// SetAddresses replaces the host's addresses.
func (t *Table) SetAddresses(addresses []Address) {
	t.change(func() { t.addresses = slices.Clone(addresses) })
}

// SetRoutes replaces the routes.
func (t *Table) SetRoutes(routes []Route) {
	t.change(func() { t.routes = slices.Clone(routes) })
}

// SetVirtual replaces the virtual addresses, which are never the source of an
// ARP request nor of a Hop, even where they are configured on the host: real
// servers carry them too and would ignore such a request.
func (t *Table) SetVirtual(vips []wire.Addr) {
	t.change(func() {
		t.virtual = make(map[wire.Addr]bool, len(vips))
		for _, a := range vips {
			t.virtual[a] = true
		}
	})
}

// change applies f under the lock and builds everything anew.
func (t *Table) change(f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f()
	t.rebuild()
}

// rebuild publishes a snapshot of the present state under a new generation.
// The lock is held.
func (t *Table) rebuild() {
	for n := range t.snap.Load().neighbours.all() {
		n.gateway, n.source = false, wire.Addr{}
	}
	s := &snapshot{links: t.links, neighbours: t.kept()}
	s.starts, s.paths = t.spans(s)
	t.publish(s)
}

// sweep forgets neighbours that nobody needs and renews all hops, under a new
// generation. The lock is held.
func (t *Table) sweep() {
	s := *t.snap.Load()
	s.neighbours = t.kept()
	t.publish(&s)
}

// publish makes s what readers see.
func (t *Table) publish(s *snapshot) {
	gen := t.gen.Load() + 1
	for n := range s.neighbours.all() {
		t.setHop(s, n, gen)
	}
	t.snap.Store(s)
	t.gen.Store(gen)
	t.dirty = false
}

// link returns the link with the given interface index, nil if it has no port.
func (t *Table) link(index int) *Link {
	for i := range t.links {
		if t.links[i].Index == index {
			return &t.links[i]
		}
	}
	return nil
}
