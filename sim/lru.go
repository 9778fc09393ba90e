package sim

// lru is a server's cache: the destinations it was last asked for, by number, or
// the clients whose sessions it knows. It allocates once.
type lru struct {
	place      []int32 // by destination: its entry, -1 none
	entries    []lruEntry
	used       int
	head, tail int32 // newest and oldest entry
}

type lruEntry struct{ destination, older, newer int32 }

func newLRU(size, destinations int) *lru {
	l := &lru{place: make([]int32, destinations), entries: make([]lruEntry, min(size, destinations)), head: -1, tail: -1}
	for i := range l.place {
		l.place[i] = -1
	}
	return l
}

// ask reports whether d is there, and makes it the newest either way.
func (l *lru) ask(d int32) (hit bool) {
	i := l.place[d]
	switch {
	case i >= 0:
		hit = true
		l.unlink(i)
	case l.used < len(l.entries):
		i = int32(l.used)
		l.used++
	default:
		i = l.tail
		l.unlink(i)
		l.place[l.entries[i].destination] = -1
	}
	l.place[d], l.entries[i].destination = i, d
	l.link(i)
	return hit
}

// clear empties it, as a restart does.
func (l *lru) clear() {
	for _, e := range l.entries[:l.used] {
		l.place[e.destination] = -1
	}
	l.used, l.head, l.tail = 0, -1, -1
}

func (l *lru) link(i int32) {
	l.entries[i].older, l.entries[i].newer = l.head, -1
	if l.head >= 0 {
		l.entries[l.head].newer = i
	} else {
		l.tail = i
	}
	l.head = i
}

func (l *lru) unlink(i int32) {
	e := &l.entries[i]
	if e.newer >= 0 {
		l.entries[e.newer].older = e.older
	} else {
		l.head = e.older
	}
	if e.older >= 0 {
		l.entries[e.older].newer = e.newer
	} else {
		l.tail = e.newer
	}
}
