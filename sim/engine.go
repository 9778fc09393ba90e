package sim

import (
	"context"
	"math"
	"time"
)

// closeDelay is how long a refused connection stays in the table (kernel
// ip_vs_proto_tcp.c, tcp_timeouts: CLOSE).
const closeDelay = 10

// engine is one simulation. Nothing in its loop allocates, but for queues that
// grow.
type engine struct {
	sc        *Scenario
	now       float64
	servers   []server
	finishes  clock // of the servers
	directors []*director
	knows     knowledge

	source  *source
	arrival arrival
	coming  float64 // time of arrival; infinite: none now
	over    bool    // no more arrivals
	ended   float64 // time of the last one

	inactive after // connections after their FIN
	refused  after // after their RST
	hanging  after // without an answer

	agenda    agenda
	flow      connection
	ecmp      stream
	addresses stream
	measures
}

// newEngine sets up a scenario with a scheduler.
func newEngine(sc *Scenario, scheduler string, seed uint64) (*engine, error) {
	e := &engine{sc: sc, source: newSource(sc, seed), ecmp: newStream(seed, forDirectors, 0), addresses: newStream(seed, forAddresses, 0)}
	keys, byDestination := sc.keys()
	for g := range sc.Servers {
		e.addGroup(int32(g), &sc.Servers[g], keys)
	}
	e.finishes = newClock(len(e.servers))
	e.knows = map[string]knowledge{"shared": countsShared, "separate": countsSeparate, "stale": countsStale}[sc.Directors.Counts]
	for i := range sc.Directors.Count {
		s := newStream(seed, forSchedulers, uint64(i))
		d, err := newDirector(scheduler, sc.Flags, s.next(), e.servers)
		if err != nil {
			return nil, err
		}
		e.directors = append(e.directors, d)
	}
	e.inactive.delay, e.refused.delay, e.hanging.delay = float64(sc.Inactive), closeDelay, float64(sc.Timeout)
	e.measures.init(sc, len(e.servers), keys, byDestination)
	e.flow.setUp()
	e.plan()
	return e, nil
}

func (e *engine) addGroup(at int32, g *Group, keys int) {
	for i := range g.Count {
		s := server{name: g.serverName(i), group: at, slots: g.Slots, shared: g.Discipline == "ps", base: g.Speed, factor: 1,
			weight: int32(g.Weight), member: !g.Absent}
		if g.Queue > 0 {
			s.limit = g.Slots + g.Queue
		}
		if g.Cache > 0 && keys > 0 {
			s.cache = newLRU(g.Cache, keys)
		}
		s.setRate()
		e.servers = append(e.servers, s)
	}
}

// patience is how many events pass between two looks at the context.
const patience = 1 << 16

// run simulates until the last connection is answered or lost.
func (e *engine) run(ctx context.Context) error {
	e.fetch()
	for n := 1; ; n++ {
		if !e.step() {
			return nil
		}
		if n%patience == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// step lets the next event happen. It returns false when there is none that
// matters any more.
func (e *engine) step() bool {
	s, at := e.finishes.first()
	other := min(e.inactive.due(), e.refused.due(), e.hanging.due(), e.agenda.next)
	switch {
	case e.coming < at && e.coming < other:
		e.now = e.coming
		e.open()
		e.fetch()
	case at <= other && !math.IsInf(at, 1):
		e.now = at
		e.close(int32(s))
	case e.over && e.hanging.n == 0 && math.IsInf(at, 1):
		return false
	default:
		e.now = other
		e.otherwise()
	}
	return true
}

// fetch makes the next arrival known. What a closed-loop client asks for is
// drawn when it asks: another may come before it.
func (e *engine) fetch() {
	e.coming = math.Inf(1)
	switch {
	case e.over:
	case e.source.closed():
		at, ok := e.source.due()
		if !ok {
			e.finish()
			return
		}
		e.coming = at
	case e.source.next(&e.arrival):
		e.coming = e.arrival.at
	default:
		e.finish()
	}
}

// finish ends the measuring of servers: from now on they only empty.
func (e *engine) finish() {
	if !e.over {
		e.over, e.ended = true, e.now
		e.agenda.stop()
		e.freeze()
	}
}

// otherwise is an event that is neither an arrival nor an answer.
func (e *engine) otherwise() {
	switch e.now {
	case e.inactive.due():
		w := e.inactive.pop()
		e.unbind(w.director, w.server, false)
	case e.refused.due():
		w := e.refused.pop()
		e.unbind(w.director, w.server, false)
	case e.hanging.due():
		w := e.hanging.pop()
		e.unbind(w.director, w.server, true)
		e.failed++
		e.again(w.client)
	default:
		e.attend()
	}
}

// open is the SYN of a connection: pick, count, hand to the server.
func (e *engine) open() {
	a := &e.arrival
	if e.source.closed() {
		e.source.next(a)
	}
	director := int32(0)
	if len(e.directors) > 1 {
		director = int32(e.ecmp.below(len(e.directors)))
	}
	e.address(a)
	e.flow.Now = time.Duration(e.now * float64(time.Second))
	picked := e.directors[director].sched.Pick(&e.flow.Flow)
	if picked == nil {
		e.unserved++
		e.again(a.client)
		return
	}
	i := int32(picked.ID)
	s := &e.servers[i]
	e.bind(director, i)
	e.picked(i, a)
	s.advance(e.now)
	switch {
	case s.down && !s.refuses:
		e.hanging.push(waiting{e.now, i, director, a.client})
	case s.down || s.full():
		e.refuse(director, i, a.client)
	default:
		e.admit(s, i, job{e.cached(s, a), e.now, a.client, director})
	}
}

// admit hands a job, whose finish is its work, to a server.
func (e *engine) admit(s *server, i int32, j job) {
	s.add(j)
	e.rose(s)
	e.finishes.set(int(i), s.next())
}

// cached is the work of a request after the look into the server's cache.
func (e *engine) cached(s *server, a *arrival) float64 {
	key := e.keyOf(a)
	if s.cache == nil || key < 0 {
		return a.work
	}
	hit := s.cache.ask(key)
	e.asked(hit)
	if hit {
		return a.work * e.sc.CacheHit
	}
	return a.work
}

// refuse is a connection that is answered with a reset.
func (e *engine) refuse(director, server, client int32) {
	e.failed++
	e.deactivate(director, server)
	e.refused.push(waiting{e.now, server, director, client})
	e.again(client)
}

// close is the FIN of the job that server i has finished.
func (e *engine) close(i int32) {
	s := &e.servers[i]
	s.advance(e.now)
	e.fell(s)
	j := s.finish()
	e.finishes.set(int(i), s.next())
	if e.inactive.delay > 0 {
		e.deactivate(j.director, i)
		e.inactive.push(waiting{e.now, i, j.director, -1})
	} else {
		e.unbind(j.director, i, true)
	}
	e.answered(j.arrived)
	e.again(j.client)
}

// again lets a closed-loop client think about its next request.
func (e *engine) again(client int32) {
	if e.source.closed() && !e.over {
		e.source.sleep(client, e.now)
		e.fetch()
	}
}
