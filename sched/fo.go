package sched

// weightedFailover takes the usable server of the greatest weight, the first in
// the list of equals: all connections go to one server as long as it is usable
// (kernel ip_vs_fo.c).
//
//	argmax weight
//
// A pick looks at every server, O(n).
type weightedFailover struct{ stateless }

func (f *weightedFailover) Name() string { return "fo" }

func (f *weightedFailover) Pick(*Flow) *Server {
	return heaviest(f.list, func(*Server, int32) bool { return true })
}

// heaviest returns the usable server of the greatest weight among those that
// room accepts, the first of equals; nil if there is none.
func heaviest(list []*Server, room func(s *Server, weight int32) bool) *Server {
	var best *Server
	var most int32
	for _, s := range list {
		if w := s.Weight.Load(); w > most && s.Usable() && room(s, w) {
			best, most = s, w
		}
	}
	return best
}
