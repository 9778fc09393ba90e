package sim

import "math"

// jobHeap has the job that finishes first on top. It is written out because
// container/heap would box every job.
type jobHeap []job

func (h *jobHeap) push(j job) {
	*h = append(*h, j)
	a, i := *h, len(*h)-1
	for i > 0 {
		up := (i - 1) / 2
		if a[up].finish <= j.finish {
			break
		}
		a[i] = a[up]
		i = up
	}
	a[i] = j
}

func (h *jobHeap) pop() job {
	a := *h
	top, n := a[0], len(a)-1
	last := a[n]
	*h = a[:n]
	i := 0
	for {
		down := 2*i + 1
		if down >= n {
			break
		}
		if down+1 < n && a[down+1].finish < a[down].finish {
			down++
		}
		if last.finish <= a[down].finish {
			break
		}
		a[i] = a[down]
		i = down
	}
	if n > 0 {
		a[i] = last
	}
	return top
}

// jobRing is a queue that grows.
type jobRing struct {
	buf  []job // a power of two
	head int
	n    int
}

func (r *jobRing) push(j job) {
	if r.n == len(r.buf) {
		grown := make([]job, max(2*r.n, 16))
		for i := range r.n {
			grown[i] = r.buf[(r.head+i)&(r.n-1)]
		}
		r.buf, r.head = grown, 0
	}
	r.buf[(r.head+r.n)&(len(r.buf)-1)] = j
	r.n++
}

func (r *jobRing) pop() job {
	j := r.buf[r.head]
	r.head, r.n = (r.head+1)&(len(r.buf)-1), r.n-1
	return j
}

// clock is a tournament among numbered sources of events: each has the time of
// its next one, the winner is the earliest. A change costs log2(n) comparisons,
// and nothing stale is ever in it.
type clock struct {
	at  []float64
	win []int32 // a binary tree of winners, the root at 1, the leaves behind
}

func newClock(n int) clock {
	leaves := 1
	for leaves < n {
		leaves *= 2
	}
	c := clock{make([]float64, leaves), make([]int32, 2*leaves)}
	for i := range leaves {
		c.at[i], c.win[leaves+i] = math.Inf(1), int32(i)
	}
	for i := leaves - 1; i > 0; i-- {
		c.win[i] = c.win[2*i]
	}
	return c
}

// set says when source i is due, never if infinite.
func (c *clock) set(i int, at float64) {
	c.at[i] = at
	for n := (len(c.at) + i) / 2; n > 0; n /= 2 {
		w, other := c.win[2*n], c.win[2*n+1]
		if c.at[other] < c.at[w] {
			w = other
		}
		c.win[n] = w
	}
}

// first is the source that is due first, and when.
func (c *clock) first() (i int, at float64) {
	i = int(c.win[1])
	return i, c.at[i]
}

// wake is a closed-loop client that asks again.
type wake struct {
	at     float64
	client int32
}

// wakes has the earliest on top.
type wakes []wake

func (h *wakes) push(w wake) {
	*h = append(*h, w)
	a, i := *h, len(*h)-1
	for i > 0 && a[(i-1)/2].at > w.at {
		a[i] = a[(i-1)/2]
		i = (i - 1) / 2
	}
	a[i] = w
}

func (h *wakes) pop() wake {
	a := *h
	top, n := a[0], len(a)-1
	last := a[n]
	*h = a[:n]
	i := 0
	for down := 1; down < n; down = 2*i + 1 {
		if down+1 < n && a[down+1].at < a[down].at {
			down++
		}
		if last.at <= a[down].at {
			break
		}
		a[i] = a[down]
		i = down
	}
	if n > 0 {
		a[i] = last
	}
	return top
}

// after is a queue of connections to which something happens a fixed time
// after they were put in.
type after struct {
	delay float64
	buf   []waiting // a power of two
	head  int
	n     int
}

// waiting is a connection without a job.
type waiting struct {
	at       float64
	server   int32
	director int32
	client   int32
}

// due is when the first one is.
func (r *after) due() float64 {
	if r.n == 0 {
		return math.Inf(1)
	}
	return r.buf[r.head].at
}

func (r *after) push(w waiting) {
	if r.n == len(r.buf) {
		grown := make([]waiting, max(2*r.n, 16))
		for i := range r.n {
			grown[i] = r.buf[(r.head+i)&(r.n-1)]
		}
		r.buf, r.head = grown, 0
	}
	w.at += r.delay
	r.buf[(r.head+r.n)&(len(r.buf)-1)] = w
	r.n++
}

func (r *after) pop() waiting {
	w := r.buf[r.head]
	r.head, r.n = (r.head+1)&(len(r.buf)-1), r.n-1
	return w
}
