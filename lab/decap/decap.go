package decap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync/atomic"

	"ulvs/wire"
)

// DefaultDevice is the name of the device if none is given.
const DefaultDevice = "ulvs-decap"

// Options say what is accepted and where it goes.
type Options struct {
	Directors []netip.Addr // outer source addresses to accept; at least one
	VIPs      []netip.Addr // inner destinations to accept; at least one
	Type      Type         // of tunnel; IPIP
	Port      uint16       // UDP port of GUE; none for others
	Device    string       // name of the device; DefaultDevice if empty
	Kind      Kind         // of device; Auto
	KeepARP   bool         // leave arp_ignore and arp_announce as they are
}

// Decap is an open tunnel end.
type Decap struct {
	filter filter
	socket socket
	device device
	undo   []func() error // last first
	counts [numReasons]atomic.Uint64
}

// Open opens the tunnel end in the network namespace of the calling thread:
// the device is there, with the virtual addresses on it, when Open returns,
// and packets wait for Run. It needs CAP_NET_RAW and CAP_NET_ADMIN.
func Open(o Options) (*Decap, error) {
	f, err := newFilter(o.Directors, o.VIPs)
	if err != nil {
		return nil, err
	}
	f.kind = o.Type
	if o.Device == "" {
		o.Device = DefaultDevice
	}
	d := &Decap{filter: f}
	if err := d.open(o); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

func (d *Decap) open(o Options) (err error) {
	if d.device, err = newDevice(o.Kind, o.Device); err != nil {
		return err
	}
	d.undo = append(d.undo, d.device.Close)
	if err := d.furnish(o); err != nil {
		return err
	}
	// The socket comes last: what it receives has a place to go.
	d.socket, err = openSocket(o.Type, o.Port)
	if d.socket != nil {
		d.undo = append(d.undo, d.closeSocket)
	}
	return err
}

func (d *Decap) closeSocket() error {
	if err := d.socket.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil // Run has closed it
}

// Device returns the name of the device.
func (d *Decap) Device() string { return d.device.Name() }

// Run unpacks packets until ctx is done, then closes d. It returns an error
// only if the socket or the clean-up fails; packets that cannot be used are
// counted.
func (d *Decap) Run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = d.socket.Close() })
	defer stop()
	err := d.receive()
	if ctx.Err() != nil {
		err = nil
	}
	return errors.Join(err, d.Close())
}

func (d *Decap) receive() error {
	inner := make([][]byte, 0, batchSize)
	for {
		n, err := d.socket.receive()
		if err != nil {
			return fmt.Errorf("receive %s: %w", d.filter.kind, err)
		}
		inner = inner[:0]
		for i := range n {
			a, ok := d.socket.packet(i)
			if p, reason := d.unwrap(a, ok); reason == Delivered {
				inner = append(inner, d.socket.room(i, p))
			} else {
				d.counts[reason].Add(1)
			}
		}
		d.deliver(inner)
	}
}

// unwrap returns the inner packet of what has arrived, if it is a packet.
func (d *Decap) unwrap(a arrived, ok bool) (wire.IPv4, Reason) {
	if !ok {
		return nil, Malformed
	}
	return d.filter.unwrap(a)
}

// deliver gives packets to the kernel. Those it does not take are counted with
// the batch they came in.
func (d *Decap) deliver(packets [][]byte) {
	if len(packets) == 0 {
		return
	}
	reason := Delivered
	if _, err := d.device.Write(packets, headroom); err != nil {
		reason = Undeliverable
	}
	d.counts[reason].Add(uint64(len(packets)))
}

// Stats returns the packets counted so far, by Reason.
func (d *Decap) Stats() Stats {
	var s Stats
	for i := range d.counts {
		s[i] = d.counts[i].Load()
	}
	return s
}

// Close gives everything back. Run does it too.
func (d *Decap) Close() error {
	var errs []error
	for len(d.undo) > 0 {
		last := len(d.undo) - 1
		errs = append(errs, d.undo[last]())
		d.undo = d.undo[:last]
	}
	return errors.Join(errs...)
}

// Run opens a tunnel end in the network namespace of the process, tells ready
// the name of its device, runs it until ctx is done and prints what it has
// counted to out.
func Run(ctx context.Context, o Options, ready func(device string), out io.Writer) error {
	d, err := Open(o)
	if err != nil {
		return err
	}
	ready(d.Device())
	err = d.Run(ctx)
	_, printing := fmt.Fprintln(out, d.Stats())
	return errors.Join(err, printing)
}
