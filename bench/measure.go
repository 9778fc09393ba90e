package bench

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Sample is the result of one measurement.
type Sample struct {
	Offered float64 `json:"offered"` // packets per second that came to the director
	Rate    float64 `json:"rate"`    // packets per second that reached the server
	Loss    float64 `json:"loss"`    // share of all packets offered that never did, 0 to 1
}

// measure runs one contestant on a topology of its own.
func measure(ctx context.Context, c Contestant, o Options) (s Sample, err error) {
	t, err := newTopology()
	if err != nil {
		return s, err
	}
	defer t.close()
	g, err := newGenerator(t, o)
	if err != nil {
		return s, err
	}
	stop, err := c.Start(ctx, t)
	if err != nil {
		return s, fmt.Errorf("start %s: %w", c.Name(), err)
	}
	defer func() { err = errors.Join(err, stop()) }()
	if err := g.start(); err != nil {
		return s, err
	}
	s, err = t.window(ctx, o)
	if err := errors.Join(err, g.stop()); err != nil {
		return s, err
	}
	s.Loss, err = t.loss(ctx)
	return s, err
}

// window measures the rates in the middle of a run.
func (t *Topology) window(ctx context.Context, o Options) (s Sample, err error) {
	if err := pause(ctx, o.Warmup); err != nil {
		return s, err
	}
	offered, received, err := t.counts()
	if err != nil {
		return s, err
	}
	start := time.Now()
	if err := pause(ctx, o.Duration); err != nil {
		return s, err
	}
	offeredAfter, receivedAfter, err := t.counts()
	took := time.Since(start).Seconds()
	s.Offered = float64(offeredAfter-offered) / took
	s.Rate = float64(receivedAfter-received) / took
	return s, err
}

func (t *Topology) counts() (offered, received uint64, err error) {
	offered, err1 := t.offered.packets()
	received, err2 := t.received.packets()
	return offered, received, errors.Join(err1, err2)
}

// settle is how long no packet must arrive until all that will have: longer
// than a busy machine keeps a forwarder from its processor.
const settle = 200 * time.Millisecond

// loss waits until the server has all, or receives no more, and returns the share of all
// packets offered, from the first on, that it did not get.
func (t *Topology) loss(ctx context.Context) (float64, error) {
	for last := uint64(0); ; {
		offered, received, err := t.counts()
		if err != nil || offered == 0 {
			return 0, errors.Join(err, errNothing(offered))
		}
		if received == last || received >= offered {
			return 1 - float64(received)/float64(offered), nil
		}
		last = received
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
