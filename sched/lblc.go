package sched

import "time"

// localityLeastConn keeps each destination at one server, so that a cache finds
// what it has: for services of many addresses, by firewall mark. A destination
// stays at its server while that one is in the list, has weight, and is not
// overloaded: it has more active connections than its weight while another has
// fewer than half of its own. Else wlc picks, and is remembered. An upper
// threshold that is reached closes a server to wlc's picks only, not to the
// destinations it has.
//
//	overloaded: active > weight, and some server has 2 * active < weight
//
// Source: kernel ip_vs_lblc.c. Cost: a look-up, and wlc's for a new choice;
// whether some server is under half is known without a walk. Memory: about 130
// bytes a destination, at most 65,536 of them.
type localityLeastConn struct {
	ranking
	known destinations
}

func newLocalityLeastConn(c *Config) Scheduler {
	return &localityLeastConn{newRanking(scoreWLC), destinations{life: &c.Tunables.LBLCExpiration}}
}

func (l *localityLeastConn) Name() string { return "lblc" }

// Init forgets all destinations.
func (l *localityLeastConn) Init(list []*Server) {
	l.ranking.Init(list)
	l.known = destinations{life: l.known.life}
}

// Added gives s the destinations that it had before it was removed.
func (l *localityLeastConn) Added(list []*Server, s *Server) {
	l.ranking.Added(list, s)
	l.known.back(s, &l.ranking)
}

// Pick allocates only what a new destination needs.
func (l *localityLeastConn) Pick(f *Flow) *Server {
	l.update()
	d := l.known.find(f)
	if d != nil && l.fits(d.servers[0]) {
		return d.servers[0]
	}
	s := l.least()
	switch {
	case s == nil:
	case d != nil:
		d.servers[0] = s
	default:
		l.known.add(f, s)
	}
	return s
}

func (l *localityLeastConn) fits(s *Server) bool {
	return l.has(s) && !s.Deleted.Load() && s.Weight.Load() > 0 && !l.overloaded(s)
}

// Tick drops destinations nobody asks for.
func (l *localityLeastConn) Tick(now time.Duration) { l.known.tick(now) }
