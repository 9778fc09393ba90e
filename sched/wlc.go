package sched

// weightedLeastConn takes the usable server with the least overhead per weight;
// the first in the list of equals.
//
//	(256 * active + inactive) / weight
//
// Source: kernel ip_vs_wlc.c. Cost: a ranking's, which does not grow with the
// list as the kernel's walk does.
type weightedLeastConn struct{ ranking }

func newWeightedLeastConn(*Config) Scheduler {
	return &weightedLeastConn{newRanking(scoreWLC)}
}

func (l *weightedLeastConn) Name() string { return "wlc" }

func (l *weightedLeastConn) Pick(*Flow) *Server { return l.least() }

// Explain implements Explainer.
func (l *weightedLeastConn) Explain(*Flow) Explanation {
	return l.explain("The usable server with the least load per weight is taken, "+
		"and the first in the list of equals.", &formulaWLC)
}
