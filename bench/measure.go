package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// Load is what small packets are offered to a forwarder.
type Load struct {
	Flows int
	// Rate is what the generator offers in packets per second. 0 floods: the
	// kernel's own source offers more than any contestant forwards.
	Rate int
	// SocketSource floods by a packet socket instead, which needs no BPF and
	// reaches about half.
	SocketSource bool
	Duration     time.Duration // measured
}

// warmup is the time before: for the connections of all flows to be made, of
// which each is met at random at some 600,000 packets per second.
func (l *Load) warmup() time.Duration {
	return min(500*time.Millisecond, 2*l.Duration) + time.Duration(l.Flows)*min(6*time.Microsecond, l.Duration/200_000)
}

// adapt is the load with what the environment replaces.
func (l Load) adapt(e *Env) Load {
	l.Duration = e.lasts(l.Duration)
	l.SocketSource = l.SocketSource || e.SocketSource
	if e.Flows > 0 {
		l.Flows = e.Flows
	}
	if e.Rate > 0 {
		l.Rate = e.Rate
	}
	return l
}

// packets measures a forwarder of small packets on a topology of its own.
func packets(c Contestant, place Placement, l Load) func(context.Context, *Env) (Sample, error) {
	return func(ctx context.Context, e *Env) (Sample, error) {
		return measurePackets(ctx, e, c, place, l.adapt(e))
	}
}

func measurePackets(ctx context.Context, e *Env, c Contestant, place Placement, l Load) (s Sample, err error) {
	t, err := newTopology(ctx, e, layout{wiring: c.Wiring(), place: place, services: []Endpoint{discard}, count: true})
	if err != nil {
		return nil, err
	}
	defer t.close()
	g, err := newGenerator(t, l)
	if err != nil {
		return nil, err
	}
	stop, err := c.Start(ctx, t)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", c.Name(), err)
	}
	defer func() { err = errors.Join(err, stop()) }()
	if err := g.start(); err != nil {
		return nil, err
	}
	s, err = t.window(ctx, l)
	if err := errors.Join(err, g.stop()); err != nil {
		return nil, err
	}
	lost, err := t.loss(ctx)
	s[metricLoss.Unit] = 100 * lost
	return s, err
}

// window measures the rates in the middle of a run.
func (t *Topology) window(ctx context.Context, l Load) (s Sample, err error) {
	if err := pause(ctx, l.warmup()); err != nil {
		return nil, err
	}
	before, err := t.counts()
	if err != nil {
		return nil, err
	}
	if err := pause(ctx, l.Duration); err != nil {
		return nil, err
	}
	after, err := t.counts()
	took := after.at.Sub(before.at).Seconds()
	received := float64(after.received - before.received)
	s = Sample{
		metricOffered.Unit: float64(after.offered-before.offered) / took / 1e3,
		metricRate.Unit:    received / took / 1e3,
	}
	if received > 0 && t.Place.Director != t.Place.Client {
		s[metricPacket.Unit] = float64((after.busy - before.busy).Nanoseconds()) / received
	}
	return s, err
}

// counts is the state of the counters.
type counts struct {
	at                time.Time
	offered, received uint64
	busy              time.Duration // of the director's processor
}

func (t *Topology) counts() (c counts, err error) {
	var err1, err2, err3 error
	c.at = time.Now()
	c.offered, err1 = t.offered.packets()
	c.received, err2 = t.received.packets()
	c.busy, err3 = busy(t.Place.Director)
	return c, errors.Join(err1, err2, err3)
}

// tick is the unit of /proc/stat on Linux (USER_HZ).
const tick = 10 * time.Millisecond

// busy is for how long a processor has worked, since the machine's start, for
// programs, kernel and interrupts (proc(5), /proc/stat).
func busy(cpu int) (time.Duration, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		var user, nice, system, idle, iowait, irq, softirq int64
		name, rest, _ := strings.Cut(line, " ")
		if name != fmt.Sprintf("cpu%d", cpu) {
			continue
		}
		_, err := fmt.Sscan(rest, &user, &nice, &system, &idle, &iowait, &irq, &softirq)
		return time.Duration(user+nice+system+irq+softirq) * tick, err
	}
	return 0, nil // a machine with fewer processors
}

// settle is how long no packet must arrive until all that will have: longer
// than a busy machine keeps a forwarder from its processor.
const settle = 200 * time.Millisecond

// loss waits until the server has all, or receives no more, and returns the share of all
// packets offered, from the first on, that it did not get.
func (t *Topology) loss(ctx context.Context) (float64, error) {
	for last := uint64(0); ; {
		c, err := t.counts()
		if err != nil || c.offered == 0 {
			return 0, errors.Join(err, errNothing(c.offered))
		}
		if c.received == last || c.received >= c.offered {
			return 1 - float64(c.received)/float64(c.offered), nil
		}
		last = c.received
		if err := pause(ctx, settle); err != nil {
			return 0, err
		}
	}
}

func errNothing(offered uint64) error {
	if offered == 0 {
		return errors.New("the generator sent nothing")
	}
	return nil
}

// pause waits for d, or for the end of ctx, which is an error.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
