package sched

// overflow takes the usable server of the greatest weight among those that have
// room, the first in the list of equals. The weight is the number of active
// connections a server holds before the next one overflows; since it has room
// until it has more than that, it gets one more (kernel ip_vs_ovf.c).
//
//	argmax weight over active <= weight
//
// Inactive connections, so all of UDP, do not count. With no room anywhere
// there is no server. A pick looks at every server, O(n).
type overflow struct{ stateless }

func (o *overflow) Name() string { return "ovf" }

func (o *overflow) Pick(*Flow) *Server {
	return heaviest(o.list, func(s *Server, weight int32) bool { return s.Active.Load() <= weight })
}
