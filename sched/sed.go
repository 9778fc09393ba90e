package sched

// shortestDelay takes the usable server that would have the fewest active
// connections per weight with one more; the first in the list of equals.
// Inactive connections do not count.
//
//	(active + 1) / weight
//
// Source: kernel ip_vs_sed.c. Cost: a ranking's, which does not grow with the
// list as the kernel's walk does.
type shortestDelay struct{ ranking }

func newShortestDelay(*Config) Scheduler { return &shortestDelay{newRanking(scoreSED)} }

func (l *shortestDelay) Name() string { return "sed" }

func (l *shortestDelay) Pick(*Flow) *Server { return l.least() }

// Explain implements Explainer.
func (l *shortestDelay) Explain(*Flow) Explanation {
	return l.explain("The usable server is taken that would have the fewest active connections per weight with one "+
		"more, and the first in the list of equals.", &formulaSED)
}
