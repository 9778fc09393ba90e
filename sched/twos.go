package sched

// twoChoices draws two usable servers at random, by weight, and takes the one
// with less load per weight, the first drawn if they are equal (kernel
// ip_vs_twos.c; Mitzenmacher, "The Power of Two Choices in Randomized Load
// Balancing", 1996).
//
//	draw = the first server at which the sum of the usable weights reaches r,
//	       r from 0 to the sum of all, both included
//	load = (256 * active + inactive) / weight
//
// Since r may be 0 as well, the first of the list is drawn a little more often than
// its weight says. Both draws may be the same server. A pick looks at every
// server once or twice, O(n), as in the kernel; p2c does not.
type twoChoices struct {
	stateless
	seed uint64
	rand random
}

func newTwoChoices(c *Config) Scheduler { return &twoChoices{seed: c.Seed} }

func (t *twoChoices) Name() string { return "twos" }

// Init begins the numbers of the seed again.
func (t *twoChoices) Init(list []*Server) {
	t.list, t.rand = list, random{t.seed}
}

func (t *twoChoices) Pick(*Flow) *Server {
	total := usableWeight(t.list)
	if total == 0 {
		return nil
	}
	r1, r2 := t.rand.below(total+1), t.rand.below(total+1)
	return lessLoaded(reach(t.list, r1), reach(t.list, r2))
}

// usableWeight returns the sum of the weights of the usable servers.
func usableWeight(list []*Server) (total uint64) {
	for _, s := range list {
		if s.Usable() {
			total += uint64(max(s.Weight.Load(), 0))
		}
	}
	return total
}

// reach returns the first usable server at which the sum of the usable weights
// is at least r, or the last one if servers became unusable meanwhile; nil if
// none is usable any more.
func reach(list []*Server, r uint64) (found *Server) {
	var sum uint64
	for _, s := range list {
		if !s.Usable() {
			continue
		}
		found = s
		if sum += uint64(max(s.Weight.Load(), 0)); sum >= r {
			break
		}
	}
	return found
}

// lessLoaded returns the one of a and b with less overhead per weight, a if they
// are equal. Either may be nil.
func lessLoaded(a, b *Server) *Server {
	if a == nil || b == nil || a == b {
		return firstOf(a, b)
	}
	wa, wb := uint64(max(a.Weight.Load(), 0)), uint64(max(b.Weight.Load(), 0))
	if productLess(b.overhead(), wa, a.overhead(), wb) {
		return b
	}
	return a
}

// firstOf returns a, or b if a is nil.
func firstOf(a, b *Server) *Server {
	if a != nil {
		return a
	}
	return b
}
