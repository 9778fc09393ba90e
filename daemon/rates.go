package daemon

import (
	"sync"

	"ulvs/control/api"
	"ulvs/dataplane"
	"ulvs/service"
)

// estimator keeps the smoothed rates that ipvsadm --rate shows, as the kernel
// computes them (ip_vs_est.c): every two seconds avg += (sample - avg)/4, in
// fixed point, conns and packets scaled by 2^10, bytes by 2^5.
type estimator struct {
	mu       sync.Mutex
	services map[service.Key]*series
	servers  map[serverKey]*series
	total    series
}

// serverKey names a real server across edits.
type serverKey struct {
	service service.Key
	id      uint32
}

// series is the estimator's memory of one set of counters.
type series struct {
	last dataplane.Stats
	avg  [5]int64
	seen bool // touched by the pass under way
}

// scales of the five averages: conns, packets in and out, bytes in and out.
var scales = [5]uint{10, 10, 10, 5, 5}

func newEstimator() *estimator {
	return &estimator{services: map[service.Key]*series{}, servers: map[serverKey]*series{}}
}

// step takes one sample of everything; period is ratePeriod.
func (e *estimator) step(views []dataplane.ServiceView, total dataplane.Stats) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.total.sample(total)
	for i := range views {
		v := &views[i]
		entry(e.services, v.Key).sample(v.Raw)
		for j := range v.Servers {
			entry(e.servers, serverKey{v.Key, v.Servers[j].ID}).sample(v.Servers[j].Raw)
		}
	}
	forget(e.services)
	forget(e.servers)
}

// entry returns the series of k, made if need be.
func entry[K comparable](m map[K]*series, k K) *series {
	s := m[k]
	if s == nil {
		s = &series{}
		m[k] = s
	}
	return s
}

// forget drops the series that the pass did not touch.
func forget[K comparable](m map[K]*series) {
	for k, s := range m {
		if !s.seen {
			delete(m, k)
		}
		s.seen = false
	}
}

// sample advances the averages by one step of two seconds.
func (s *series) sample(now dataplane.Stats) {
	s.seen = true
	deltas := [5]uint64{
		now.Conns - s.last.Conns,
		now.InPkts - s.last.InPkts, now.OutPkts - s.last.OutPkts,
		now.InBytes - s.last.InBytes, now.OutBytes - s.last.OutBytes,
	}
	for i, d := range deltas {
		rate := int64(d << (scales[i] - 1)) // per second: half of what two seconds brought
		s.avg[i] += (rate - s.avg[i]) >> 2
	}
	s.last = now
}

// rates rounds up as the kernel does when it shows them.
func (s *series) rates() api.Rates {
	up := func(i int) uint64 { return uint64(s.avg[i]+(1<<(scales[i]-1)-1)) >> scales[i] }
	return api.Rates{Conns: up(0), InPackets: up(1), OutPackets: up(2), InBytes: up(3), OutBytes: up(4)}
}

// of returns the rates of a service or, with an id, of one of its servers.
func (e *estimator) of(k service.Key) api.Rates {
	e.mu.Lock()
	defer e.mu.Unlock()
	if s := e.services[k]; s != nil {
		return s.rates()
	}
	return api.Rates{}
}

func (e *estimator) ofServer(k service.Key, id uint32) api.Rates {
	e.mu.Lock()
	defer e.mu.Unlock()
	if s := e.servers[serverKey{k, id}]; s != nil {
		return s.rates()
	}
	return api.Rates{}
}

func (e *estimator) all() api.Rates {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.total.rates()
}
