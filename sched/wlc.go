package sched

import "math/bits"

// weightedLeastConn takes the usable server with the least overhead per weight;
// the first in the list of equals (kernel ip_vs_wlc.c).
type weightedLeastConn struct{ stateless }

func (l *weightedLeastConn) Name() string { return "wlc" }

func (l *weightedLeastConn) Pick(*Flow) *Server {
	return leastByWeight(l.list, (*Server).overhead)
}

// leastByWeight returns the usable server with the least load per weight, the
// first of equals; nil if none is usable.
func leastByWeight(list []*Server, load func(*Server) uint64) *Server {
	var best *Server
	var bestLoad, bestWeight uint64
	for _, s := range list {
		weight := uint64(max(s.Weight.Load(), 0))
		if weight == 0 || !s.Usable() {
			continue
		}
		o := load(s)
		if best == nil || productLess(o, bestWeight, bestLoad, weight) {
			best, bestLoad, bestWeight = s, o, weight
		}
	}
	return best
}

// productLess reports whether a*b < c*d, exactly.
func productLess(a, b, c, d uint64) bool {
	hi1, lo1 := bits.Mul64(a, b)
	hi2, lo2 := bits.Mul64(c, d)
	return hi1 < hi2 || hi1 == hi2 && lo1 < lo2
}
