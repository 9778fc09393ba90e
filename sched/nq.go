package sched

// neverQueue takes the first usable server in the list that has no active
// connection, whatever its weight. If all have one it does as sed.
//
//	0 if active = 0, else (active + 1) / weight
//
// Source: kernel ip_vs_nq.c. Cost: a ranking's, which does not grow with the
// list as the kernel's walk does.
type neverQueue struct{ ranking }

func newNeverQueue(*Config) Scheduler { return &neverQueue{newRanking(scoreNQ)} }

func (l *neverQueue) Name() string { return "nq" }

func (l *neverQueue) Pick(*Flow) *Server { return l.least() }

// Explain implements Explainer.
func (l *neverQueue) Explain(*Flow) Explanation {
	e := l.explain("The first usable server in the list without an active connection is taken at once; if there is "+
		"none, as sed.", &formulaNQ)
	if e.Chosen >= 0 && e.Candidates[e.Chosen].Active <= 0 {
		e.Why = "idle server, taken at once: first in the list without an active connection"
	}
	return e
}
