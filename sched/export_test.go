package sched

// walker is a scheduler as the kernel has it, that walks its list.
type walker struct {
	stateless
	name  string
	score func(*Server) (load, weight uint64)
}

// NewWalker makes lc, wlc, sed or nq.
func NewWalker(name string) Scheduler {
	return &walker{name: name, score: map[string]func(*Server) (load, weight uint64){
		"lc": scoreLC, "wlc": scoreWLC, "sed": scoreSED, "nq": scoreNQ,
	}[name]}
}

func (w *walker) Name() string       { return w.name }
func (w *walker) Pick(*Flow) *Server { return walk(w.list, w.score) }

// Walk is the plain walk over the list that a ranking must agree with.
func Walk(name string, list []*Server) *Server {
	w := NewWalker(name)
	w.Init(list)
	return w.Pick(nil)
}

// Remembered returns how many destinations lblc or lblcr remember.
func Remembered(s Scheduler) int {
	if l, ok := s.(*localityLeastConn); ok {
		return len(l.known.index)
	}
	return len(s.(*localityReplicated).known.index)
}
