package sched

import "sort"

// lots draws servers by weight, without a walk through the list. The weights
// are those of the last list or edit.
type lots struct {
	list    []*Server
	weighty []*Server // those with a weight above 0, in list order
	ends    []uint64  // sums of their weights up to and with each
	seed    uint64
	rand    random
}

// Init begins the numbers of the seed again.
func (l *lots) Init(list []*Server) {
	l.rand = random{l.seed}
	l.changed(list)
}

func (l *lots) Added(list []*Server, _ *Server)          { l.changed(list) }
func (l *lots) Edited(list []*Server, _ *Server)         { l.changed(list) }
func (l *lots) Removed(list []*Server, _ *Server, _ int) { l.changed(list) }

func (l *lots) changed(list []*Server) {
	l.list, l.weighty, l.ends = list, l.weighty[:0], l.ends[:0]
	var sum uint64
	for _, s := range list {
		if w := s.Weight.Load(); w > 0 {
			sum += uint64(w)
			l.weighty, l.ends = append(l.weighty, s), append(l.ends, sum)
		}
	}
}

// tries is how often a draw is repeated that gave an unusable server, before
// the list is walked: with half of the weight closed one pick in 256 walks.
const tries = 8

// draw returns a usable server, each with a probability in proportion to its
// weight, and its index in weighty, -1 if it took a walk; nil if none is usable.
func (l *lots) draw() (*Server, int) {
	if len(l.ends) == 0 {
		return nil, -1
	}
	for range tries {
		at := l.at(l.rand.below(l.ends[len(l.ends)-1]))
		if s := l.weighty[at]; s.Usable() {
			return s, at
		}
	}
	return l.walk(), -1
}

// drawOther returns a usable server other than the one with index not, nil if
// none was found in a few tries.
func (l *lots) drawOther(not int) *Server {
	sum := l.ends[len(l.ends)-1]
	begin, end := l.begin(not), l.ends[not]
	if sum == end-begin {
		return nil
	}
	for range tries {
		r := l.rand.below(sum - (end - begin))
		if r >= begin {
			r += end - begin
		}
		if s := l.weighty[l.at(r)]; s.Usable() {
			return s
		}
	}
	return nil
}

// at returns the index of the server whose share of the sum r falls in.
func (l *lots) at(r uint64) int {
	return sort.Search(len(l.ends), func(i int) bool { return l.ends[i] > r })
}

func (l *lots) begin(i int) uint64 {
	if i == 0 {
		return 0
	}
	return l.ends[i-1]
}

// walk draws among the usable servers only, O(n).
func (l *lots) walk() *Server {
	total := usableWeight(l.list)
	if total == 0 {
		return nil
	}
	return reach(l.list, 1+l.rand.below(total))
}
