package sched

import "slices"

// roundRobin takes the next usable server after the last one it took, whatever
// its weight (kernel ip_vs_rr.c).
type roundRobin struct {
	list []*Server
	last int // index of the last one taken; -1 is before the head
}

func (r *roundRobin) Name() string { return "rr" }

func (r *roundRobin) Init(list []*Server) { r.list, r.last = list, -1 }

// Added keeps the pointer at the server it points to.
func (r *roundRobin) Added(list []*Server, s *Server) {
	r.list = list
	if slices.Index(list, s) <= r.last {
		r.last++
	}
}

func (r *roundRobin) Edited(list []*Server, _ *Server) { r.list = list }

// Removed moves the pointer from the removed server to the one before it.
func (r *roundRobin) Removed(list []*Server, _ *Server, at int) {
	r.list = list
	if at <= r.last {
		r.last--
	}
}

func (r *roundRobin) Pick(*Flow) *Server {
	i := r.last
	for range r.list {
		if i++; i == len(r.list) {
			i = 0
		}
		if s := r.list[i]; s.Usable() {
			r.last = i
			return s
		}
	}
	return nil
}
