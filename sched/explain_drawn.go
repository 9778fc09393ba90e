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
	e := newExplanation("Two usable servers are drawn by weight, perhaps the same one twice, "+
		"and the one with less load per weight is taken, the first drawn if they are equal.", t.list)
	total := usableWeight(t.list)
	if total == 0 {
		return *e
	}
	rand := t.rand // a copy: the numbers stay to be drawn
	r1, r2 := rand.below(total+1), rand.below(total+1)
	first, second := reach(t.list, r1), reach(t.list, r2)
	e.fact("sum of the usable weights", "%d", total)
	e.drew("first draw", r1, total+1, first)
	e.drew("second draw", r2, total+1, second)
	e.compareDrawn(lessLoaded(first, second), first, second)
	return *e
}

// Explain implements Explainer.
func (p *powerOfTwo) Explain(*Flow) Explanation {
	e := newExplanation("Two different usable servers are drawn by weight, and the one with less load per weight is taken, "+
		"the first drawn if they are equal.", p.list)
	on, again := p.lots, p.lots // the numbers stay to be drawn
	var second *Server
	first, at := on.draw()
	again.retrace(e, on.rand)
	if at >= 0 {
		second = on.drawOther(at)
		again.retraceOther(e, at, on.rand)
	}
	e.compareDrawn(lessLoaded(first, second), first, second)
	return *e
}

// Explain implements Explainer.
func (w *weightedRandom) Explain(*Flow) Explanation {
	e := newExplanation("A usable server is drawn by weight.", w.list)
	on, again := w.lots, w.lots
	s, _ := on.draw()
	again.retrace(e, on.rand)
	e.choose(s, "drawn")
	return *e
}

// retrace draws once more what draw drew, up to the generator's state end, and
// notes it.
func (l *lots) retrace(e *Explanation, end random) {
	if len(l.ends) == 0 {
		return
	}
	sum := l.ends[len(l.ends)-1]
	for n := 0; n < tries && l.rand != end; n++ {
		r := l.rand.below(sum)
		e.drew("draw", r, sum, l.weighty[l.at(r)])
	}
	if total := usableWeight(l.list); l.rand != end && total > 0 {
		r := l.rand.below(total)
		e.drew("draw among the usable servers", r, total, reach(l.list, 1+r))
	}
}

// retraceOther does the same for drawOther, whose numbers leave out the share of
// the first.
func (l *lots) retraceOther(e *Explanation, not int, end random) {
	sum, begin := l.ends[len(l.ends)-1], l.begin(not)
	share := l.ends[not] - begin
	for n := 0; n < tries && l.rand != end; n++ {
		r := l.rand.below(sum - share)
		at := r
		if at >= begin {
			at += share
		}
		e.drew("draw among the others", r, sum-share, l.weighty[l.at(at)])
	}
}
