package bench

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"ulvs/dataplane/afpacket"
	"ulvs/wire"
)

// Contestant is a packet forwarder to be measured.
type Contestant interface {
	// Name is what the report calls it.
	Name() string
	// Wiring is what it needs of the hosts around it.
	Wiring() Wiring
	// Start begins to forward what comes in at t.In for t.Services of t.VIP to
	// the real servers behind t.Out, on the processor of t.Place, and returns
	// once it does. stop ends it.
	Start(ctx context.Context, t *Topology) (stop func() error, err error)
}

// Bare is the least that a forwarder on receive rings can do: new MAC
// addresses, always the same.
type Bare struct {
	Ring afpacket.Geometry
	XDP  bool // sends by AF_XDP, as ulvs does where it may, and not by sendmmsg
}

// Name implements Contestant.
func (b Bare) Name() string {
	name := "bare ring"
	if b.Ring.Version == afpacket.V3 {
		name += ", V3"
	}
	if b.XDP {
		name += ", AF_XDP out"
	}
	return name
}

// Wiring implements Contestant.
func (Bare) Wiring() Wiring { return Wiring{} }

// batchSize is the number of packets handled at a time.
const batchSize = 64

// Start implements Contestant.
func (b Bare) Start(_ context.Context, t *Topology) (func() error, error) {
	f := &bareForwarder{t: t, xdp: b.XDP}
	if err := t.Director.Do(func() { f.open(b) }); err != nil {
		return nil, err
	}
	if f.err != nil {
		return nil, errors.Join(f.err, f.close())
	}
	ready := make(chan error)
	f.wg.Go(func() { f.run(ready) })
	if err := <-ready; err != nil {
		return nil, errors.Join(err, f.close())
	}
	return f.stop, nil
}

type bareForwarder struct {
	t       *Topology
	xdp     bool // sends by AF_XDP alone
	in, out *afpacket.Port
	poller  *afpacket.Poller
	err     error

	done atomic.Bool
	wg   sync.WaitGroup
}

func (f *bareForwarder) open(b Bare) {
	if f.in, f.err = afpacket.Open(afpacket.Options{Interface: f.t.In, Ring: b.Ring}); f.err != nil {
		return
	}
	if f.out, f.err = afpacket.Open(afpacket.Options{Interface: f.t.Out, Ring: b.Ring}); f.err != nil {
		return
	}
	if b.XDP {
		if f.err = f.out.SetXDP(afpacket.MaxXDPFrame); f.err != nil {
			return
		}
	}
	f.poller, f.err = afpacket.NewPoller(f.in)
}

func (f *bareForwarder) run(ready chan<- error) {
	err := pinThread(f.t.Place.Director)
	ready <- err
	if err != nil {
		return
	}
	pkts := make([]wire.Packet, batchSize)
	out := make([]*wire.Packet, batchSize)
	for i := range pkts {
		out[i] = &pkts[i]
	}
	for !f.done.Load() {
		n := f.in.Receive(pkts)
		if n == 0 {
			f.poller.Wait(time.Second)
			continue
		}
		for i := range n {
			f.address(pkts[i].Frame())
		}
		f.out.Send(out[:n])
		f.in.Release()
	}
}

// address writes the MAC addresses of the way to the server.
func (f *bareForwarder) address(frame []byte) {
	copy(frame[0:6], f.t.SinkMAC[:])
	copy(frame[6:12], f.t.OutMAC[:])
}

func (f *bareForwarder) stop() error {
	f.done.Store(true)
	f.poller.Wake()
	f.wg.Wait()
	err := f.close()
	if s := f.in.Stats(); s.Clipped != 0 {
		err = errors.Join(err, fmt.Errorf("%d frames did not fit a slot", s.Clipped))
	}
	if s := f.out.Stats(); f.xdp && s.SentXDP != s.Sent {
		err = errors.Join(err, fmt.Errorf("%d of %d frames did not leave by AF_XDP", s.Sent-s.SentXDP, s.Sent))
	}
	return err
}

func (f *bareForwarder) close() error {
	var errs []error
	for _, port := range []*afpacket.Port{f.in, f.out} {
		if port != nil {
			errs = append(errs, port.Close())
		}
	}
	if f.poller != nil {
		errs = append(errs, f.poller.Close())
	}
	return errors.Join(errs...)
}
