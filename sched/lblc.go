package sched

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
type localityLeastConn struct{ locality }

func newLocalityLeastConn(c *Config) Scheduler {
	return &localityLeastConn{newLocality(&c.Tunables.LBLCExpiration)}
}

func (l *localityLeastConn) Name() string { return "lblc" }

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
