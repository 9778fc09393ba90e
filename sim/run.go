package sim

import (
	"context"
	"fmt"
	"runtime"
	"sync"
)

// Options say what Run simulates.
type Options struct {
	Schedulers []string // none: what each scenario names
	Seed       uint64   // of the first run; the others count on
	Runs       int      // at least 1
	Command    string   // how to get the same report again
}

// Run simulates every scenario with every scheduler, as many at once as there
// are processors.
func Run(ctx context.Context, scenarios []*Scenario, o Options) (*Report, error) {
	r := &Report{Version: Version, Command: o.Command, Seed: o.Seed, Runs: o.Runs}
	for _, sc := range scenarios {
		schedulers := o.Schedulers
		if len(schedulers) == 0 {
			schedulers = sc.DefaultSchedulers()
		}
		results, err := runScenario(ctx, sc, schedulers, o)
		if err != nil {
			return nil, err
		}
		r.Scenarios = append(r.Scenarios, Outcome{Scenario: sc, Load: sc.load(), Results: results})
	}
	return r, nil
}

func runScenario(ctx context.Context, sc *Scenario, schedulers []string, o Options) ([]*Result, error) {
	results := make([]*Result, len(schedulers))
	errs := make([]error, len(schedulers))
	places := make(chan struct{}, runtime.GOMAXPROCS(0))
	var all sync.WaitGroup
	for i, name := range schedulers {
		places <- struct{}{}
		all.Go(func() {
			defer func() { <-places }()
			results[i], errs[i] = runScheduler(ctx, sc, name, o)
		})
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return results, nil
}

func runScheduler(ctx context.Context, sc *Scenario, name string, o Options) (*Result, error) {
	var runs []*Result
	for n := range max(o.Runs, 1) {
		r, err := Simulate(ctx, sc, name, o.Seed+uint64(n))
		if err != nil {
			return nil, fmt.Errorf("simulate %s with %s: %w", sc.Name, name, err)
		}
		runs = append(runs, r)
	}
	return merge(runs), nil
}

// Simulate is one scenario with one scheduler, once.
func Simulate(ctx context.Context, sc *Scenario, scheduler string, seed uint64) (*Result, error) {
	e, err := newEngine(sc, scheduler, seed)
	if err != nil {
		return nil, err
	}
	if err := e.run(ctx); err != nil {
		return nil, err
	}
	if e.ended < float64(sc.Warmup) {
		return nil, &Error{sc.File, max(sc.lines["warmup"], 1), "warmup",
			fmt.Sprintf("%gs is longer than connections arrive, %.3gs: less, or more connections", float64(sc.Warmup), e.ended)}
	}
	return e.result(scheduler), nil
}

// load is the work that is offered by the work that can be done, 0 if it is not
// known before.
func (s *Scenario) load() float64 {
	rate := s.Arrivals.Rate
	if s.Arrivals.Kind == "mmpp" {
		var work, time float64
		for _, state := range s.Arrivals.States {
			work, time = work+state.Rate*float64(state.Stay), time+float64(state.Stay)
		}
		rate = work / time
	}
	return rate * float64(s.Service.Mean) / s.Capacity()
}
