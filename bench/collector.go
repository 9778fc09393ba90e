package bench

import (
	"context"
	"errors"
	"regexp"
	"strconv"
	"time"
)

var metricCollections = Metric{Unit: "collections", Title: "garbage collections", Lower: true}

// collectorRate is the steady load, in packets per second.
const collectorRate = 200_000

// collections counts the garbage collections of a daemon under a steady load,
// its connections made: a packet must leave nothing to collect. Go's own, two
// minutes after the last, does not come within a measurement.
func collections(d Director, full time.Duration) func(context.Context, *Env) (Sample, error) {
	return func(ctx context.Context, e *Env) (s Sample, err error) {
		t, err := newTopology(ctx, e, layout{wiring: d.Wiring(), place: OwnCore, services: []Endpoint{discard}, count: true})
		if err != nil {
			return nil, err
		}
		defer t.close()
		begun := time.Now()
		p, err := startDaemonWith(ctx, t, []string{"GODEBUG=gctrace=1"}, d.Args)
		if err != nil {
			return nil, err
		}
		var from, to time.Duration // of the daemon's life
		err = d.configure(ctx, p.client, t)
		if err == nil {
			l := Load{Flows: 1000, Rate: collectorRate, Duration: e.lasts(full), SocketSource: e.SocketSource}
			err = t.beside(l, func() (err error) {
				if err := pause(ctx, l.warmup()); err != nil {
					return err
				}
				from = time.Since(begun)
				s, err = t.window(ctx, Load{Duration: l.Duration})
				to = time.Since(begun)
				return err
			})
		}
		if err := errors.Join(err, p.stop()); err != nil {
			return nil, err
		}
		s[metricCollections.Unit] = float64(collectionsBetween(p.errs.String(), from, to))
		return s, nil
	}
}

// traceLine is the beginning of what GODEBUG=gctrace=1 prints for each collection:
// its number and its time since the program's start in seconds (package runtime).
var traceLine = regexp.MustCompile(`(?m)^gc \d+ @([0-9.]+)s `)

// collectionsBetween counts those that a trace has between two times.
func collectionsBetween(trace string, from, to time.Duration) (n int) {
	for _, m := range traceLine.FindAllStringSubmatch(trace, -1) {
		at, _ := strconv.ParseFloat(m[1], 64) // digits
		if at >= from.Seconds() && at <= to.Seconds() {
			n++
		}
	}
	return n
}
