package sched

import "fmt"

// weightedFailover takes the usable server of the greatest weight, the first in
// the list of equals: all connections go to one server as long as it is usable
// (kernel ip_vs_fo.c).
//
//	argmax weight
//
// A pick looks at every server, O(n).
type weightedFailover struct{ stateless }

func (f *weightedFailover) Name() string { return "fo" }

func (f *weightedFailover) Pick(*Flow) *Server {
	return heaviest(f.list, func(*Server, int32) bool { return true })
}

// heaviest returns the usable server of the greatest weight among those that
// room accepts, the first of equals; nil if there is none.
func heaviest(list []*Server, room func(s *Server, weight int32) bool) *Server {
	var best *Server
	var most int32
	for _, s := range list {
		if w := s.Weight.Load(); w > most && s.Usable() && room(s, w) {
			best, most = s, w
		}
	}
	return best
}

// Explain implements Explainer.
func (f *weightedFailover) Explain(flow *Flow) Explanation {
	e := newExplanation("The usable server of the greatest weight is taken, "+
		"and the first in the list of equals.", f.list)
	e.weigh(f.Pick(flow))
	return *e
}

// weigh compares the candidates that can be picked by their weights; s is the
// one that is picked.
func (e *Explanation) weigh(s *Server) {
	e.Formula = "weight"
	equal := 0
	for i := range e.Candidates {
		c := &e.Candidates[i]
		if c.Excluded != "" {
			continue
		}
		c.Term, c.Value = fmt.Sprint(c.Weight), float64(c.Weight)
		if s != nil && c.Weight == s.Weight.Load() {
			equal++
		}
	}
	switch {
	case s == nil:
	case equal > 1:
		e.choose(s, fmt.Sprintf("first in the list of %d with the greatest weight, %d", equal, s.Weight.Load()))
	default:
		e.choose(s, fmt.Sprintf("greatest weight, %d", s.Weight.Load()))
	}
}
