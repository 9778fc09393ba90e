package sched

import "fmt"

// overflow takes the usable server of the greatest weight among those that have
// room, the first in the list of equals. The weight is the number of active
// connections a server holds before the next one overflows; since it has room
// until it has more than that, it gets one more (kernel ip_vs_ovf.c).
//
//	argmax weight over active <= weight
//
// Inactive connections, so all of UDP, do not count. With no room anywhere
// there is no server. A pick looks at every server, O(n).
type overflow struct{ stateless }

func (o *overflow) Name() string { return "ovf" }

func (o *overflow) Pick(*Flow) *Server {
	return heaviest(o.list, hasRoom)
}

func hasRoom(s *Server, weight int32) bool { return s.Active.Load() <= weight }

// Explain implements Explainer.
func (o *overflow) Explain(f *Flow) Explanation {
	e := newExplanation("The usable server of the greatest weight among those with no more active connections than "+
		"weight is taken, and the first in the list of equals.", o.list)
	for i := range e.Candidates {
		if c := &e.Candidates[i]; c.Excluded == "" && !hasRoom(c.snapshot(), c.Weight) {
			c.Excluded = fmt.Sprintf("no room: active %d > weight %d", c.Active, c.Weight)
		}
	}
	e.weigh(o.Pick(f))
	if e.Chosen < 0 {
		e.Why = "no usable server has room"
	}
	return *e
}
