package sim

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// agenda is what happens at known times.
type agenda struct {
	next    float64 // the earliest of all below
	events  []happening
	warm    float64 // end of the warm-up
	sample  float64 // of the load over time
	upkeep  float64 // of the schedulers, every second
	refresh float64 // of stale counts
	rush    float64 // end of a look at a server that has joined
}

// happening is an Event at one server.
type happening struct {
	at     float64
	server int
	event  *Event
	do     string
}

// plan fills the agenda.
func (e *engine) plan() {
	a := &e.agenda
	*a = agenda{warm: float64(e.sc.Warmup), sample: e.series.Interval, upkeep: math.Inf(1), refresh: math.Inf(1), rush: math.Inf(1)}
	for i := range e.sc.Timeline {
		ev := &e.sc.Timeline[i]
		for _, s := range e.sc.find(ev.Server) {
			a.events = append(a.events, happening{float64(ev.At), s, ev, ev.Do})
			if ev.Do == "fail" && ev.Detect > 0 {
				a.events = append(a.events, happening{float64(ev.At + ev.Detect), s, ev, "leave"})
			}
		}
	}
	slices.SortStableFunc(a.events, func(x, y happening) int { return cmp.Compare(x.at, y.at) })
	if e.directors[0].upkeep != nil {
		a.upkeep = 1
	}
	if e.knows == countsStale {
		a.refresh = float64(e.sc.Directors.Every)
	}
	if a.warm == 0 {
		a.warm = math.Inf(1)
	}
	a.update()
}

func (a *agenda) update() {
	a.next = min(a.warm, a.sample, a.upkeep, a.refresh, a.rush)
	if len(a.events) > 0 {
		a.next = min(a.next, a.events[0].at)
	}
}

// stop ends what only matters while there are arrivals.
func (a *agenda) stop() { *a = agenda{next: math.Inf(1)} }

// attend does what is due now.
func (e *engine) attend() {
	a := &e.agenda
	if a.warm <= e.now {
		a.warm = math.Inf(1)
		e.warm()
	}
	for len(a.events) > 0 && a.events[0].at <= e.now {
		h := a.events[0]
		a.events = a.events[1:]
		e.happen(h)
	}
	if a.upkeep <= e.now {
		a.upkeep = e.now + 1
		for _, d := range e.directors {
			d.upkeep.Tick(time.Duration(e.now * float64(time.Second)))
		}
	}
	if a.refresh <= e.now {
		a.refresh = e.now + float64(e.sc.Directors.Every)
		e.refresh()
	}
	if a.rush <= e.now {
		e.endRushes()
	}
	if a.sample <= e.now {
		e.sample()
		a.sample = e.now + e.series.Interval
	}
	a.update()
}

// happen lets one thing happen to a server.
func (e *engine) happen(h happening) {
	s := &e.servers[h.server]
	s.advance(e.now)
	switch h.do {
	case "slow":
		s.factor = h.event.Speed
	case "weight":
		s.weight = int32(h.event.Weight)
		for _, d := range e.directors {
			d.weigh(h.server, s.weight)
		}
	case "leave":
		e.leave(h.server)
	case "join":
		e.join(h.server)
	case "fail":
		s.down, s.refuses = true, h.event.How == "refuse"
		e.lose(int32(h.server))
	case "recover":
		s.down, s.factor = false, 1
		e.join(h.server)
	}
	s.setRate()
	e.finishes.set(h.server, s.next())
}

func (e *engine) leave(i int) {
	if s := &e.servers[i]; s.member {
		s.member = false
		for _, d := range e.directors {
			d.leave(i)
		}
		e.left(s)
	}
}

func (e *engine) join(i int) {
	if s := &e.servers[i]; !s.member {
		s.member = true
		for _, d := range e.directors {
			d.join(i)
		}
		e.joined(i)
	}
}

// lose lets a server forget all that it works on, and what it has cached. Its
// clients get a reset, or nothing, as those that come now.
func (e *engine) lose(i int32) {
	s := &e.servers[i]
	for s.n > 0 {
		e.fell(s)
		j := s.drop()
		if s.refuses {
			e.refuse(j.director, i, j.client)
		} else {
			e.hanging.push(waiting{e.now, i, j.director, j.client})
		}
	}
	if s.cache != nil {
		s.cache.clear()
	}
}
