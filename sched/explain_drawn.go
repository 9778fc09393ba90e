package sched

// drew notes a number that was drawn, from 0 to below limit, and the server it
// fell to.
func (e *Explanation) drew(name string, r, limit uint64, s *Server) {
	if s != nil {
		e.fact(name, "%d of 0 to %d: %s", r, limit-1, standing(s))
	}
}

// compareDrawn compares the loads of the two servers that were drawn, of which
// the second may be nil; s is the one that is picked.
func (e *Explanation) compareDrawn(s, first, second *Server) {
	if s == nil {
		return
	}
	e.leave("not drawn", func(c *Candidate) bool { return c.Server == first || c.Server == second })
	e.compare(&formulaWLC)
	switch {
	case second == nil:
		e.choose(s, "drawn, and no other to compare with")
	case first == second:
		e.choose(s, "drawn twice")
	default:
		e.choose(s, e.lesser(s, first, second))
	}
}

// lesser says how s is the one of two with less load per weight.
func (e *Explanation) lesser(s, first, second *Server) string {
	loadA, weightA := e.score(first, &formulaWLC)
	loadB, weightB := e.score(second, &formulaWLC)
	a, b := productLess(loadA, weightB, loadB, weightA), productLess(loadB, weightA, loadA, weightB)
	switch {
	case s == first && !a && !b:
		return "first drawn of two with the same load per weight"
	case s == first && a || s == second && b:
		return "less load per weight of the two"
	}
	return "less load per weight a moment ago; " + changedSince
}

// Explain implements Explainer.
func (t *twoChoices) Explain(*Flow) Explanation {
	e := newExplanation("Two usable servers are drawn by weight, perhaps the same one twice, and the one with less load per weight is taken, the first drawn if they are equal.", t.list)
	on := *t // its own numbers
	d := on.draw()
	if d.total > 0 {
		e.fact("sum of the usable weights", "%d", d.total)
		e.drew("first draw", d.r1, d.total+1, d.first)
		e.drew("second draw", d.r2, d.total+1, d.second)
	}
	e.compareDrawn(lessLoaded(d.first, d.second), d.first, d.second)
	return *e
}

// Explain implements Explainer.
func (p *powerOfTwo) Explain(*Flow) Explanation {
	e := newExplanation("Two different usable servers are drawn by weight, and the one with less load per weight is taken, the first drawn if they are equal.", p.list)
	on := *p
	e.compareDrawn(on.pick(e))
	return *e
}

// Explain implements Explainer.
func (w *weightedRandom) Explain(*Flow) Explanation {
	e := newExplanation("A usable server is drawn by weight.", w.list)
	on := *w
	s, _ := on.draw(e)
	e.choose(s, "drawn")
	return *e
}
