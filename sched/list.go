package sched

import "slices"

// Insert returns a new list with s at the head, where the kernel puts a new
// real server.
func Insert(list []*Server, s *Server) []*Server {
	return slices.Concat([]*Server{s}, list)
}

// Remove returns a new list without s and the index that s had, or list itself
// and -1 if s is not in it.
func Remove(list []*Server, s *Server) ([]*Server, int) {
	at := slices.Index(list, s)
	if at < 0 {
		return list, -1
	}
	return slices.Concat(list[:at], list[at+1:]), at
}

// stateless is the part of a scheduler that only keeps the list.
type stateless struct{ list []*Server }

func (l *stateless) Init(list []*Server)                      { l.list = list }
func (l *stateless) Added(list []*Server, _ *Server)          { l.list = list }
func (l *stateless) Edited(list []*Server, _ *Server)         { l.list = list }
func (l *stateless) Removed(list []*Server, _ *Server, _ int) { l.list = list }
