package sched

import "sync/atomic"

// changes is the list of the servers that have changed since their scheduler
// last looked: any goroutine pushes, one takes all. Without a lock, and with no
// server in it twice.
type changes struct{ head atomic.Pointer[watched] }

// watched ties a server to the scheduler that wants to know of its changes. A
// server that gets another scheduler gets another watched; who still holds the
// old one tells a scheduler that does not look any more. It has 32 bytes.
type watched struct {
	server *Server
	to     *changes
	next   *watched // in the list; belongs to who set dirty until it is cleared
	place  int32    // in the ranking; -1 gone

	// dirty is set while it is in the list. Who clears it reads the counts
	// afterwards, and who changes counts looks at it afterwards: a change that
	// is not told was seen.
	dirty atomic.Bool
}

// watchBy makes w the one that s tells. It begins as changed.
func (s *Server) watchBy(w *watched) {
	w.dirty.Store(true)
	s.watch.Store(w)
	w.to.push(w)
}

// changed tells that something of s that schedulers look at has changed. It
// follows the change.
func (s *Server) changed() {
	if w := s.watch.Load(); w != nil && !w.dirty.Load() && !w.dirty.Swap(true) {
		w.to.push(w)
	}
}

// push puts w, which the caller has made dirty, into the list.
func (c *changes) push(w *watched) {
	for {
		w.next = c.head.Load()
		if c.head.CompareAndSwap(w.next, w) {
			return
		}
	}
}

// take empties the list and returns the first one in it.
func (c *changes) take() *watched {
	if c.head.Load() == nil {
		return nil
	}
	return c.head.Swap(nil)
}
