package sim

import (
	"github.com/HdrHistogram/hdrhistogram-go"
)

// Result is what one scheduler made of one scenario, over all runs: counts and
// response times of all together, everything else the mean of the runs.
type Result struct {
	Scheduler   string       `json:"scheduler"`
	Connections uint64       `json:"connections"` // after the warm-up
	Answered    uint64       `json:"answered"`
	Failed      uint64       `json:"failed"`   // refused, or never answered
	Unserved    uint64       `json:"unserved"` // there was no usable server
	Seconds     float64      `json:"seconds"`  // of simulated time that was measured, of a run
	Response    Response     `json:"response"`
	Spread      [2]float64   `json:"spread"` // least and greatest mean response time of a run
	Throughput  float64      `json:"throughput"`
	Servers     []ServerLoad `json:"servers"`
	MaxMean     float64      `json:"maxMean"` // greatest use of a server by the mean use
	Jain        float64      `json:"jain"`    // of the servers' use: 1 if all are alike, 1/n if one does all
	Waiting     float64      `json:"waiting"` // requests without a slot, all servers, in the mean of time
	// Tail is the share of servers with 0, 1, 2, ... requests or more.
	Tail   []float64 `json:"tail"`
	Hits   *float64  `json:"cacheHits,omitempty"` // share of requests whose destination was cached
	Sticky *float64  `json:"sticky,omitempty"`    // share of returning clients (destinations) that met the same server again
	Moves  []Move    `json:"moves,omitempty"`
	Joins  []Join    `json:"joins,omitempty"`
	Series Series    `json:"series"` // of the first run

	responses *hdrhistogram.Histogram
}

// Response is response times in seconds: from SYN to FIN.
type Response struct {
	Mean float64 `json:"mean"`
	P50  float64 `json:"p50"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p999"`
	Max  float64 `json:"max"`
}

// ServerLoad is one server.
type ServerLoad struct {
	Name     string  `json:"name"`
	Group    int     `json:"group"`    // number of its group, from 0
	Picks    float64 `json:"picks"`    // connections it was given
	Share    float64 `json:"share"`    // of all
	Use      float64 `json:"use"`      // share of its slots that were at work, while it was in the service
	InSystem float64 `json:"inSystem"` // requests, in the mean of time
	Waiting  float64 `json:"waiting"`  // those of them without a slot
	Peak     int     `json:"peak"`     // most requests at once
}

// Move is what a departure did to clients (destinations, if the scenario has
// them) whose server has stayed, at their first connection after it.
type Move struct {
	At     Seconds `json:"at"`
	Server string  `json:"server"`
	Keys   int     `json:"keys"`  // that came again
	Moved  int     `json:"moved"` // of them to another server than before
}

// Share is the part that moved, 0 if none came again.
func (m Move) Share() float64 { return float64(m.Moved) / float64(max(m.Keys, 1)) }

// Join is the rush to a server that has joined, in the window after it.
type Join struct {
	At       Seconds `json:"at"`
	Server   string  `json:"server"`
	Share    float64 `json:"share"`    // of new connections it got
	Promised float64 `json:"promised"` // by its weight
	Peak     int     `json:"peak"`     // most requests it had at once
	Others   float64 `json:"others"`   // requests of another server, in the mean
}

// result collects what a finished engine has measured.
func (e *engine) result(scheduler string) *Result {
	r := &Result{Scheduler: scheduler, Failed: e.failed, Unserved: e.unserved, Seconds: max(e.ended-e.since, 1e-9), Moves: e.moves, Joins: e.arrived,
		Series: e.series, Tail: e.tail[:], responses: e.responses}
	r.Tail[0] = 1
	r.Answered = uint64(e.responses.TotalCount())
	r.Response = Response{Mean: e.sum / float64(max(r.Answered, 1)), Max: e.longest}
	r.quantiles()
	r.Spread = [2]float64{r.Response.Mean, r.Response.Mean}
	r.Throughput = float64(r.Answered) / r.Seconds
	if e.asks > 0 {
		hits := float64(e.hits) / float64(e.asks)
		r.Hits = &hits
	}
	if e.returns > 0 {
		same := float64(e.same) / float64(e.returns)
		r.Sticky = &same
	}
	for i := range e.servers {
		r.addServer(&e.servers[i], &e.start[i], &e.final[i])
	}
	r.Connections += r.Unserved
	r.balance()
	return r
}

func (r *Result) quantiles() {
	at := func(q float64) float64 { return float64(r.responses.ValueAtQuantile(q)) / 1e9 }
	r.Response.P50, r.Response.P99, r.Response.P999 = at(50), at(99), at(99.9)
}

func (r *Result) addServer(s *server, from, to *meter) {
	l := ServerLoad{Name: s.name, Group: int(s.group), Picks: float64(to.picks - from.picks), Peak: to.peak,
		InSystem: (to.inSystem - from.inSystem) / r.Seconds, Waiting: (to.waiting - from.waiting) / r.Seconds}
	if in := to.member - from.member; in > 0 {
		l.Use = (to.busy - from.busy) / in / float64(s.slots)
	}
	r.Connections += uint64(to.picks - from.picks)
	r.Waiting += l.Waiting
	r.Servers = append(r.Servers, l)
}

// balance works out shares, max/mean and Jain's index (Jain, Chiu and Hawe, "A
// Quantitative Measure of Fairness", 1984: (sum x)^2 / (n * sum x^2)).
func (r *Result) balance() {
	var sum, squares, most, picks float64
	for i := range r.Servers {
		picks += r.Servers[i].Picks
	}
	for i := range r.Servers {
		s := &r.Servers[i]
		s.Share = s.Picks / max(picks, 1)
		sum, squares, most = sum+s.Use, squares+s.Use*s.Use, max(most, s.Use)
	}
	if n := float64(len(r.Servers)); sum > 0 {
		r.MaxMean, r.Jain = most/(sum/n), sum*sum/(n*squares)
	}
}

// merge makes one Result of those of several runs.
func merge(runs []*Result) *Result {
	out := *runs[0]
	n := float64(len(runs))
	total := out.Response.Mean * float64(out.Answered)
	for _, r := range runs[1:] {
		out.Connections, out.Answered = out.Connections+r.Connections, out.Answered+r.Answered
		out.Failed, out.Unserved = out.Failed+r.Failed, out.Unserved+r.Unserved
		total += r.Response.Mean * float64(r.Answered)
		out.Response.Max = max(out.Response.Max, r.Response.Max)
		out.Spread = [2]float64{min(out.Spread[0], r.Response.Mean), max(out.Spread[1], r.Response.Mean)}
		out.responses.Merge(r.responses)
		out.add(r)
	}
	out.Response.Mean = total / float64(max(out.Answered, 1))
	out.quantiles()
	out.scale(1 / n)
	return &out
}

// add sums what merge takes the mean of.
func (r *Result) add(o *Result) {
	for _, p := range []struct{ to, from *float64 }{{&r.Seconds, &o.Seconds}, {&r.Throughput, &o.Throughput}, {&r.MaxMean, &o.MaxMean},
		{&r.Jain, &o.Jain}, {&r.Waiting, &o.Waiting}, {r.Hits, o.Hits}, {r.Sticky, o.Sticky}} {
		if p.to != nil && p.from != nil {
			*p.to += *p.from
		}
	}
	for i := range r.Tail {
		r.Tail[i] += o.Tail[i]
	}
	for i := range r.Servers {
		a, b := &r.Servers[i], &o.Servers[i]
		a.Picks, a.Share, a.Use = a.Picks+b.Picks, a.Share+b.Share, a.Use+b.Use
		a.InSystem, a.Waiting, a.Peak = a.InSystem+b.InSystem, a.Waiting+b.Waiting, max(a.Peak, b.Peak)
	}
	for i := range r.Moves {
		if i < len(o.Moves) {
			r.Moves[i].Keys, r.Moves[i].Moved = r.Moves[i].Keys+o.Moves[i].Keys, r.Moves[i].Moved+o.Moves[i].Moved
		}
	}
	for i := range r.Joins {
		if i < len(o.Joins) {
			a, b := &r.Joins[i], &o.Joins[i]
			a.Share, a.Others, a.Peak = a.Share+b.Share, a.Others+b.Others, max(a.Peak, b.Peak)
		}
	}
}

// scale makes means of the sums of add.
func (r *Result) scale(by float64) {
	for _, v := range []*float64{&r.Seconds, &r.Throughput, &r.MaxMean, &r.Jain, &r.Waiting, r.Hits, r.Sticky} {
		if v != nil {
			*v *= by
		}
	}
	for i := range r.Tail {
		r.Tail[i] *= by
	}
	for i := range r.Servers {
		s := &r.Servers[i]
		s.Picks, s.Share, s.Use, s.InSystem, s.Waiting = s.Picks*by, s.Share*by, s.Use*by, s.InSystem*by, s.Waiting*by
	}
	for i := range r.Joins {
		r.Joins[i].Share, r.Joins[i].Others = r.Joins[i].Share*by, r.Joins[i].Others*by
	}
}
