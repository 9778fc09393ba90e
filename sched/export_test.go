package sched

// Walk is the plain walk over the list that a ranking must agree with.
func Walk(name string, list []*Server) *Server {
	return walk(list, map[string]func(*Server) (load, weight uint64){
		"lc": scoreLC, "wlc": scoreWLC, "sed": scoreSED, "nq": scoreNQ,
	}[name])
}

// Remembered returns how many destinations lblc or lblcr remember.
func Remembered(s Scheduler) int {
	if l, ok := s.(*localityLeastConn); ok {
		return len(l.known.index)
	}
	return len(s.(*localityReplicated).known.index)
}
