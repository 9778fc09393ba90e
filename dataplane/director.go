package dataplane

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"ulvs/conntrack"
	"ulvs/dataplane/defrag"
	"ulvs/dataplane/nexthop"
	"ulvs/sched"
	"ulvs/service"
	"ulvs/sysctl"
	"ulvs/wire"
)

// Config is what a Director is built from.
type Config struct {
	Conns   int    // capacity of the connection table, in connections
	Seed    uint64 // random, secret: seeds the connection hash
	Workers int    // number of lanes
	Ports   int    // number of ports the lanes can address; 0 means DefaultPorts
	Hops    *nexthop.Table
	Memory  []byte // for the connection table, ConnBytes(Conns) bytes; nil: allocate

	// Watch puts something of a test around each scheduler, to see its picks; nil:
	// nothing.
	Watch func(sched.Scheduler) sched.Scheduler
}

// ConnBytes is the memory of a table of so many connections, in bytes.
func ConnBytes(conns int) int { return conntrack.RegionSize(conns) }

// DefaultPorts is the number of ports a Director can address by default.
const DefaultPorts = 64

// Director decides what happens to each packet. It holds the configuration,
// the connection table and the live services; the packets themselves go
// through its lanes.
type Director struct {
	conns    *conntrack.Table
	timeouts *conntrack.Timeouts
	seed     uint64
	tunables *sched.Tunables
	watch    func(sched.Scheduler) sched.Scheduler // Config.Watch
	hops     *nexthop.Table
	lanes    []*Lane
	view     atomic.Pointer[view]
	frags    defrag.Table // shared: fragments of one datagram may come to several workers
	total    counters
	// generation counts published configurations, for whoever keeps something
	// derived from one (packet filter, host guard).
	generation atomic.Uint64
	dropRate   atomic.Int32 // one in so many new connections is dropped, 0 none; see settings.go

	mu       sync.Mutex // guards all below: the configuration side
	services map[service.Key]*Service
	all      []*Server // by index; views share it, so it only grows in place
	free     []uint32
	trash    map[trashKey]*Server
	retired  []retiree
	// instances counts the services and servers there have been.
	instances uint64
	// interfaces holds the port numbers of interfaces by name, for mark rules.
	interfaces map[string]uint16
	garp       []announcement // addresses still to be announced by Tick
	// announcing says that garp is not empty, to Tick, which holds no lock.
	announcing atomic.Bool
}

// New makes a Director without services.
func New(c Config) (*Director, error) {
	if c.Workers < 1 {
		return nil, fmt.Errorf("make director: %d workers, need at least 1", c.Workers)
	}
	if c.Ports == 0 {
		c.Ports = DefaultPorts
	}
	if c.Hops == nil {
		c.Hops = nexthop.New(nexthop.Config{Seed: c.Seed})
	}
	d := &Director{
		hops:     c.Hops,
		timeouts: conntrack.NewTimeouts(),
		seed:     c.Seed,
		tunables: sched.NewTunables(),
		watch:    c.Watch,
		services: make(map[service.Key]*Service),
		trash:    make(map[trashKey]*Server),
	}
	conns, err := conntrack.New(conntrack.Config{Capacity: c.Conns, Seed: c.Seed, Region: c.Memory, Expired: d.expired})
	if err != nil {
		return nil, fmt.Errorf("make director: %w", err)
	}
	d.conns = conns
	d.view.Store(&view{table: service.NewTable(), vips: newVIPSet(nil), nats: newVIPSet(nil), settings: sysctl.Defaults()})
	for i := range c.Workers {
		d.lanes = append(d.lanes, newLane(d, i, c.Ports))
	}
	return d, nil
}

// Lane returns worker i's side of the Director.
func (d *Director) Lane(i int) *Lane { return d.lanes[i] }

// Handle passes one packet through the first lane as a batch of its own. It is
// for tests, captures and simulations; a worker uses its Lane. What shall be
// sent is in the Lane's queues until the next call.
func (d *Director) Handle(now time.Duration, p *wire.Packet) Verdict {
	l := d.lanes[0]
	l.Sent()
	l.Begin(now)
	defer l.End()
	return l.Handle(p)
}

// Table returns the current configuration.
func (d *Director) Table() *service.Table { return d.view.Load().table }

// Generation changes whenever the configuration does.
func (d *Director) Generation() uint64 { return d.generation.Load() }

// Conns returns the connection table.
func (d *Director) Conns() *conntrack.Table { return d.conns }

// Timeouts returns the timeouts, which may be changed at any time.
func (d *Director) Timeouts() *conntrack.Timeouts { return d.timeouts }

// Hops returns the next-hop table.
func (d *Director) Hops() *nexthop.Table { return d.hops }

// expired is called by the connection table, with the connection's shard
// locked, when a connection goes for whatever reason: its server has one less.
func (d *Director) expired(c *conntrack.Conn) {
	s := d.view.Load().server(c.Server())
	switch {
	case s == nil: // cannot be: the server stays while there are references
		return
	case c.Has(conntrack.Template):
		s.UnbindTemplate()
	default:
		s.Unbind(!c.Has(conntrack.Inactive))
	}
	s.refs.Add(-1) // last: from here on the index may be used again
}
