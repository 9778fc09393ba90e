package sched

import (
	"slices"
	"time"
)

// localityReplicated is lblc with a set of servers for each destination, which
// grows while they are overloaded: wlc picks in the set, and if that one is
// overloaded or there is none, among all, which joins the set. Of a set that
// has not changed for the expiration the most loaded member leaves, one at a
// pick.
//
//	overloaded: active > weight, and some server has 2 * active < weight
//
// Source: kernel ip_vs_lblcr.c. Cost: a look-up and a walk over the set, and
// wlc's for a new member. Memory: about 130 bytes a destination, at most 65,536
// of them, and 8 a member, at most 1,048,576 of these.
type localityReplicated struct{ locality }

func newLocalityReplicated(c *Config) Scheduler {
	return &localityReplicated{newLocality(&c.Tunables.LBLCRExpiration)}
}

func (l *localityReplicated) Name() string { return "lblcr" }

// Pick allocates only what a new destination or member needs.
func (l *localityReplicated) Pick(f *Flow) *Server {
	l.update()
	d := l.known.find(f)
	if d == nil {
		s := l.least()
		if s != nil {
			l.known.add(f, s)
		}
		return s
	}
	s := walk(d.servers, l.scoreMember)
	if l.shrinks(d, f.Now) {
		l.known.leave(d, mostLoaded(d.servers), f.Now)
	}
	if s != nil && !l.overloaded(s) {
		return s
	}
	s = l.least()
	if s != nil && !slices.Contains(d.servers, s) {
		l.known.join(d, s, f.Now)
	}
	return s
}

// shrinks reports whether a set has not changed for so long that a member is to
// leave.
func (l *localityReplicated) shrinks(d *destination, now time.Duration) bool {
	return len(d.servers) > 1 && now > d.changed+l.known.lifetime()
}

// scoreMember is wlc's rule for a member of a set, which may have been removed.
func (l *localityReplicated) scoreMember(s *Server) (load, weight uint64) {
	if !l.has(s) {
		return 0, 0
	}
	return scoreWLC(s)
}

// mostLoaded returns the index of the server with the most overhead per weight,
// the first of equals, usable or not; -1 if all have weight 0.
func mostLoaded(servers []*Server) int {
	most := -1
	var mostLoad, mostWeight uint64
	for i, s := range servers {
		load, weight := scoreWLC(s)
		if weight > 0 && (most < 0 || productLess(mostLoad, weight, load, mostWeight)) {
			most, mostLoad, mostWeight = i, load, weight
		}
	}
	return most
}
