package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// Options say how to run experiments.
type Options struct {
	Env
	Rounds   int       // measurements of each entry; DefaultRounds if 0
	Progress io.Writer // told of each measurement; nil: nobody
	Command  string    // for the report
	Build    string    // the program's version, for the report
}

// DefaultRounds is the number of rounds that medians are of.
const DefaultRounds = 5

// UsageError is an option that is not accepted.
type UsageError struct{ Option, Problem string }

func (e *UsageError) Error() string { return e.Option + ": " + e.Problem }

func (o *Options) check() error {
	switch {
	case o.Rounds < 0:
		return &UsageError{"--rounds", fmt.Sprintf("%d is not a positive number", o.Rounds)}
	case o.Flows < 0 || o.Flows > maxFlows:
		return &UsageError{"--flows", fmt.Sprintf("%d is not from 1 to %d", o.Flows, maxFlows)}
	case o.Rate < 0:
		return &UsageError{"--rate", fmt.Sprintf("%d is not a number of packets per second, or 0 to flood", o.Rate)}
	case o.Duration < 0:
		return &UsageError{"--duration", fmt.Sprintf("%v is not a positive time", o.Duration)}
	}
	return nil
}

// limitSlack is what a measurement may take beside four times its usual time,
// on a machine that is busy otherwise.
const limitSlack = time.Minute

// Run measures experiments in interleaved rounds: each round measures every
// entry once, so that what disturbs the machine for a while disturbs all of
// them. It needs root. When ctx ends, it ends, and leaves nothing behind. There
// may be a report beside the error, if only some measurements have failed.
func Run(ctx context.Context, experiments []Experiment, o Options) (*Report, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if o.Rounds == 0 {
		o.Rounds = DefaultRounds
	}
	if o.Progress == nil {
		o.Progress = io.Discard
	}
	if err := checkPrograms(experiments); err != nil {
		return nil, err
	}
	before, err := takeSnapshot()
	if err != nil {
		return nil, err
	}
	r := newReport(o)
	p := newProgress(o, experiments)
	for _, x := range experiments {
		result, err := runOne(ctx, x, &o, p)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", x.Name, errors.Join(err, before.leftOver()))
		}
		r.Results = append(r.Results, *result)
	}
	r.Seconds = time.Since(r.Date).Seconds()
	return r, errors.Join(r.problems(), before.leftOver())
}

// runOne measures one experiment.
func runOne(ctx context.Context, x Experiment, o *Options, p *progress) (*Result, error) {
	result := newResult(&x)
	begun := time.Now()
	for round := range o.Rounds {
		for i, entry := range x.Entries {
			row := &result.Rows[i]
			if row.Problem != "" {
				continue
			}
			s, err := measureOne(ctx, entry, &o.Env)
			if late := (*lateError)(nil); errors.As(err, &late) {
				row.Problem = late.Error()
			} else if err != nil {
				return nil, fmt.Errorf("measure %s, %s: %w", entry.Name, entry.Placement.Name, err)
			} else {
				row.Samples = append(row.Samples, s)
			}
			p.measured(&x, round, &entry, row)
		}
	}
	result.Seconds = time.Since(begun).Seconds()
	result.judge(x.Bars)
	return result, nil
}

// lateError is a measurement that was given up. It is a result, a bad one, and
// the entry is not measured again.
type lateError struct{ limit time.Duration }

func (e *lateError) Error() string { return fmt.Sprintf("not done after %v", e.limit) }

// measureOne measures one entry once, within its limit.
func measureOne(parent context.Context, entry Entry, e *Env) (Sample, error) {
	limit := 4*max(entry.Lasts, e.Duration) + limitSlack
	ctx, cancel := context.WithTimeout(parent, limit)
	defer cancel()
	s, err := entry.Measure(ctx, e)
	if errors.Is(err, context.DeadlineExceeded) && parent.Err() == nil {
		return nil, &lateError{limit}
	}
	return s, err
}

// progress prints a line for each measurement.
type progress struct {
	w           io.Writer
	rounds      int
	done, total int
	begun       time.Time
	usual, left time.Duration // by the entries' Lasts: of those done, and to come
}

func newProgress(o Options, experiments []Experiment) *progress {
	p := &progress{w: o.Progress, rounds: o.Rounds, begun: time.Now()}
	for _, x := range experiments {
		for i := range x.Entries {
			p.total += o.Rounds
			p.left += time.Duration(o.Rounds) * x.Entries[i].Lasts
		}
	}
	return p
}

// measured reports one measurement and how long the rest will take, by how the
// usual times have held so far.
func (p *progress) measured(x *Experiment, round int, entry *Entry, row *Row) {
	p.done++
	p.usual += entry.Lasts
	p.left -= entry.Lasts
	rest := time.Duration(0)
	if p.usual > 0 {
		rest = time.Duration(float64(time.Since(p.begun)) / float64(p.usual) * float64(p.left))
	}
	result := row.Problem
	if result == "" {
		unit := x.Metrics[0].Unit
		result = number(row.Samples[len(row.Samples)-1][unit]) + " " + unit
	}
	fmt.Fprintf(p.w, "%d/%d  %s, round %d/%d  %-40s %16s  (%v left)\n", p.done, p.total, x.Name, round+1, p.rounds,
		entry.Name+", "+entry.Placement.Name, result, rest.Round(time.Second))
}
