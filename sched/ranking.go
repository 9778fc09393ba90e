package sched

// ranking is the part of a scheduler that takes the usable server with the
// least load per weight, the first in the list of equals. It gives exactly the
// answers of a walk over the list and does not walk: servers tell what has
// changed, and a tree keeps the least of all up to date.
//
// Cost of a pick: a constant for each server that has changed since the last
// pick, times log8 of the list's length. Memory: about 70 bytes a server.
// Changing the list is as cheap, but for a rebuild when it has doubled.
type ranking struct {
	// score is the rule: a server's load, below 2^40, and its weight, below
	// 2^31.
	score   func(*Server) (load, weight uint64)
	changes changes
	tree    tree
	places  []*watched // by place, oldest server first; nil where one was removed
	live    int        // places in use
	// half has the places whose servers have fewer active connections than half
	// their weight, and under their number.
	half  []bool
	under int
}

func newRanking(score func(*Server) (load, weight uint64)) ranking {
	return ranking{score: score, tree: newTree(0)}
}

// Init lets go of the servers of the list before.
func (r *ranking) Init(list []*Server) {
	for _, w := range r.places {
		if w != nil {
			r.drop(w)
		}
	}
	r.update()
	r.places, r.half, r.tree = nil, nil, newTree(len(list))
	for i := len(list) - 1; i >= 0; i-- {
		r.append(list[i])
	}
}

// Added puts s, the new head, at the last place.
func (r *ranking) Added(list []*Server, s *Server) {
	if len(list) != r.live+1 || list[0] != s {
		r.Init(list)
		return
	}
	r.append(s)
}

// Edited has nothing to do: s told its changes itself.
func (r *ranking) Edited([]*Server, *Server) {}

// Removed leaves the place of s empty.
func (r *ranking) Removed(list []*Server, s *Server, _ int) {
	if r.has(s) {
		r.drop(s.watch.Load())
	}
	if len(list) != r.live {
		r.Init(list)
	}
}

// has reports whether s is in the list.
func (r *ranking) has(s *Server) bool {
	w := s.watch.Load()
	return w != nil && w.to == &r.changes
}

// append watches s at a place after all others.
func (r *ranking) append(s *Server) {
	if len(r.places) == r.tree.size() {
		r.compact()
	}
	w := &watched{server: s, to: &r.changes, place: int32(len(r.places))}
	r.places, r.half = append(r.places, w), append(r.half, false)
	r.live++
	s.watchBy(w)
}

// drop frees the place of w. The list of changes may still have it.
func (r *ranking) drop(w *watched) {
	w.server.watch.CompareAndSwap(w, nil)
	r.tree.set(int(w.place), never)
	r.count(w.place, false)
	r.places[w.place] = nil
	w.place = -1
	r.live--
}

// compact numbers the places anew and makes room for as many again.
func (r *ranking) compact() {
	old, size := r.places, 2*r.live+1
	r.places, r.half, r.tree = make([]*watched, 0, size), make([]bool, 0, size), newTree(size)
	r.under = 0
	for _, w := range old {
		if w != nil {
			w.place = int32(len(r.places))
			r.places, r.half = append(r.places, w), append(r.half, false)
			r.place(w)
		}
	}
}

// least returns the server that is first by the rule, nil if none is usable.
func (r *ranking) least() *Server {
	r.update()
	k := r.tree.least()
	if k == never {
		return nil
	}
	return r.places[k.place()].server
}

// update takes in all changes so far.
func (r *ranking) update() {
	for w := r.changes.take(); w != nil; {
		next := w.next
		w.dirty.Store(false) // before the counts are read
		if w.place >= 0 {
			r.place(w)
		}
		w = next
	}
}

// place ranks w by its server as it is now.
func (r *ranking) place(w *watched) {
	s, k := w.server, never
	if s.Usable() {
		if load, weight := r.score(s); weight > 0 {
			k = rank(load, weight, int(w.place))
		}
	}
	r.tree.set(int(w.place), k)
	r.count(w.place, 2*int64(s.Active.Load()) < int64(s.Weight.Load()))
}

// count keeps the number of servers that are under half.
func (r *ranking) count(place int32, half bool) {
	if half == r.half[place] {
		return
	}
	r.half[place] = half
	if half {
		r.under++
	} else {
		r.under--
	}
}

// overloaded is the test of lblc and lblcr: s has more active connections than
// its weight, and there is one with fewer than half its own, usable or not. It
// goes by the last update (kernel ip_vs_lblc.c, is_overloaded).
func (r *ranking) overloaded(s *Server) bool {
	return r.under > 0 && s.Active.Load() > s.Weight.Load()
}
