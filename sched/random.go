package sched

// weightedRandom takes a usable server at random: ours, not in ip_vs.
//
//	probability = weight / sum of the usable weights
//
// It keeps nothing about the past, so that any number of directors balance
// together as one does, at the price of shares that are right only on
// average: after n picks a share p is off by about sqrt(p(1-p)/n).
//
// A pick costs O(log n), a search in the sums of the weights; O(n) when nearly
// all weight is over its thresholds. A change costs O(n). The picks follow from
// Config.Seed.
type weightedRandom struct{ lots }

func newWeightedRandom(c *Config) Scheduler { return &weightedRandom{lots{seed: c.Seed}} }

func (w *weightedRandom) Name() string { return "random" }

func (w *weightedRandom) Pick(*Flow) *Server {
	s, _ := w.draw()
	return s
}
