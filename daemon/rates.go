package daemon

import (
	"sync"

	"ulvs/control/api"
	"ulvs/dataplane"
)

// estimator keeps the smoothed rates that ipvsadm --rate shows, as the kernel
// computes them (ip_vs_est.c): every two seconds avg += (sample - avg)/4, in
// fixed point, conns and packets scaled by 2^10, bytes by 2^5.
type estimator struct {
	mu    sync.Mutex
	all   map[uint64]*series // of services and servers, by instance
	total series
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
	return &estimator{all: map[uint64]*series{}}
}

// step takes one sample of everything; period is ratePeriod.
func (e *estimator) step(views []dataplane.ServiceView, total dataplane.Stats) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.total.sample(total)
	for i := range views {
		v := &views[i]
		e.series(v.Origin).sample(v.Raw)
		for j := range v.Servers {
			e.series(v.Servers[j].Origin).sample(v.Servers[j].Raw)
		}
	}
	e.forget()
}

// series returns the series of an instance, which begins with the counters that
// the instance began with.
func (e *estimator) series(o dataplane.Origin) *series {
	s := e.all[o.Instance]
	if s == nil {
		s = &series{last: o.Born}
		e.all[o.Instance] = s
	}
	return s
}

// forget drops the series that the pass did not touch.
func (e *estimator) forget() {
	for k, s := range e.all {
		if !s.seen {
			delete(e.all, k)
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

// of returns the rates of a service or server.
func (e *estimator) of(instance uint64) api.Rates {
	e.mu.Lock()
	defer e.mu.Unlock()
	if s := e.all[instance]; s != nil {
		return s.rates()
	}
	return api.Rates{}
}

// ofAll returns the rates of everything.
func (e *estimator) ofAll() api.Rates {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.total.rates()
}
