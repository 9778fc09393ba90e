package bench

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// metricHalf is what was offered beside round trips.
var metricHalf = Metric{Unit: "kpps-half", Title: "half of saturated kpps"}

// saturatedFor is how long a contestant is flooded to see what half of it is.
const saturatedFor = 700 * time.Millisecond

// quickHalf is the least that half of that is taken for where only the way is
// tried, in packets per second.
const quickHalf = 10_000

// loadedTrips measures round trips while the contestant forwards half of what it
// did when it was flooded just before. The generator never sleeps: client and
// echo server run before it, lest its time slices be measured.
func loadedTrips(c Contestant, place Placement, full time.Duration) func(context.Context, *Env) (Sample, error) {
	return func(ctx context.Context, e *Env) (s Sample, err error) {
		l := layout{wiring: c.Wiring(), place: place, services: []Endpoint{discard, echoUDP}, count: true, pings: true}
		t, err := newTopology(ctx, e, l)
		if err != nil {
			return nil, err
		}
		defer t.close()
		t.urgent = true
		stop, err := c.Start(ctx, t)
		if err != nil {
			return nil, fmt.Errorf("start %s: %w", c.Name(), err)
		}
		defer func() { err = errors.Join(err, stop()) }()
		half, err := t.halfRate(ctx)
		if err != nil {
			return nil, err
		}
		return t.pingsBeside(ctx, half, e.lasts(full))
	}
}

// halfRate floods and returns half of what came through, in packets per second.
func (t *Topology) halfRate(ctx context.Context) (rate int, err error) {
	l := Load{Flows: DefaultFlows, Duration: saturatedFor, SocketSource: t.env.SocketSource}
	if t.env.Quick {
		l.Flows, l.Duration = 1000, quickLeast
	}
	err = t.beside(l, func() error {
		s, err := t.window(ctx, l)
		rate = int(s[metricRate.Unit] * 1e3 / 2)
		return err
	})
	if t.env.Quick { // too short to see what comes through
		rate = max(rate, quickHalf)
	}
	if err == nil && rate == 0 {
		err = errors.New("nothing came through when flooded")
	}
	return rate, err
}

// pingsBeside measures round trips beside a load.
func (t *Topology) pingsBeside(ctx context.Context, rate int, lasts time.Duration) (s Sample, err error) {
	l := Load{Flows: DefaultFlows, Rate: rate, SocketSource: t.env.SocketSource}
	err = t.beside(l, func() error {
		before, err := t.counts()
		if err != nil {
			return err
		}
		if s, err = t.pings(ctx, echoUDP, lasts, 0); err != nil {
			return err
		}
		after, err := t.counts()
		s[metricHalf.Unit] = float64(rate) / 1e3
		s[metricRate.Unit] = float64(after.received-before.received) / after.at.Sub(before.at).Seconds() / 1e3
		return err
	})
	return s, err
}

// beside runs f while a generator offers a load.
func (t *Topology) beside(l Load, f func() error) error {
	g, err := newGenerator(t, l)
	if err != nil {
		return err
	}
	if err := g.start(); err != nil {
		return err
	}
	err = f()
	return errors.Join(err, g.stop())
}
