package bench

import (
	"context"
	"fmt"
	"io"
	"time"

	"ulvs/dataplane/afpacket"
)

// Options say how to compare. A zero field means its default.
type Options struct {
	Rounds   int           // measurements of each contestant; 3
	Warmup   time.Duration // before the measured time; 500 ms
	Duration time.Duration // measured time; 1.3 s
	Flows    int           // DefaultFlows
	// Rate is what the generator offers in packets per second. 0 floods: the
	// kernel's own source offers more than any contestant forwards.
	Rate int
	// SocketSource floods by a packet socket instead, which needs no BPF and
	// reaches about half.
	SocketSource bool
	// Ring is that of the bare forwarder; give it the one ulvs uses.
	Ring afpacket.Geometry
	// Contestants are measured beside the package's own.
	Contestants []Contestant
	Progress    io.Writer // told of each measurement; nil: nobody
}

func (o Options) withDefaults() Options {
	if o.Rounds == 0 {
		o.Rounds = 3
	}
	if o.Warmup == 0 {
		o.Warmup = 500 * time.Millisecond
	}
	if o.Duration == 0 {
		o.Duration = 1300 * time.Millisecond
	}
	if o.Flows == 0 {
		o.Flows = DefaultFlows
	}
	if o.Progress == nil {
		o.Progress = io.Discard
	}
	return o
}

func (o *Options) check() error {
	switch {
	case o.Rounds < 1:
		return fmt.Errorf("rounds %d: want at least 1", o.Rounds)
	case o.Flows < 1 || o.Flows > 1<<16-firstPort:
		return fmt.Errorf("flows %d: want 1 to %d", o.Flows, 1<<16-firstPort)
	case o.Rate < 0:
		return fmt.Errorf("rate %d: want packets per second, or 0 to flood", o.Rate)
	case o.Duration < 0 || o.Warmup < 0:
		return fmt.Errorf("duration %v, warm-up %v: want positive times", o.Duration, o.Warmup)
	}
	return nil
}

// First compares o.Contestants with a bare ring forwarder and with loops of one
// packet per system call: 64-byte UDP, one forwarder at a time, all of them in
// each round. It needs root.
func First(ctx context.Context, o Options) (*Report, error) {
	contestants := append([]Contestant{Bare{Ring: o.Ring}}, o.Contestants...)
	contestants = append(contestants, Loop{}, Loop{Decode: true})
	return Compare(ctx, o, contestants)
}

// Compare measures contestants in interleaved rounds, so that what disturbs the
// machine for a while disturbs all of them. The report's ratios are to the
// first.
func Compare(ctx context.Context, o Options, contestants []Contestant) (*Report, error) {
	o = o.withDefaults()
	if err := o.check(); err != nil {
		return nil, err
	}
	r := newReport(o, contestants)
	for round := range o.Rounds {
		for i, c := range contestants {
			s, err := measure(ctx, c, o)
			if err != nil {
				return nil, fmt.Errorf("measure %s: %w", c.Name(), err)
			}
			r.Rows[i].Samples = append(r.Rows[i].Samples, s)
			fmt.Fprintf(o.Progress, "round %d/%d  %-24s %s\n", round+1, o.Rounds, c.Name(), s)
		}
	}
	return r, nil
}
