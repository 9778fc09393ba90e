package schedtest

import (
	"sync"
	"testing"

	"ulvs/sched"
)

// Run holds a scheduler to what all schedulers keep, whatever they prefer:
// they take usable servers of their list only, and allocate nothing. make
// returns a new scheduler each time.
func Run(t *testing.T, make func() sched.Scheduler) {
	t.Helper()
	for _, c := range []struct {
		name string
		test func(*testing.T, func() sched.Scheduler)
	}{
		{"no server", testNone},
		{"one server", testOne},
		{"unusable servers", testUnusable},
		{"usable again", testUsableAgain},
		{"list changes", testListChanges},
		{"start afresh", testInit},
		{"repeatable", testRepeatable},
		{"many workers", testWorkers},
		{"no allocation", testAllocs},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, make) })
	}
}

// flows is how many different flows a test asks for: enough for every server
// to be the answer to one, also of a scheduler that hashes.
const flows = 600

// want picks for many flows and fails unless ok accepts every answer.
func (v *service) want(t *testing.T, what string, ok func(*sched.Server) bool) {
	t.Helper()
	for i := range flows {
		s := v.pick(flow(i))
		if !ok(s) {
			t.Fatalf("%s: %s: flow %d got %s", v.s.Name(), what, i, describe(s))
		}
		if s != nil {
			s.Unbind(false)
		}
	}
}

func describe(s *sched.Server) string {
	if s == nil {
		return "no server"
	}
	return "server " + s.Addr.String()
}

func isNone(s *sched.Server) bool { return s == nil }

func testNone(t *testing.T, make func() sched.Scheduler) {
	v := newService(make())
	v.want(t, "empty service", isNone)
	v.s.Init([]*sched.Server{})
	v.want(t, "empty list", isNone)
	v.remove(v.add(1))
	v.want(t, "only server removed", isNone)
}

func testOne(t *testing.T, make func() sched.Scheduler) {
	for _, weight := range []int32{1, 100, 65535, 1<<31 - 1} {
		v := newService(make(), weight)
		v.want(t, "one server", func(s *sched.Server) bool { return s == v.list[0] })
	}
}

func testUnusable(t *testing.T, make func() sched.Scheduler) {
	for _, c := range []struct {
		name string
		set  func(*service, *sched.Server)
	}{
		{"weight 0", func(v *service, s *sched.Server) { v.edit(s, 0) }},
		{"weight 0, not yet told", func(_ *service, s *sched.Server) { s.SetWeight(0) }},
		{"overloaded", func(v *service, s *sched.Server) { s.SetOverloaded(true); v.forget() }},
		{"deleted", func(_ *service, s *sched.Server) { s.SetDeleted(true) }},
	} {
		v := newService(make(), 3, 1, 2, 6)
		for _, s := range v.list {
			c.set(v, s)
			v.want(t, c.name, func(got *sched.Server) bool { return got == nil || got.Usable() })
		}
		v.want(t, "all "+c.name, isNone)
	}
	newService(make(), 0, 0, 0).want(t, "created with weight 0", isNone)
}

func testUsableAgain(t *testing.T, make func() sched.Scheduler) {
	v := newService(make(), 3, 1, 2)
	for _, s := range v.list {
		s.SetOverloaded(true)
	}
	v.want(t, "all overloaded", isNone)
	for _, s := range v.list {
		s.SetOverloaded(false)
	}
	v.want(t, "reopened", func(s *sched.Server) bool { return s != nil })
	for _, s := range v.list {
		v.edit(s, 0)
	}
	v.want(t, "all quiesced", isNone)
	last := v.list[len(v.list)-1]
	v.edit(last, 5)
	v.want(t, "one with weight again", func(s *sched.Server) bool { return s == nil || s == last })
}

// testListChanges adds, edits and removes at the head, in the middle and at
// the end, between picks that move a scheduler's pointer to every place.
func testListChanges(t *testing.T, make func() sched.Scheduler) {
	for size := range 6 {
		for at := range size {
			for picks := range 2 * size {
				v := newService(make(), []int32{4, 2, 1, 3, 2, 6}[:size]...)
				for i := range picks {
					v.pick(flow(i))
				}
				gone := v.list[at]
				v.remove(gone)
				v.want(t, "removed", func(s *sched.Server) bool { return s != gone && (s != nil || size == 1) })
				added := v.add(7)
				v.edit(added, 1)
				v.want(t, "added", func(s *sched.Server) bool { return s != nil && s != gone })
			}
		}
	}
}

func testInit(t *testing.T, make func() sched.Scheduler) {
	v := newService(make(), 1, 2, 3)
	old := v.list
	v.want(t, "before", func(s *sched.Server) bool { return s != nil })
	other := newService(make(), 5, 5)
	v.s.Init(other.list)
	v.list = other.list
	v.want(t, "another list", func(s *sched.Server) bool {
		return s != nil && s != old[0] && s != old[1] && s != old[2]
	})
	v.s.Init(nil)
	v.want(t, "no list", isNone)
}

// testRepeatable gives two schedulers the same history.
func testRepeatable(t *testing.T, make func() sched.Scheduler) {
	a, b := newService(make(), 1, 5, 3), newService(make(), 1, 5, 3)
	for i := range flows {
		x, y := a.pick(flow(i)), b.pick(flow(i))
		if describe(x) != describe(y) {
			t.Fatalf("%s: pick %d: %s and %s", a.s.Name(), i, describe(x), describe(y))
		}
		if i%97 == 0 {
			a.edit(a.list[i%3], int32(i%4))
			b.edit(b.list[i%3], int32(i%4))
		}
	}
}

// testWorkers lets 16 workers pick under the service's lock while connections
// change state and end without it. No pick may be lost or go to a server that
// was never usable.
func testWorkers(t *testing.T, make func() sched.Scheduler) {
	v := newService(make(), 1, 2, 3, 0)
	v.list[1].SetThresholds(40, 20)
	var wg sync.WaitGroup
	for w := range 16 {
		wg.Go(func() {
			for i := range flows {
				if s := v.pick(flow(w*flows + i)); s != nil {
					s.Activate()
					s.Deactivate()
					s.Unbind(false)
				}
			}
		})
	}
	wg.Wait()
	for _, s := range v.list {
		if s.Total() != 0 || s.Overloaded.Load() {
			t.Errorf("%s: %s has %d connections left, overloaded %v",
				v.s.Name(), describe(s), s.Total(), s.Overloaded.Load())
		}
	}
}

func testAllocs(t *testing.T, make func() sched.Scheduler) {
	v := newService(make(), 1, 2, 3, 4, 0)
	f := flow(1)
	if n := testing.AllocsPerRun(1000, func() { f.ClientPort++; v.pick(f) }); n != 0 {
		t.Errorf("%s: a pick allocates %v times", v.s.Name(), n)
	}
}
