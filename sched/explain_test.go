package sched_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"ulvs/sched"
	"ulvs/sched/schedtest"
)

// flagged are the schedulers with the flags that they know.
func flagged() (all []string) {
	all = append(all, sched.Names()...)
	for _, name := range []string{"sh", "mh"} {
		port, fallback := name+"-port", name+"-fallback"
		all = append(all, name+" "+port, name+" "+fallback, name+" "+port+" "+fallback)
	}
	return append(all, "rdv flag-2")
}

// TestExplained demands a true explanation from every scheduler.
func TestExplained(t *testing.T) {
	for _, words := range flagged() {
		t.Run(words, func(t *testing.T) {
			name, flags, _ := strings.Cut(words, " ")
			schedtest.Explained(t, func() sched.Scheduler {
				tunables := sched.NewTunables()
				tunables.LBLCExpiration.Store(int64(10 * time.Minute))
				tunables.LBLCRExpiration.Store(int64(time.Minute))
				s, err := sched.New(name, sched.Config{Flags: strings.Fields(flags), Seed: 7, Tunables: tunables})
				if err != nil {
					t.Fatal(err)
				}
				return s
			})
		})
	}
}

// TestExplainedNotUsed: to explain a destination is not to ask for it: it is
// forgotten as it would have been.
func TestExplainedNotUsed(t *testing.T) {
	for _, name := range []string{"lblc", "lblcr"} {
		p := newPlace(t, name, 10*time.Minute)
		p.add(1)
		p.fast.Pick(&sched.Flow{})
		e := p.fast.(sched.Explainer).Explain(&sched.Flow{Now: 25 * time.Minute})
		if e.Chosen != 0 || sched.Remembered(p.fast) != 1 {
			t.Errorf("%s: before it is forgotten: chooses %d, %d remembered", name, e.Chosen, sched.Remembered(p.fast))
		}
		p.wait(31 * time.Minute)
		if n := sched.Remembered(p.fast); n != 0 {
			t.Errorf("%s: %d destinations remembered, nobody has asked for half an hour", name, n)
		}
	}
}

// TestExplainedMeanwhile: counts, weights and thresholds that change while a
// pick is explained do no harm.
func TestExplainedMeanwhile(t *testing.T) {
	for _, name := range sched.Names() {
		s := maker(t, name)()
		list := servers(20)
		s.Init(list)
		var wg sync.WaitGroup
		for w := range 4 {
			wg.Go(func() {
				for i := range 300 {
					srv := list[(7*i+w)%len(list)]
					srv.Bind()
					srv.SetOverloaded(i%3 == 0)
					srv.Activate()
					srv.SetWeight(int32(i % 4))
					srv.Unbind(true)
				}
			})
		}
		for i := range 300 {
			f := &sched.Flow{ClientPort: uint16(i), Virtual: destinationNumber(i % 5), Now: time.Duration(i) * time.Minute}
			e := s.(sched.Explainer).Explain(f)
			if len(e.Candidates) != len(list) || e.Why == "" || e.Chosen >= 0 && e.Candidates[e.Chosen].Excluded != "" {
				t.Errorf("%s: %+v", name, e)
			}
			s.Pick(f)
		}
		wg.Wait()
	}
}
