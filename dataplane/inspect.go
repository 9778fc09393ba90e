package dataplane

import (
	"ulvs/service"
)

// ServerView is one real server as configured, with its live counts.
type ServerView struct {
	service.RealServer
	Active, Inactive, Persistent int32
	Stats                        Stats // since the last reset
	Raw                          Stats // since the beginning, for rates
	ID                           uint32
	Origin
}

// Origin tells one service or server from all others that there have been, also
// under the same key. Revived by being added again it counts as another.
type Origin struct {
	Instance uint64
	Born     Stats // what Raw was when it was added
}

// view shows the origin.
func (o *origin) view() Origin { return Origin{o.instance, o.born} }

// ServiceView is one virtual service with its live counts and servers.
type ServiceView struct {
	service.VirtualService
	Stats   Stats
	Raw     Stats
	Servers []ServerView // kernel order: newest first
	Origin
}

// Inspect returns the configuration with all counts. It does not disturb the
// packet path; counts of different servers may be a batch apart.
func (d *Director) Inspect() (services []ServiceView, total, totalRaw Stats) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range d.view.Load().table.Services() {
		s := d.services[e.Key]
		v := ServiceView{VirtualService: e.VirtualService, Stats: s.stats.shown(), Raw: s.stats.raw(), Origin: s.origin.view()}
		s.mu.Lock()
		list := s.list
		s.mu.Unlock()
		for _, ss := range list {
			v.Servers = append(v.Servers, d.all[ss.ID].inspect())
		}
		services = append(services, v)
	}
	return services, d.total.shown(), d.total.raw()
}

// inspect returns the server's settings and counts.
func (s *Server) inspect() ServerView {
	return ServerView{
		RealServer: *s.conf.Load(), ID: s.ID, Origin: s.origin.view(),
		Active: s.Active.Load(), Inactive: s.Inactive.Load(), Persistent: s.Persistent.Load(),
		Stats: s.stats.shown(), Raw: s.stats.raw(),
	}
}

// Zero makes the shown counters of one service and its servers start again
// from zero; with a nil key those of everything.
func (d *Director) Zero(key *service.Key) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if key == nil {
		for _, s := range d.services {
			d.zeroService(s)
		}
		d.total.reset()
		return nil
	}
	e := d.view.Load().table.Find(*key)
	if e == nil {
		return service.ErrNoService
	}
	d.zeroService(d.services[e.Key])
	return nil
}

// zeroService resets one service. d.mu is held.
func (d *Director) zeroService(s *Service) {
	s.stats.reset()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, ss := range s.list {
		d.all[ss.ID].stats.reset()
	}
}
