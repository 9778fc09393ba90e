package sched

import "math/bits"

// overhead is what lc, wlc and lblc weigh a server's connections with: an
// active one as much as 256 inactive ones (kernel include/net/ip_vs.h,
// ip_vs_dest_conn_overhead). Counts are read one by one, so a connection that
// just changes sides may be seen twice or not at all; never less than 0.
func (s *Server) overhead() uint64 {
	return s.active()<<8 + uint64(max(s.Inactive.Load(), 0))
}

// active and weight are the counts as unsigned numbers.
func (s *Server) active() uint64 { return uint64(max(s.Active.Load(), 0)) }
func (s *Server) weight() uint64 { return uint64(max(s.Weight.Load(), 0)) }

// The rules of the schedulers that rank: load and weight of a server.

func scoreLC(s *Server) (load, weight uint64) { return s.overhead(), 1 }

func scoreWLC(s *Server) (load, weight uint64) { return s.overhead(), s.weight() }

func scoreSED(s *Server) (load, weight uint64) { return s.active() + 1, s.weight() }

// scoreNQ puts every idle server before all others.
func scoreNQ(s *Server) (load, weight uint64) {
	if s.active() == 0 {
		return 0, s.weight()
	}
	return scoreSED(s)
}

// walk returns the usable server with the least load per weight, the first of
// equals; nil if none is usable. It is what a ranking answers, at the cost of
// looking at every server.
func walk(list []*Server, score func(*Server) (load, weight uint64)) *Server {
	var best *Server
	var bestLoad, bestWeight uint64
	for _, s := range list {
		load, weight := score(s)
		if weight == 0 || !s.Usable() {
			continue
		}
		if best == nil || productLess(load, bestWeight, bestLoad, weight) {
			best, bestLoad, bestWeight = s, load, weight
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
