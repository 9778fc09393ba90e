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
