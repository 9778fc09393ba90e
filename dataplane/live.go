package dataplane

import (
	"sync"
	"sync/atomic"
	"time"

	"ulvs/dataplane/nexthop"
	"ulvs/forward"
	"ulvs/sched"
	"ulvs/service"
	"ulvs/sysctl"
	"ulvs/wire"
)

// Server is the live side of one real server: what outlives an edit, and, as
// long as connections refer to it, even its deletion (ip_vs's trash list). A
// connection names it by its index.
type Server struct {
	sched.Server // counts and weight, as the scheduler sees them
	service      atomic.Pointer[Service]
	conf         atomic.Pointer[service.RealServer]
	stats        counters
	tunnel       atomic.Pointer[forward.Tunnel] // how packets get to it by the method tunnel
	hop          atomic.Pointer[nexthop.Hop]    // last answer for Addr; stale if its Gen is
	path         atomic.Pointer[path]           // learnt from ICMP about our tunnel packets; nil unknown
	sentMTU      atomic.Int32                   // path MTU that the last tunnel packet was sent by, 0 none yet
	// refs counts the connections and templates that name this server. It is
	// apart from the counts that schedulers see, since those cannot be read as
	// one: a connection that moves between them could be missed.
	refs atomic.Int32
	// lastWeight is the last one above 0 since the server was added. Guarded by
	// Director.mu.
	lastWeight int32
	origin
}

// origin tells whoever keeps something about a service or server over time
// which one it is: a number that no other has had, and the counters at its
// beginning. A server that is deleted and added again has another, even where
// it goes on from the trash with its counters. Guarded by Director.mu.
type origin struct {
	instance uint64
	born     Stats
}

// path is what a router said about the way to a real server.
type path struct {
	mtu   int // largest IP packet in bytes
	until time.Duration
}

// Service is the live side of one virtual service.
type Service struct {
	// mu guards sched, list and the bind of a server's counts to a pick, so
	// that many workers pick as one.
	mu    sync.Mutex
	sched sched.Scheduler
	list  []*sched.Server // kernel order: newest first

	key   service.Key
	conf  atomic.Pointer[service.VirtualService]
	addr  wire.Addr
	gone  atomic.Bool // deleted from the table
	stats counters
	origin
}

// view is one immutable snapshot of the configuration, as the packet path
// reads it: loaded once per batch.
type view struct {
	table    *service.Table
	services serviceSet
	vips     vipSet
	nats     vipSet    // addresses of NAT servers, deleted ones with connections too
	marks    *markSet  // nil: no mark leads to a service
	ftp      bool      // there is an FTP service
	has4     bool      // there are services of IPv4
	has6     bool      // and of IPv6
	servers  []*Server // by index; entries of freed indexes are nil
	settings sysctl.Settings
	reals    realSet // for nat_icmp_send; nil without it
}

// setFamilies notes which families have services.
func (v *view) setFamilies(t *service.Table) {
	for _, e := range t.Services() {
		if e.Is6() {
			v.has6 = true
		} else {
			v.has4 = true
		}
	}
}

// idle reports whether there is no service of p's family. Then ip_vs takes no
// part in it: clients' packets reach the host's own stack and servers' pass as
// they are, connections or not (kernel ip_vs_ctl.c: it hooks in by family).
func (v *view) idle(p *wire.Packet) bool {
	if p.Is6() {
		return !v.has6
	}
	return !v.has4
}

// server returns the server of an index, nil if it has been freed.
func (v *view) server(i uint32) *Server {
	if int(i) >= len(v.servers) {
		return nil
	}
	return v.servers[i]
}

// match finds the virtual service of a new connection, in the order of kernel
// ip_vs_ctl.c, ip_vs_service_find: firewall mark, exact address and port, the
// address's FTP service for what may be its data, port 0.
func (v *view) match(p *wire.Packet) *Service {
	if v.marks != nil {
		if s := v.marks.service(p); s != nil {
			return s
		}
	}
	key := svcKey{p.Dst, p.DstPort, p.Proto}
	if s := v.services.get(&key); s != nil {
		return s
	}
	if v.ftp && p.Proto == wire.ProtoTCP && (p.DstPort == ftpDataPort || p.DstPort >= lowPorts) {
		key.port = ftpPort
		if s := v.services.get(&key); s != nil {
			return s.ifPersistent()
		}
	}
	key.port = 0
	return v.services.get(&key)
}

// lowPorts are the ports that no passive FTP server opens for data.
const lowPorts = 1024

// ifPersistent: FTP data ports belong to a persistent service only; with
// another the packet is nobody's (kernel ip_vs_core.c, ip_vs_schedule and
// ip_vs_leave).
func (s *Service) ifPersistent() *Service {
	if s.conf.Load().Persistent == 0 {
		return nil
	}
	return s
}

// isData reports whether a packet that match found s for is for an FTP data
// port. One that no server can take is passed on, as it may be for another
// service of the host (kernel ip_vs_core.c, ip_vs_leave).
func (s *Service) isData(p *wire.Packet) bool {
	return s.key.Port == ftpPort && p.DstPort != ftpPort
}

// vipSet answers "is this one of the virtual addresses?" for every packet: an
// open-addressed table at most a quarter full, so that nearly every probe ends
// at its first slot.
type vipSet struct {
	slots []wire.Addr
	mask  uint32
}

// newVIPSet builds the set of addrs.
func newVIPSet(addrs map[wire.Addr]bool) vipSet {
	size := uint32(8)
	for int(size) < 4*len(addrs) {
		size *= 2
	}
	s := vipSet{slots: make([]wire.Addr, size), mask: size - 1}
	for a := range addrs {
		i := s.slot(&a)
		for !s.slots[i].IsZero() {
			i = (i + 1) & s.mask
		}
		s.slots[i] = a
	}
	return s
}

// slot is where the search for a begins.
func (s *vipSet) slot(a *wire.Addr) uint32 {
	w0, w1 := a.Words()
	return uint32((w0^w1)*0x9e3779b97f4a7c15>>40) & s.mask
}

// has reports whether a is in the set.
func (s *vipSet) has(a *wire.Addr) bool {
	for i := s.slot(a); ; i = (i + 1) & s.mask {
		if s.slots[i] == *a {
			return !a.IsZero() // which is how free slots look, and what :: is
		}
		if s.slots[i].IsZero() {
			return false
		}
	}
}
