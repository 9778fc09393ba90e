package sched

import (
	"fmt"
	"slices"
)

// Explain implements Explainer.
func (l *localityLeastConn) Explain(f *Flow) Explanation {
	l.update()
	e := newExplanation("The server that the destination had last is taken as long as it is in the list, "+
		"has weight and is not overloaded; else that of wlc, which is remembered.", l.list())
	e.fact("destination", "%s", f.Virtual)
	d := l.known.peek(f)
	if d == nil {
		e.fact("its server", "none: it is new or forgotten")
	} else {
		s := d.servers[0]
		l.judge(e, "its server", s)
		if l.fits(s) {
			if s.Overloaded.Load() {
				e.fact("threshold", "reached; it closes a server to the choices of wlc only")
			}
			e.choose(s, "the destination's server, still good")
			return *e
		}
	}
	l.replace(e, l.least())
	switch {
	case e.Chosen < 0:
	case d != nil:
		e.fact("then", "%s is the destination's server instead", e.chosen())
	default:
		l.remembered(e)
	}
	return *e
}

// judge says whether s, a server of the destination, is still good.
func (l *locality) judge(e *Explanation, name string, s *Server) {
	if !l.has(s) {
		e.fact(name, "%s, not in the list any more", ending(s))
		return
	}
	e.fact(name, "%s", standing(s))
	active, weight := s.Active.Load(), s.Weight.Load()
	over := fmt.Sprintf("active %d > weight %d", active, weight)
	half := slices.IndexFunc(e.Candidates, func(c Candidate) bool { return 2*int64(c.Active) < int64(c.Weight) })
	switch {
	case active <= weight:
		e.fact("overload rule", "no: active %d is not above weight %d", active, weight)
	case half < 0:
		e.fact("overload rule", "no: %s, but no server has 2*active below its weight", over)
	default:
		c := &e.Candidates[half]
		e.fact("overload rule", "yes: %s, and %s has 2*%d < %d", over, ending(c.Server), c.Active, c.Weight)
	}
}

// replace explains the choice of wlc among all.
func (l *locality) replace(e *Explanation, s *Server) {
	e.compare(&formulaWLC)
	e.choose(s, "wlc: "+e.least(s, &formulaWLC, "in the list"))
}

// remembered says what becomes of a new destination.
func (l *locality) remembered(e *Explanation) {
	if l.known.full() {
		e.fact("then", "it is not remembered: there are as many as there can be")
		return
	}
	e.fact("then", "%s is remembered for the destination", e.chosen())
}

// chosen names the server that is picked; there must be one.
func (e *Explanation) chosen() string { return ending(e.Candidates[e.Chosen].Server) }

// Explain implements Explainer.
func (l *localityReplicated) Explain(f *Flow) Explanation {
	l.update()
	e := newExplanation("The least loaded per weight of the destination's set of servers is taken, "+
		"the newest member of equals; if it is overloaded or none is usable, that of wlc, which joins the set.", l.list())
	e.fact("destination", "%s", f.Virtual)
	d := l.known.peek(f)
	if d == nil {
		e.fact("its set", "none: it is new or forgotten")
		l.replace(e, l.least())
		if e.Chosen >= 0 {
			l.remembered(e)
		}
		return *e
	}
	e.fact("its set", "%s, the newest first", listing(names(d.servers)))
	members := l.shrunk(e, d, f)
	s := walk(d.servers, l.scoreMember)
	if s == nil {
		e.fact("least of the set", "none is usable")
	} else {
		l.judge(e, "least of the set", s)
	}
	if s != nil && !l.overloaded(s) {
		l.keep(e, d, s)
		return *e
	}
	l.replace(e, l.least())
	if e.Chosen >= 0 {
		l.joins(e, d, members)
	}
	return *e
}

// shrunk says who leaves a set, if anybody does, and returns who stays.
func (l *localityReplicated) shrunk(e *Explanation, d *destination, f *Flow) []*Server {
	members := slices.Clone(d.servers)
	if !l.shrinks(d, f.Now) {
		return members
	}
	e.fact("unchanged", "for %v, more than %v", f.Now-d.changed, l.known.lifetime())
	if i := mostLoaded(members); i >= 0 {
		e.fact("leaves the set", "%s, after this pick's choice in it: most load per weight", ending(members[i]))
		members = slices.Delete(members, i, i+1)
	}
	return members
}

// keep explains the choice of s in the set.
func (l *localityReplicated) keep(e *Explanation, d *destination, s *Server) {
	e.leave("not in the destination's set", func(c *Candidate) bool { return slices.Contains(d.servers, c.Server) })
	e.compare(&formulaWLC)
	e.choose(s, "in the set, not overloaded: "+e.least(s, &formulaWLC, "in the set"))
}

// joins says whether the chosen server is a new member of d, whose members stay.
func (l *localityReplicated) joins(e *Explanation, d *destination, members []*Server) {
	switch {
	case slices.Contains(members, e.Candidates[e.Chosen].Server):
		e.fact("then", "%s is in the set already", e.chosen())
	case l.known.members-len(d.servers)+len(members) >= memberLimit:
		e.fact("then", "%s does not join the set: there are as many members as there can be", e.chosen())
	default:
		e.fact("then", "%s joins the set", e.chosen())
	}
}

// names names servers.
func names(servers []*Server) (all []string) {
	for _, s := range servers {
		all = append(all, ending(s))
	}
	return all
}
