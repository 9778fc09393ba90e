package explain

import (
	"fmt"
	"net/netip"
	"time"

	"ulvs/dataplane"
	"ulvs/dataplane/memport"
	"ulvs/dataplane/nexthop"
	"ulvs/service"
	"ulvs/wire"
)

// Steps of an Engine's time.
const (
	// begin is when an Engine's time begins: late enough for anything to have
	// been long before.
	begin = time.Hour
	// tick is how often a worker does its upkeep; a long pause has mostTicks.
	tick      = 10 * time.Millisecond
	mostTicks = 32
	// settling is how long announcements take.
	settling = 5 * time.Second
	// expiry is how many timers are looked at in one go after a pause.
	expiry = 1 << 16
)

// DefaultConns is the capacity of an Engine's connection table.
const DefaultConns = 1 << 16

// Packet is one packet to be explained.
type Packet struct {
	// Source says where it comes from, for people: "flow 1", "a.pcap: packet 7".
	Source string
	// At is when it arrives, from the first on. A packet that is earlier than the
	// one before it arrives with that.
	At    time.Duration
	Frame memport.Frame
	// Unaddressed says that the frame came without a link header: the Engine
	// puts the hardware addresses of its own network into the one it has.
	Unaddressed bool
}

// Engine is a Director that explains what it does. Not safe for concurrent use.
type Engine struct {
	d       *dataplane.Director
	w       *dataplane.Worker
	ports   [2]*memport.Port
	hops    *nexthop.Table
	servers map[netip.Addr]bool // real servers' addresses
	stale   bool                // the configuration has changed: servers and hops are to be made anew
	now     time.Duration
	start   time.Duration // when the first packet came
	number  int
	record  *Record
}

// New returns an Engine without services. Whatever is drawn by lot comes of
// seed: the same packets and seed give the same Records.
func New(conns int, seed uint64) (*Engine, error) {
	e := &Engine{hops: newHops(seed), now: begin, stale: true, ports: [2]*memport.Port{memport.New(clientsPort), memport.New(serversPort)}}
	d, err := dataplane.New(dataplane.Config{Conns: conns, Seed: seed, Workers: 1, Ports: len(portNames), Hops: e.hops})
	if err != nil {
		return nil, fmt.Errorf("make explainer: %w", err)
	}
	e.d = d
	e.w = dataplane.NewWorker(d.Lane(0), memport.NewWaiter(e.ports[0], e.ports[1]), func() time.Duration { return e.now })
	names := map[string]uint16{}
	for i, p := range e.ports {
		p.Discard(true)
		e.w.SetPort(uint16(i), p)
		names[portNames[i]] = uint16(i)
	}
	d.SetInterfaces(names)
	d.Lane(0).Observe((*observer)(e))
	return e, nil
}

// Director returns the Director, to set it up before the first packet.
func (e *Engine) Director() *dataplane.Director { return e.d }

// Apply makes a change of the configuration.
func (e *Engine) Apply(c service.Change) error {
	e.stale = true
	return e.d.Apply(c)
}

// Explain takes one packet and returns what became of it.
func (e *Engine) Explain(p *Packet) *Record {
	if e.stale {
		e.settle()
	}
	if e.number == 0 {
		e.start = e.now
	}
	e.pass(max(e.now, e.start+p.At))
	e.number++
	e.record = nil
	e.ports[e.arrival(p)].InjectFrames(p.Frame)
	e.w.Round()
	r := e.record
	if r == nil { // nothing that memport hands over is refused
		panic("explain: a packet was not traced")
	}
	r.Number, r.Source = e.number, p.Source
	r.Time = (e.now - e.start).Seconds()
	return r
}

// settle makes the network around a changed configuration. Before the first
// packet it lets the announcements of the virtual addresses pass.
func (e *Engine) settle() {
	e.stale = false
	e.servers = connect(e.hops, e.d.Table())
	if e.number == 0 {
		e.pass(e.now + settling)
	}
}

// pass lets time go on.
func (e *Engine) pass(to time.Duration) {
	if to-e.now < tick {
		e.now = to
		return
	}
	for step := max(tick, (to-e.now)/mostTicks); e.now < to; {
		e.now = min(e.now+step, to)
		e.w.Round()
	}
	for e.d.Conns().Tick(e.now, expiry) > 0 {
	}
}

// arrival is the port that a packet arrives on: its source's.
func (e *Engine) arrival(p *Packet) int {
	port, mac := clientsPort, routerMAC
	q := wire.Packet{Buf: p.Frame.Data, End: len(p.Frame.Data)}
	if wire.Parse(&q) == wire.FaultNone && e.servers[q.Src.Netip()] {
		port, mac = serversPort, serverMAC(q.Src.Netip())
	}
	if p.Unaddressed {
		h := wire.Ethernet(p.Frame.Data)
		h.SetDst(portMACs[port])
		h.SetSrc(mac)
	}
	return port
}

// observer is the Engine as its Director's observer.
type observer Engine

// Wants implements dataplane.Observer.
func (o *observer) Wants(*wire.Packet) bool { return true }

// Traced implements dataplane.Observer.
func (o *observer) Traced(t *dataplane.Trace) {
	o.record = NewRecord(t, o.d.Table(), func(port uint16) string { return portNames[port] })
}
