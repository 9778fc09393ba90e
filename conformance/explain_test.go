package conformance

import (
	"maps"
	"os"
	"slices"
	"testing"
	"time"

	"ulvs/sched"
	"ulvs/sched/schedtest"
)

// recordedPicks are the picks of the recordings that are about one scheduler:
// as many as the kernel was seen to make.
var recordedPicks = map[string]int{
	"rr": 413, "wrr": 1076, "lc": 413, "wlc": 413, "sed": 413, "nq": 413, "lblc": 795, "lblcr": 876,
	"dh": 658, "sh": 1891, "mh": 2691, "fo": 408, "ovf": 412,
}

// TestExplained replays the recordings of each scheduler and has every pick
// explained before it is made. The server that the explanation chooses must be
// the one that is picked and that the kernel picked, and what the explanation
// shows must lead to it.
func TestExplained(t *testing.T) {
	all, err := Load(os.DirFS(recordings))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range recordedPicks {
		t.Run(name, func(t *testing.T) {
			picks := 0
			for _, s := range all {
				if s.Group == "a-"+name {
					picks += explained(t, s)
				}
			}
			if picks != want {
				t.Errorf("%d picks were explained, %d are recorded", picks, want)
			}
		})
	}
}

// explained replays a scenario and returns how many picks it explained.
func explained(t *testing.T, s *Scenario) int {
	w := &watcher{t: t, where: s.Group + "/" + s.Name}
	p := newPlayer(s)
	p.watch = w.watch
	r := p.replay()
	if d := r.firstFailure(); d != nil {
		t.Error(d)
	}
	return w.picks
}

// watcher explains and checks the picks of one replay.
type watcher struct {
	t     *testing.T
	where string // the scenario
	picks int
}

func (w *watcher) watch(s sched.Scheduler) sched.Scheduler { return &watched{Scheduler: s, w: w} }

// watched is a scheduler whose picks are explained.
type watched struct {
	sched.Scheduler
	w    *watcher
	list []*sched.Server
}

func (s *watched) Init(list []*sched.Server) {
	s.list = list
	s.Scheduler.Init(list)
}

func (s *watched) Added(list []*sched.Server, one *sched.Server) {
	s.list = list
	s.Scheduler.Added(list, one)
}

func (s *watched) Edited(list []*sched.Server, one *sched.Server) {
	s.list = list
	s.Scheduler.Edited(list, one)
}

func (s *watched) Removed(list []*sched.Server, one *sched.Server, at int) {
	s.list = list
	s.Scheduler.Removed(list, one, at)
}

func (s *watched) Tick(now time.Duration) {
	if u, ok := s.Scheduler.(sched.Upkeep); ok {
		u.Tick(now)
	}
}

// Pick explains, picks and compares.
func (s *watched) Pick(f *sched.Flow) *sched.Server {
	t, name := s.w.t, s.Name()
	e := s.Scheduler.(sched.Explainer).Explain(f)
	if what := schedtest.Unsound(&e, s.list); what != "" {
		t.Errorf("%s: %s: %s: %+v", s.w.where, name, what, e)
	} else if what := leadsTo[name](&e, f); what != "" {
		t.Errorf("%s: %s: %s: %+v", s.w.where, name, what, e)
	}
	got := s.Scheduler.Pick(f)
	if at := slices.Index(s.list, got); at != e.Chosen {
		t.Errorf("%s: %s: number %d got it, the explanation chooses %d: %+v", s.w.where, name, at, e.Chosen, e)
	}
	s.w.picks++
	return got
}

// TestExplainedAll: no recorded scheduler is left out above.
func TestExplainedAll(t *testing.T) {
	for _, name := range sched.Names() {
		if _, ok := recordedPicks[name]; !ok && !sched.Seeded(name) {
			t.Errorf("the explanations of %s are not held to its recordings", name)
		}
	}
	if a, b := slices.Sorted(maps.Keys(recordedPicks)), slices.Sorted(maps.Keys(leadsTo)); !slices.Equal(a, b) {
		t.Errorf("checks of %v, recordings of %v", b, a)
	}
}
