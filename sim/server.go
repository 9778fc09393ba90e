package sim

import (
	"math"
)

// job is one request at a server. While it waits, finish is its work.
type job struct {
	finish   float64 // in the server's own time, see server.done
	arrived  float64
	client   int32 // closed loop: who waits for it; -1 nobody
	director int32
}

// server is one real server. Its own time, done, is the work that a request
// which is served has had: it goes by at rate, so a change of speed or of how
// many share it changes one number, and the next to finish stays the next.
type server struct {
	name   string
	group  int32
	slots  int
	limit  int // of requests in it, 0 none
	shared bool
	base   float64 // speed
	factor float64 // slow-down
	weight int32

	done, rate float64
	last       float64 // time of done
	jobs       jobHeap // served
	queue      jobRing // waiting
	n          int     // both

	down, refuses bool
	member        bool // of the service
	active        int32
	inactive      int32
	cache         *lru
	meter         meter
}

// busy is the number of slots at work.
func (s *server) busy() int { return min(len(s.jobs), s.slots) }

// advance brings the server's own time and its meter to now.
func (s *server) advance(now float64) {
	dt := now - s.last
	if dt <= 0 {
		return
	}
	s.done += dt * s.rate
	s.meter.inSystem += dt * float64(s.n)
	s.meter.busy += dt * float64(s.busy())
	s.meter.waiting += dt * float64(s.n-s.busy())
	if s.member {
		s.meter.member += dt
	}
	s.last = now
}

// setRate follows a change of speed or of the number of jobs.
func (s *server) setRate() {
	s.rate = s.base * s.factor
	if n := len(s.jobs); s.shared && n > s.slots {
		s.rate *= float64(s.slots) / float64(n)
	}
}

// next is when the first job is finished.
func (s *server) next() float64 {
	if len(s.jobs) == 0 {
		return math.Inf(1)
	}
	return s.last + max(s.jobs[0].finish-s.done, 0)/s.rate
}

// full reports whether one more is refused.
func (s *server) full() bool { return s.limit > 0 && s.n >= s.limit }

// add takes in a job whose finish is its work. The server's time is now.
func (s *server) add(j job) {
	s.n++
	if !s.shared && len(s.jobs) >= s.slots {
		s.queue.push(j)
		return
	}
	s.serve(j)
}

func (s *server) serve(j job) {
	if len(s.jobs) == 0 {
		s.done = 0 // keeps it small, and so exact
	}
	j.finish += s.done
	s.jobs.push(j)
	s.setRate()
}

// finish takes out the first job, and begins the one that has waited longest.
func (s *server) finish() job {
	s.n--
	j := s.jobs.pop()
	if s.queue.n > 0 {
		s.serve(s.queue.pop())
	}
	s.setRate()
	return j
}

// drop takes out a job of a server that has failed, whichever.
func (s *server) drop() job {
	s.n--
	if s.queue.n > 0 {
		return s.queue.pop()
	}
	return s.jobs.pop()
}
