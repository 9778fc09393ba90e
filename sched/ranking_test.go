package sched_test

import (
	"math"
	"reflect"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ulvs/sched"
	"ulvs/sched/schedtest"
	"ulvs/wire"
)

// ranked are the schedulers that take the least loaded server.
var ranked = []string{"lc", "wlc", "sed", "nq"}

// world is a service whose scheduler is compared with a walk over its list.
type world struct {
	t    *rapid.T
	name string
	s    sched.Scheduler
	list []*sched.Server
	gone []*sched.Server // deleted, and with their connections
}

var anyWeight = rapid.OneOf(
	rapid.Int32Range(0, 3), rapid.Int32Range(0, 300), rapid.Int32Range(65500, 65600),
	rapid.Int32Range(math.MaxInt32-2, math.MaxInt32), rapid.Int32Min(0))

var anyCount = rapid.OneOf(rapid.Int32Range(0, 3), rapid.Int32Range(0, 5000),
	rapid.Int32Range(math.MaxInt32-2, math.MaxInt32), rapid.Int32())

func (w *world) maker() sched.Scheduler { return maker(w.t, w.name)() }

func (w *world) any() *sched.Server {
	if len(w.list) == 0 {
		w.add(w.t)
	}
	return w.list[rapid.IntRange(0, len(w.list)-1).Draw(w.t, "server")]
}

func (w *world) add(t *rapid.T) {
	s := sched.NewServer(wire.Addr{}, uint16(len(w.list)), 1)
	if len(w.gone) > 0 && rapid.Bool().Draw(t, "revived") {
		s, w.gone = w.gone[0], w.gone[1:]
		s.SetDeleted(false)
	}
	s.SetWeight(anyWeight.Draw(t, "weight"))
	w.list = sched.Insert(w.list, s)
	w.s.Added(w.list, s)
}

func (w *world) remove(*rapid.T) {
	s := w.any()
	list, at := sched.Remove(w.list, s)
	w.list = list
	w.s.Removed(list, s, at)
	s.SetDeleted(true)
	w.gone = append(w.gone, s)
}

func (w *world) edit(t *rapid.T) {
	s := w.any()
	s.SetWeight(anyWeight.Draw(t, "weight"))
	s.SetThresholds(rapid.Uint32Range(0, 4).Draw(t, "upper"), rapid.Uint32Range(0, 4).Draw(t, "lower"))
	w.s.Edited(w.list, s)
}

// restart gives the list to a scheduler of the same or another name.
func (w *world) restart(t *rapid.T) {
	if rapid.Bool().Draw(t, "let go") {
		w.s.Init(nil)
	}
	if rapid.Bool().Draw(t, "another") {
		w.name = rapid.SampledFrom(ranked).Draw(t, "name")
		w.s = w.maker()
	}
	w.s.Init(w.list)
}

// change makes connections begin, change state and end, also at servers that
// are deleted.
func (w *world) change(t *rapid.T) {
	s := w.any()
	if len(w.gone) > 0 && rapid.Bool().Draw(t, "deleted one") {
		s = w.gone[0]
	}
	do := []func(){
		s.Bind, s.Activate, s.Deactivate, s.BindTemplate, s.UnbindTemplate,
		func() { s.Unbind(true) }, func() { s.Unbind(false) }, func() { s.SetOverloaded(!s.Overloaded.Load()) },
		func() { s.SetCounts(anyCount.Draw(t, "active"), anyCount.Draw(t, "inactive")) },
	}
	for _, i := range rapid.SliceOfN(rapid.IntRange(0, len(do)-1), 1, 5).Draw(t, "changes") {
		do[i]()
	}
}

func (w *world) pick(t *rapid.T) {
	for range rapid.IntRange(1, 20).Draw(t, "picks") {
		want := sched.Walk(w.name, w.list)
		got := w.s.Pick(&sched.Flow{})
		if got != want {
			t.Fatalf("%s of %d servers: picked number %d, the walk picks %d", w.name, len(w.list),
				slices.Index(w.list, got), slices.Index(w.list, want))
		}
		if got != nil {
			got.Bind()
			got.Activate()
		}
	}
}

// TestRankingIsWalk compares the fast form with the plain walk over random
// histories of lists of 0 to 300 servers.
func TestRankingIsWalk(t *testing.T) {
	for _, name := range ranked {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				w := &world{t: t, name: name}
				for _, weight := range rapid.SliceOfN(anyWeight, 0, 300).Draw(t, "weights") {
					w.list = append(w.list, sched.NewServer(wire.Addr{}, 0, weight))
				}
				w.s = w.maker()
				w.s.Init(w.list)
				t.Repeat(map[string]func(*rapid.T){
					"add": w.add, "remove": w.remove, "edit": w.edit, "restart": w.restart,
					"change": w.change, "change more": w.change, "pick": w.pick, "pick more": w.pick,
				})
			})
		})
	}
}

// TestRankingTogether lets connections begin and end on many goroutines while
// servers are picked, removed and added and schedulers replaced. When all is
// quiet, nothing may have been missed: the picks are the walk's.
func TestRankingTogether(t *testing.T) {
	for _, name := range ranked {
		s := maker(t, name)()
		list := servers(50)
		s.Init(list)
		var mu sync.Mutex // the service's
		work := func(i int) {
			mu.Lock()
			got := s.Pick(&sched.Flow{})
			got.Bind()
			mu.Unlock()
			got.Activate()
			other := list[i*7%50]
			other.Bind()
			other.Unbind(false)
			got.Deactivate()
			if i%3 != 0 {
				got.Unbind(false)
			}
		}
		var wg sync.WaitGroup
		for w := range 8 {
			wg.Go(func() {
				for i := range 400 {
					work(i*8 + w)
				}
			})
		}
		live := list
		wg.Go(func() {
			for i := range 200 {
				mu.Lock()
				switch i % 4 {
				case 0:
					next, at := sched.Remove(live, list[i%50])
					if live = next; at >= 0 {
						s.Removed(live, list[i%50], at)
					}
				case 1, 3:
					if gone := list[(i-i%4)%50]; !slices.Contains(live, gone) {
						live = sched.Insert(live, gone)
						s.Added(live, gone)
					}
				case 2:
					s = maker(t, name)()
					s.Init(live)
				}
				mu.Unlock()
				runtime.Gosched()
			}
		})
		wg.Wait()
		for range 500 {
			want := sched.Walk(name, live)
			if got := s.Pick(&sched.Flow{}); got != want {
				t.Fatalf("%s: picked %v, the walk picks %v", name, got, want)
			}
			want.Bind()
		}
	}
}

// TestWalker: the model itself keeps what all schedulers keep.
func TestWalker(t *testing.T) {
	for _, name := range ranked {
		t.Run(name, func(t *testing.T) {
			schedtest.Run(t, func() sched.Scheduler { return sched.NewWalker(name) })
		})
	}
}

// TestPickCost: a pick among 10,000 servers does not walk. The exact figures are
// the benchmark's; a walk would be some hundred times as slow as the limit
// here, which leaves room for a busy machine.
func TestPickCost(t *testing.T) {
	for _, name := range []string{"lc", "wlc", "sed", "nq", "lblc"} {
		few, many := pickTime(t, name, 10), pickTime(t, name, 10000)
		if many > 10*few+time.Microsecond {
			t.Errorf("%s: a pick takes %v of 10 servers and %v of 10,000", name, few, many)
		}
	}
}

// pickTime is the least time of a pick and its connection in several rounds.
func pickTime(t *testing.T, name string, n int) time.Duration {
	s := maker(t, name)()
	s.Init(servers(n))
	least := time.Hour
	for range 20 {
		begin := time.Now()
		for range 200 {
			got := s.Pick(&sched.Flow{})
			got.Bind()
			got.Activate()
		}
		least = min(least, time.Since(begin)/200)
	}
	return least
}

// TestSchedulerLetsGo: servers do not keep a scheduler alive that is given up.
func TestSchedulerLetsGo(t *testing.T) {
	list := servers(3)
	a, b := maker(t, "wlc")(), maker(t, "rr")()
	a.Init(list)
	a.Init(nil)
	b.Init(list)
	for _, s := range list {
		if !reflect.ValueOf(s).Elem().FieldByName("watch").FieldByName("v").IsNil() {
			t.Error("a server still knows the scheduler before")
		}
	}
}
