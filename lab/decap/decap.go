package decap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"ulvs/wire"
)

// DefaultDevice is the name of the device if none is given.
const DefaultDevice = "ulvs-decap"

// receiveBuffer is asked for the raw socket, in bytes; the kernel may give
// less. An upload arrives in bursts of a whole congestion window.
const receiveBuffer = 4 << 20

// maxPacket is the largest IP packet.
const maxPacket = 65535

// Options say what is accepted and where it goes.
type Options struct {
	Directors []netip.Addr // outer source addresses to accept; at least one
	VIPs      []netip.Addr // inner destinations to accept; at least one
	Device    string       // name of the device; DefaultDevice if empty
	Kind      Kind         // of device; Auto
	KeepARP   bool         // leave arp_ignore and arp_announce as they are
}

// Decap is an open tunnel end.
type Decap struct {
	filter filter
	conn   *net.IPConn
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
	if d.conn, err = net.ListenIP("ip4:4", nil); err != nil {
		return fmt.Errorf("open raw socket for IPIP (needs CAP_NET_RAW): %w", err)
	}
	d.undo = append(d.undo, d.closeConn)
	return d.enlargeBuffer()
}

// enlargeBuffer asks for the buffer in both ways: the second goes beyond
// net.core.rmem_max and may be forbidden.
func (d *Decap) enlargeBuffer() error {
	if err := d.conn.SetReadBuffer(receiveBuffer); err != nil {
		return fmt.Errorf("set receive buffer: %w", err)
	}
	raw, err := d.conn.SyscallConn()
	if err != nil {
		return fmt.Errorf("set receive buffer: %w", err)
	}
	return raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer)
	})
}

func (d *Decap) closeConn() error {
	if err := d.conn.Close(); !errors.Is(err, net.ErrClosed) {
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
	stop := context.AfterFunc(ctx, func() { _ = d.conn.Close() })
	defer stop()
	err := d.receive()
	if ctx.Err() != nil {
		err = nil
	}
	return errors.Join(err, d.Close())
}

func (d *Decap) receive() error {
	buf := make([]byte, maxPacket)
	for {
		// ReadMsgIP leaves the outer header on; it is looked at.
		n, _, _, _, err := d.conn.ReadMsgIP(buf, nil)
		if err != nil {
			return fmt.Errorf("receive IPIP: %w", err)
		}
		d.handle(wire.IPv4(buf[:n]))
	}
}

// handle does one packet.
func (d *Decap) handle(outer wire.IPv4) {
	inner, reason := d.filter.unwrap(outer)
	if reason == Delivered {
		if _, err := d.device.Write(inner); err != nil {
			reason = Undeliverable
		}
	}
	d.counts[reason].Add(1)
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
