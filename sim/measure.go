package sim

import (
	"math"
	"slices"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Range and precision of response times: nanoseconds up to three hours, three
// digits.
const (
	maxResponse = 3 * 3600 * 1e9
	digits      = 3
)

// maxLevel is how far up the share of servers with k requests or more is kept.
const maxLevel = 8

// meter is what a server has done since the beginning.
type meter struct {
	inSystem float64 // requests times seconds
	busy     float64 // slots times seconds
	waiting  float64 // requests times seconds, without a slot
	member   float64 // seconds in the service
	picks    int
	peak     int // requests at once, since the warm-up
}

// measures are taken while the engine runs.
type measures struct {
	responses *hdrhistogram.Histogram // nanoseconds, of connections begun after the warm-up
	sum       float64                 // of them, seconds
	longest   float64
	since     float64 // end of the warm-up
	start     []meter // of the servers then
	final     []meter // of the servers when arrivals ended

	failed, unserved uint64 // connections without an answer; without a server
	hits, asks       uint64 // of caches

	levels  [maxLevel + 1]level
	tail    [maxLevel + 1]float64 // when arrivals ended
	series  Series
	sampled []float64 // inSystem at the last sample

	keys    []key // by client or destination
	byObj   bool  // by destination
	epoch   int32 // number of departures of servers
	moves   []Move
	returns uint64 // connections of keys that had one before
	same    uint64 // to the same server
	rushes  []rush
	arrived []Join
}

// level integrates over time how many servers have so many requests or more.
type level struct {
	servers int
	last    float64
	area    float64
}

func (l *level) change(by int, now float64) {
	l.area += float64(l.servers) * (now - l.last)
	l.last = now
	l.servers += by
}

// key is a client, or destination, that comes again.
type key struct {
	last  int32 // server of its last connection, -1 none
	epoch int32 // of it
}

// rush watches a server that has joined.
type rush struct {
	Join
	server     int
	until      float64
	picks, got int
	others     float64 // inSystem of the others at the beginning
}

func (m *measures) init(sc *Scenario, servers, keys int, byDestination bool) {
	m.responses = hdrhistogram.New(1, maxResponse, digits)
	m.start, m.sampled = make([]meter, servers), make([]float64, servers)
	m.series = newSeries(sc, servers)
	m.byObj = byDestination
	m.keys = make([]key, keys)
	for i := range m.keys {
		m.keys[i].last = -1
	}
}

// warm begins the measuring.
func (e *engine) warm() {
	e.since = e.now
	for i := range e.servers {
		s := &e.servers[i]
		s.advance(e.now)
		s.meter.peak = s.n
		e.start[i] = s.meter
		e.start[i].peak = 0
	}
	for i := range e.levels {
		e.levels[i].change(0, e.now)
		e.levels[i].area = 0
	}
	e.failed, e.unserved, e.hits, e.asks = 0, 0, 0, 0
}

// freeze ends it, but for answers that are still to come.
func (e *engine) freeze() {
	for i := range e.servers {
		e.servers[i].advance(e.now)
		e.final = append(e.final, e.servers[i].meter)
	}
	for i := range e.levels {
		e.levels[i].change(0, e.now)
		e.tail[i] = e.levels[i].area / (float64(len(e.servers)) * max(e.now-e.since, math.SmallestNonzeroFloat64))
	}
	e.endRushes()
}

// rose and fell follow the number of requests at a server: after one was added,
// before one is taken.
func (e *engine) rose(s *server) {
	if s.n <= maxLevel {
		e.levels[s.n].change(1, e.now)
	}
	s.meter.peak = max(s.meter.peak, s.n)
}

func (e *engine) fell(s *server) {
	if s.n <= maxLevel {
		e.levels[s.n].change(-1, e.now)
	}
}

// answered records a response.
func (e *engine) answered(began float64) {
	if began < e.since || e.since == 0 && e.sc.Warmup > 0 {
		return
	}
	t := e.now - began
	e.sum += t
	e.longest = max(e.longest, t)
	_ = e.responses.RecordValue(min(int64(t*1e9), maxResponse)) // never out of its range
}

func (e *engine) asked(hit bool) {
	e.asks++
	if hit {
		e.hits++
	}
}

// picked notes which server an arrival was given.
func (e *engine) picked(server int32, a *arrival) {
	s := &e.servers[server]
	s.meter.picks++
	for i := range e.rushes {
		r := &e.rushes[i]
		r.picks++
		if r.server == int(server) {
			r.got++
			r.Peak = max(r.Peak, s.n+1)
		}
	}
	if at := e.keyOf(a); at >= 0 {
		e.follow(&e.keys[at], server)
	}
}

// keyOf is what comes again and is cached: the destination if the scenario has
// them, else the client; -1 none.
func (e *engine) keyOf(a *arrival) int32 {
	if e.byObj {
		return a.destination
	}
	return a.client
}

// follow compares the server of a key with the one it had before.
func (e *engine) follow(k *key, server int32) {
	if k.last >= 0 {
		e.returns++
		if k.last == server {
			e.same++
		}
		if k.epoch != e.epoch && e.servers[k.last].member {
			m := &e.moves[len(e.moves)-1]
			m.Keys++
			if k.last != server {
				m.Moved++
			}
		}
	}
	*k = key{server, e.epoch}
}

// left begins to count who moves though its own server has stayed.
func (e *engine) left(s *server) {
	if len(e.keys) > 0 {
		e.epoch++
		e.moves = append(e.moves, Move{At: Seconds(e.now), Server: s.name})
	}
}

// joined begins to watch the rush to a server.
func (e *engine) joined(i int) {
	s := &e.servers[i]
	weights := int32(0)
	for j := range e.servers {
		if e.servers[j].member {
			weights += e.servers[j].weight
		}
	}
	own, all := e.areas(i)
	e.rushes = append(e.rushes, rush{Join: Join{At: Seconds(e.now), Server: s.name, Promised: float64(s.weight) / float64(max(weights, 1))},
		server: i, until: e.now + float64(e.sc.Window), others: all - own})
	e.agenda.rush = min(e.agenda.rush, e.now+float64(e.sc.Window))
}

// areas are the requests times seconds of one server and of all, now.
func (e *engine) areas(i int) (own, all float64) {
	for j := range e.servers {
		e.servers[j].advance(e.now)
		all += e.servers[j].meter.inSystem
	}
	return e.servers[i].meter.inSystem, all
}

// endRushes takes stock of those whose time is over, or all at the end.
func (e *engine) endRushes() {
	e.agenda.rush = math.Inf(1)
	e.rushes = slices.DeleteFunc(e.rushes, func(r rush) bool {
		if r.until > e.now && !e.over {
			e.agenda.rush = min(e.agenda.rush, r.until)
			return false
		}
		own, all := e.areas(r.server)
		if seconds := e.now - float64(r.At); seconds > 0 && len(e.servers) > 1 {
			r.Others = (all - own - r.others) / seconds / float64(len(e.servers)-1)
		}
		if r.picks > 0 {
			r.Share = float64(r.got) / float64(r.picks)
		}
		e.arrived = append(e.arrived, r.Join)
		return true
	})
}
