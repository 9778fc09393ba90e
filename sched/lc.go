package sched

// leastConn takes the usable server with the least overhead, whatever its
// weight; the first in the list of equals.
//
//	256 * active + inactive
//
// Source: kernel ip_vs_lc.c. Cost: a ranking's, which does not grow with the
// list as the kernel's walk does.
type leastConn struct{ ranking }

func newLeastConn(*Config) Scheduler { return &leastConn{newRanking(scoreLC)} }

func (l *leastConn) Name() string { return "lc" }

func (l *leastConn) Pick(*Flow) *Server { return l.least() }

// Explain implements Explainer.
func (l *leastConn) Explain(*Flow) Explanation {
	return l.explain("The usable server with the least load is taken, whatever its weight, "+
		"and the first in the list of equals.", &formulaLC)
}
