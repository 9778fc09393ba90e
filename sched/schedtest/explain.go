package schedtest

import (
	"math"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ulvs/sched"
	"ulvs/wire"
)

// Explained holds a scheduler to sched.Explainer over random histories: an
// explanation names the server that the next pick takes, shows the servers as
// they are, and changes nothing. The last is seen by a second service with the
// same history, whose scheduler is never asked to explain. make returns a new
// scheduler each time, two of which pick alike.
func Explained(t *testing.T, make func() sched.Scheduler) {
	t.Helper()
	rapid.Check(t, func(t *rapid.T) {
		h := &history{t: t, make: make}
		for i := range h.sides {
			h.sides[i] = newService(make())
		}
		for range rapid.IntRange(0, 8).Draw(t, "servers") {
			h.add(t)
		}
		t.Repeat(map[string]func(*rapid.T){
			"add": h.add, "remove": h.remove, "edit": h.edit, "thresholds": h.thresholds, "counts": h.counts,
			"connections": h.connections, "connections more": h.connections, "restart": h.restart, "wait": h.wait,
			"pick": h.pick, "pick more": h.pick, "pick most": h.pick,
		})
	})
}

// history is what happens to two services alike.
type history struct {
	t     *rapid.T
	make  func() sched.Scheduler
	sides [2]*service // the first is asked to explain
	gone  [2][]*sched.Server
	now   time.Duration
}

var weights = rapid.OneOf(rapid.Int32Range(0, 4), rapid.Int32Range(0, 4), rapid.Int32Range(0, 300),
	rapid.Int32Range(math.MaxInt32-2, math.MaxInt32))

// some returns one server of each side, the same one, nil if there are none.
func (h *history) some() (both []*sched.Server) {
	n := len(h.sides[0].list)
	if n == 0 {
		return nil
	}
	at := rapid.IntRange(0, n-1).Draw(h.t, "server")
	return []*sched.Server{h.sides[0].list[at], h.sides[1].list[at]}
}

// add adds a new server, or one that was removed with its connections.
func (h *history) add(t *rapid.T) {
	weight := weights.Draw(t, "weight")
	if len(h.gone[0]) == 0 || rapid.Bool().Draw(t, "new") {
		for _, v := range h.sides {
			v.add(weight)
		}
		return
	}
	for i, v := range h.sides {
		s := h.gone[i][0]
		h.gone[i] = h.gone[i][1:]
		s.SetWeight(weight)
		s.SetDeleted(false)
		v.list = sched.Insert(v.list, s)
		v.s.Added(v.list, s)
	}
}

func (h *history) remove(*rapid.T) {
	for i, s := range h.some() {
		h.sides[i].remove(s)
		h.gone[i] = append(h.gone[i], s)
	}
}

func (h *history) edit(t *rapid.T) {
	weight := weights.Draw(t, "weight")
	for i, s := range h.some() {
		h.sides[i].edit(s, weight)
	}
}

func (h *history) thresholds(t *rapid.T) {
	upper, lower := rapid.Uint32Range(0, 4).Draw(t, "upper"), rapid.Uint32Range(0, 4).Draw(t, "lower")
	for i, s := range h.some() {
		s.SetThresholds(upper, lower)
		h.sides[i].s.Edited(h.sides[i].list, s)
	}
}

func (h *history) counts(t *rapid.T) {
	count := rapid.OneOf(rapid.Int32Range(0, 5), rapid.Int32Range(math.MaxInt32-2, math.MaxInt32))
	active, inactive := count.Draw(t, "active"), count.Draw(t, "inactive")
	for _, s := range h.some() {
		s.SetCounts(active, inactive)
	}
}

// connections makes some begin, change state and end.
func (h *history) connections(t *rapid.T) {
	changes := rapid.SliceOfN(rapid.IntRange(0, 5), 1, 5).Draw(t, "changes")
	for _, s := range h.some() {
		do := []func(){s.Bind, s.BindActive, s.Activate, s.Deactivate, func() { s.Unbind(true) }, func() { s.Unbind(false) }}
		for _, i := range changes {
			do[i]()
		}
	}
}

// restart gives the list to a new scheduler.
func (h *history) restart(*rapid.T) {
	for _, v := range h.sides {
		v.s.Init(nil)
		v.s = h.make()
		v.s.Init(v.list)
	}
}

// wait lets time pass, with the upkeep.
func (h *history) wait(t *rapid.T) {
	h.now += time.Duration(rapid.SampledFrom([]int{1, 7, 60, 400, 2000}).Draw(t, "seconds")) * time.Second
	for _, v := range h.sides {
		if u, ok := v.s.(sched.Upkeep); ok {
			u.Tick(h.now)
		}
	}
}

// pick explains two flows, of which one is picked for.
func (h *history) pick(t *rapid.T) {
	for range rapid.IntRange(1, 6).Draw(t, "picks") {
		explain(t, h.sides[0], h.flow())
		f := h.flow()
		e := explain(t, h.sides[0], f)
		at := [2]int{}
		for i, v := range h.sides {
			s := v.s.Pick(f)
			if at[i] = slices.Index(v.list, s); s != nil {
				s.Bind()
			}
		}
		if at[0] != e.Chosen {
			t.Fatalf("%s: picked number %d, the explanation chooses %d: %+v", h.sides[0].s.Name(), at[0], e.Chosen, e)
		}
		if at[0] != at[1] {
			t.Fatalf("%s: picked number %d, and %d where nothing was explained", h.sides[0].s.Name(), at[0], at[1])
		}
	}
}

// flow draws one of a few clients, for one of a few destinations.
func (h *history) flow() *sched.Flow {
	n := rapid.IntRange(0, 1023).Draw(h.t, "flow")
	f := flow(n)
	f.Virtual = wire.AddrFrom4([4]byte{198, 51, 100, byte(n % 3)})
	f.Now = h.now
	return f
}

// explain returns the explanation of a pick for f and fails unless it is sound
// and the same again.
func explain(t *rapid.T, v *service, f *sched.Flow) *sched.Explanation {
	x, ok := v.s.(sched.Explainer)
	if !ok {
		t.Fatalf("%s explains nothing", v.s.Name())
	}
	e := x.Explain(f)
	if again := x.Explain(f); !reflect.DeepEqual(e, again) {
		t.Fatalf("%s: explained twice, %+v and %+v", v.s.Name(), e, again)
	}
	if what := Unsound(&e, v.list); what != "" {
		t.Fatalf("%s: %s: %+v", v.s.Name(), what, e)
	}
	return &e
}

// Unsound says what is wrong with an explanation of a pick from list, "" if
// nothing is. The server may be another than the one that is picked.
func Unsound(e *sched.Explanation, list []*sched.Server) string {
	switch {
	case e.Rule == "" || e.Why == "":
		return "without a rule or a reason"
	case len(e.Candidates) != len(list):
		return "other servers than the list's"
	case e.Chosen < -1 || e.Chosen >= len(list):
		return "chooses a server that is not there"
	}
	for i := range e.Candidates {
		if what := unsound(e, &e.Candidates[i], list[i]); what != "" {
			return what
		}
	}
	if e.Chosen < 0 {
		return ""
	}
	switch c := &e.Candidates[e.Chosen]; {
	case c.Excluded != "":
		return "chooses a server that cannot be picked"
	case e.Formula != "" && c.Term == "":
		return "chooses a server without its term"
	}
	return ""
}

func unsound(e *sched.Explanation, c *sched.Candidate, s *sched.Server) string {
	switch {
	case c.Server != s:
		return "not in the order of the list"
	case c.Weight != s.Weight.Load() || c.Active != s.Active.Load() || c.Inactive != s.Inactive.Load():
		return "numbers that the server does not have"
	case c.Term != "" && (e.Formula == "" || c.Excluded != ""):
		return "a term without a formula, or of a server that cannot be picked"
	case c.Term == "" && c.Excluded == "" && e.Formula != "":
		return "no term of a server that can be picked"
	}
	return ""
}
