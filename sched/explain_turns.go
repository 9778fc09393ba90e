package sched

import "fmt"

// Explain implements Explainer.
func (r *roundRobin) Explain(f *Flow) Explanation {
	e := newExplanation("The next usable server after the last one taken is taken, whatever its weight.", r.list)
	after := *r
	s := after.Pick(f)
	e.pointer(r.list, r.last)
	var passed []string
	for n := range r.list { // the way of Pick
		next := r.list[(r.last+1+n)%len(r.list)]
		if next == s {
			break
		}
		passed = append(passed, standing(next))
	}
	if len(passed) > 0 {
		e.fact("passed over", "%s", listing(passed))
	}
	switch {
	case s == nil:
	case len(passed) > 0:
		e.choose(s, "next usable one after the pointer")
	default:
		e.choose(s, "next after the pointer")
	}
	return *e
}

// pointer says where a pointer stands: at the last server taken.
func (e *Explanation) pointer(list []*Server, last int) {
	if last < 0 || last >= len(list) {
		e.fact("pointer", "before the head of the list")
		return
	}
	e.fact("pointer", "at %s, number %d of %d in the list", ending(list[last]), last+1, len(list))
}

// Explain implements Explainer.
func (w *weightedRoundRobin) Explain(f *Flow) Explanation {
	e := newExplanation("The list is walked again and again, "+
		"each usable server taken whose weight is at least the level, and the level lowered by the step at each "+
		"end of the list.", w.list)
	after := *w
	s := after.Pick(f)
	e.pointer(w.list, w.last)
	e.fact("level", "%d", w.level)
	e.fact("step", "%d, the greatest common divisor of the weights", w.step)
	e.fact("top", "%d, the largest weight %d less %d", w.top, w.top+w.step-1, w.step-1)
	if s == nil {
		if w.top <= 0 {
			e.Why = "no server had a weight above 0 when the list last changed"
		}
		return *e
	}
	on := *w
	on.retrace(e, s, after.level)
	e.leave(fmt.Sprintf("weight below the level %d", after.level), func(c *Candidate) bool {
		return int64(c.Weight) >= after.level
	})
	e.choose(s, fmt.Sprintf("next usable one after the pointer with a weight of at least %d", after.level))
	return *e
}

// retrace goes the way of Pick to s at a level once more and notes whom it
// passes over. The counts may have changed meanwhile: it gives up after a few
// rounds.
func (w *weightedRoundRobin) retrace(e *Explanation, s *Server, level int64) {
	var passed []string
	note := func() {
		if len(passed) > 0 {
			e.fact("passed over", "%s", listing(passed))
		}
		passed = nil
	}
	defer note()
	i := w.last
	for range 4 * len(w.list) {
		if i++; i >= len(w.list) {
			i = 0
			note()
			was := w.level
			if w.lower() {
				e.fact("end of the list", "the level goes from %d to the top, %d", was, w.level)
			} else {
				e.fact("end of the list", "the level falls from %d to %d", was, w.level)
			}
		}
		next := w.list[i]
		if next == s && w.level == level {
			return
		}
		passed = append(passed, w.refused(next))
	}
}

// refused names a server and why it is passed over at this level.
func (w *weightedRoundRobin) refused(s *Server) string {
	if weight := int64(s.Weight.Load()); weight > 0 && weight < w.level {
		return fmt.Sprintf("%s (weight %d below %d)", ending(s), weight, w.level)
	}
	return standing(s)
}
