package bench

import (
	"context"
	"errors"
	"runtime"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Metrics of what the machine takes for itself.
var (
	metricInterruptions = Metric{Unit: "interruptions/s", Title: "interruptions/s", Lower: true}
	metricTaken         = Metric{Unit: "%taken", Title: "% of the time", Lower: true}
)

// leastGap is from when on two readings of the clock have something between
// them: the loop alone takes a twentieth of it.
const leastGap = 2 * time.Microsecond

// noise measures what interrupts a thread that does nothing but read the clock:
// timer ticks, the kernel's own threads, and the hypervisor's other guests. No
// forwarder on that processor can lose less time.
func noise(full time.Duration) func(context.Context, *Env) (Sample, error) {
	return func(ctx context.Context, e *Env) (Sample, error) {
		lasts := e.lasts(full)
		hist := hdrhistogram.New(1, int64(time.Second), 3)
		us := func(ns int64) float64 { return float64(ns) / 1e3 }
		var err error
		done := make(chan struct{})
		go func() { // ends with its thread
			defer close(done)
			if err = pinThread(DirectorCPU); err == nil {
				err = readClock(ctx, lasts, hist)
			}
		}()
		<-done
		if err != nil {
			return nil, err
		}
		return Sample{
			metricInterruptions.Unit: float64(hist.TotalCount()) / lasts.Seconds(),
			metricP50.Unit:           us(hist.ValueAtQuantile(50)),
			metricP99.Unit:           us(hist.ValueAtQuantile(99)),
			metricWorst.Unit:         us(hist.Max()),
			metricTaken.Unit:         100 * hist.Mean() * float64(hist.TotalCount()) / float64(lasts),
		}, nil
	}
}

// yieldEvery is less than the 10 ms after which Go's own scheduler interrupts a
// goroutine.
const yieldEvery = 5 * time.Millisecond

// readClock records the gaps between readings of the clock. What Go does between
// them is not counted.
func readClock(ctx context.Context, lasts time.Duration, hist *hdrhistogram.Histogram) error {
	start := time.Now()
	yielded := start
	for last := start; last.Sub(start) < lasts; {
		now := time.Now()
		gap := now.Sub(last)
		if last = now; gap >= leastGap {
			if err := errors.Join(ctx.Err(), hist.RecordValue(min(int64(gap), int64(time.Second)))); err != nil {
				return err
			}
			last = time.Now()
		}
		if last.Sub(yielded) >= yieldEvery {
			runtime.Gosched()
			last = time.Now()
			yielded = last
		}
	}
	return nil
}

func noiseExperiment() Experiment {
	return Experiment{
		Name: "noise", Title: "what the machine takes for itself",
		About: "A thread on processor 1 reads the clock and does nothing else; an interruption is where two readings lie 2 µs " +
			"or more apart: timer ticks, the kernel's threads, the hypervisor's other guests. It bounds what any forwarder can reach.",
		Metrics: []Metric{metricInterruptions, metricP50, metricP99, metricWorst, metricTaken},
		Entries: []Entry{{Name: "a loop that reads the clock", Placement: Alone, Lasts: noiseLasts, Measure: noise(noiseLasts)}},
	}
}
