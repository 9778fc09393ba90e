package sched

// weightedRoundRobin gives each server turns in proportion to its weight,
// spread out (kernel ip_vs_wrr.c). It walks the list again and again and takes
// each usable server whose weight is at least the level. At each end of the
// list the level falls by the step, from the top to above 0 and from there to
// the top again.
type weightedRoundRobin struct {
	list  []*Server
	last  int   // index of the last one taken; -1 is before the head
	level int64 // least weight that is taken now
	top   int64 // where the level starts: largest weight - (step - 1)
	step  int64 // greatest common divisor of the weights above 0; 1 without any
}

func (w *weightedRoundRobin) Name() string { return "wrr" }

// Init starts at the top. A service that is created without servers has top 0,
// and servers added later do not raise the level: its first round takes every
// server once, as recorded from the kernel.
func (w *weightedRoundRobin) Init(list []*Server) {
	w.level = 0
	w.changed(list)
	w.level = w.top
}

func (w *weightedRoundRobin) Added(list []*Server, _ *Server)          { w.changed(list) }
func (w *weightedRoundRobin) Edited(list []*Server, _ *Server)         { w.changed(list) }
func (w *weightedRoundRobin) Removed(list []*Server, _ *Server, _ int) { w.changed(list) }

// changed starts again at the head of list, with the level kept as far as the
// new weights allow.
func (w *weightedRoundRobin) changed(list []*Server) {
	w.list, w.last = list, -1
	var largest int64
	w.step = 0
	for _, s := range list {
		weight := int64(s.Weight.Load())
		largest = max(largest, weight)
		w.step = gcd(w.step, weight)
	}
	w.step = max(w.step, 1)
	w.top = largest - (w.step - 1)
	switch {
	case w.level > w.top:
		w.level = w.top
	case w.step > 1:
		w.level = w.level/w.step*w.step + 1
	}
}

// gcd returns the greatest common divisor of a and b, where gcd(a, 0) is a.
func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// Pick gives up when every server was refused at the lowest level, where any
// weight above 0 suffices. Where it stops then, and with it who is next when a
// server becomes usable again, is as in the kernel.
func (w *weightedRoundRobin) Pick(*Flow) *Server {
	if w.top <= 0 {
		return nil
	}
	untried := len(w.list) // at the lowest level
	wrapped := false       // from the lowest level to the top
	for i := w.last + 1; ; i++ {
		if i >= len(w.list) {
			i = 0
			wrapped = w.lower() || wrapped
			if untried == 0 {
				return nil
			}
		}
		if s := w.list[i]; int64(s.Weight.Load()) >= w.level && s.Usable() {
			w.last = i
			return s
		}
		if w.level <= w.step {
			if untried--; untried == 0 && wrapped {
				return nil
			}
		}
	}
}

// lower makes the level one step less, or the top after the lowest level, and
// reports whether it did the latter.
func (w *weightedRoundRobin) lower() bool {
	w.level -= w.step
	if w.level > 0 {
		w.skip()
		return false
	}
	w.level = w.top
	return true
}

// skip leaves out the levels above every usable weight, in which nothing would
// be taken: with the heaviest server closed there may be 65535 of them.
func (w *weightedRoundRobin) skip() {
	largest := int64(1)
	for _, s := range w.list {
		if s.Usable() {
			largest = max(largest, int64(s.Weight.Load()))
		}
	}
	// All levels are 1 more than a multiple of the step.
	w.level = min(w.level, (largest-1)/w.step*w.step+1)
}
