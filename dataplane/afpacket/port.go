package afpacket

import (
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"ulvs/wire"
)

// ring is a receive ring mapped into memory.
type ring interface {
	// receive fills pkts and returns how many, as dataplane.Port's Receive.
	receive(pkts []wire.Packet) int
	// release gives all slots received back to the kernel.
	release()
	// ready reports whether receive would return a packet.
	ready() bool
}

// Port is one network interface as one worker sees it: a dataplane.Port.
type Port struct {
	ring ring
	tx   transmitter
	cnt  counters

	id    uint16
	index int    // the kernel's number of the interface
	queue int    // the transmit queue for AF_XDP
	name  string // of the interface, for messages
	rx    int    // receiving socket
	mem   []byte // the ring
	gone  atomic.Bool

	mu     sync.Mutex // serialises the calls of other goroutines with Close
	closed bool

	// sending serialises SetXDP with Close. It is taken before mu, and not by what a
	// worker calls: the kernel may let SetXDP wait.
	sending     sync.Mutex
	noXDP       error // of the last attempt to open a sender
	pause, skip int   // calls to be answered with it: after the next attempt, now
}

// Open makes a Port for an interface of the calling thread's network namespace.
// The interface may be down, then frames come when it goes up; with
// Options.Fanout it must be up, else the error is ErrDown.
func Open(o Options) (*Port, error) {
	o.Ring = o.Ring.withDefaults()
	if err := o.check(); err != nil {
		return nil, fmt.Errorf("open port: %w", err)
	}
	p := &Port{id: o.PortID, name: o.Interface, queue: o.Queue, rx: -1, tx: transmitter{fd: -1}}
	if err := p.open(&o); err != nil {
		p.Close()
		return nil, fmt.Errorf("open port on %s: %w", o.Interface, err)
	}
	return p, nil
}

func (p *Port) open(o *Options) error {
	var err error
	if p.rx, err = openSocket(); err != nil {
		return err
	}
	if p.index, err = interfaceIndex(p.rx, o.Interface); err != nil {
		return err
	}
	if err = p.openRing(o); err != nil {
		return err
	}
	if err = p.openTransmitter(o); err != nil {
		return err
	}
	// Last, so that the ring fills only when nothing can fail any more.
	return p.attach(o)
}

// openRing sets the options that must precede the ring, makes it and maps it.
func (p *Port) openRing(o *Options) error {
	if err := prepareReceive(p.rx, o.Ring.Version); err != nil {
		return err
	}
	if err := requestRing(p.rx, o.Ring); err != nil {
		return explainRing(o.Ring, err)
	}
	mem, err := unix.Mmap(p.rx, 0, o.Ring.Bytes(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return explainRing(o.Ring, err)
	}
	p.mem = mem
	if o.Ring.Version == V3 {
		p.ring = newRing3(mem, o.Ring, p.id, &p.cnt)
	} else {
		p.ring = newRing2(mem, o.Ring, p.id, &p.cnt)
	}
	return nil
}

func (p *Port) openTransmitter(o *Options) error {
	fd, err := openSocket()
	if err != nil {
		return err
	}
	p.tx.fd = fd
	if err := prepareSend(fd, o.QdiscBypass); err != nil {
		return err
	}
	if err := bind(fd, 0, p.index); err != nil {
		return err
	}
	p.tx.init(&p.cnt)
	return nil
}

// attach binds the ring to the interface behind the filter. A socket that
// shall join a group gets every frame between bind and join, and the group's
// other members get them too: it is kept deaf until it has joined.
func (p *Port) attach(o *Options) error {
	first := o.Filter
	if o.Fanout != nil {
		first = dropAll
	}
	if err := setFilter(p.rx, first); err != nil {
		return err
	}
	if err := bind(p.rx, unix.ETH_P_ALL, p.index); err != nil {
		return err
	}
	if o.Fanout == nil {
		return nil
	}
	if err := o.Fanout.join(p.rx); err != nil {
		return err
	}
	return setFilter(p.rx, o.Filter)
}

// Receive implements dataplane.Port. A frame that did not fit its slot is
// marked Clipped.
func (p *Port) Receive(pkts []wire.Packet) int { return p.ring.receive(pkts) }

// Release implements dataplane.Port.
func (p *Port) Release() { p.ring.release() }

// Send implements dataplane.Port. Each packet must have wire.OffloadLen bytes
// of Buf before its frame; the VLAN fields are not sent. What cannot be sent is
// counted in Stats.
func (p *Port) Send(pkts []*wire.Packet) int { return p.tx.send(pkts) }

// ID returns Options.PortID.
func (p *Port) ID() uint16 { return p.id }

// Index returns the kernel's number of the interface.
func (p *Port) Index() int { return p.index }

// Inode returns the number that identifies the receiving socket in
// /proc/net/packet; 0 once it is closed.
func (p *Port) Inode() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	var st unix.Stat_t
	if p.closed || unix.Fstat(p.rx, &st) != nil {
		return 0
	}
	return st.Ino
}

// RingBytes returns the memory of the ring, in bytes; 0 once it is closed.
func (p *Port) RingBytes() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.mem)
}

// Name returns the interface's name at Open.
func (p *Port) Name() string { return p.name }

// SetFilter replaces the filter of Options.Filter; frames already in the ring
// stay. It may be called from any goroutine.
func (p *Port) SetFilter(prog []bpf.RawInstruction) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return fmt.Errorf("set filter on %s: %w", p.name, unix.EBADF)
	}
	return setFilter(p.rx, prog)
}

// SetXDP lets frames of up to longest bytes, Ethernet header included and at most
// MaxXDPFrame, leave by AF_XDP; with 0 all leave by the packet socket, and the
// sender is kept for the next time. AF_XDP is faster and passes by what looks at or
// changes what the interface sends: its queueing discipline, egress hooks of
// nftables and tc, packet sockets such as tcpdump's. Super-frames never take it,
// and a device that takes no more ends it until the next call. The caller must be
// in the port's network namespace; it may call from any goroutine. With an error
// all frames leave by the packet socket.
func (p *Port) SetXDP(longest int) error {
	p.sending.Lock()
	defer p.sending.Unlock()
	if p.isClosed() {
		return fmt.Errorf("send on %s by AF_XDP: %w", p.name, unix.EBADF)
	}
	if x := p.tx.xdp.Load(); x != nil && x.failed.Load() {
		p.tx.xdp.Store(nil)
		return p.failedXDP(x)
	}
	if longest > 0 && p.tx.xdp.Load() == nil {
		if err := p.tryXDP(); err != nil {
			return err
		}
	}
	p.tx.longest.Store(int32(min(longest, MaxXDPFrame)))
	return nil
}

// failedXDP closes a sender that the worker has given up. The kernel gives its queue
// free a little later: a new one is for the next call.
func (p *Port) failedXDP(x *xdpSender) error {
	err := errors.New("given up: the device was down or took no more")
	if x.noQueue {
		err = fmt.Errorf("%w %d", errNoQueue, p.queue)
		p.noXDP, p.skip = err, forGood
	}
	return fmt.Errorf("send on %s by AF_XDP: %w", p.name, errors.Join(err, x.close()))
}

// How many calls of SetXDP are answered with the last error after one that could
// not open a sender, which takes a millisecond: twice as many after each.
const (
	mostSkipped = 63
	forGood     = math.MaxInt
)

// tryXDP opens a sender.
func (p *Port) tryXDP() error {
	if p.skip > 0 {
		p.skip--
		return p.noXDP
	}
	x, err := openXDP(p.index, p.queue)
	if err == nil {
		p.pause = 0
		p.tx.xdp.Store(x)
		return nil
	}
	p.noXDP = fmt.Errorf("send on %s by AF_XDP: %w", p.name, err)
	p.pause = min(2*p.pause+1, mostSkipped)
	if p.skip = p.pause; errors.Is(err, errNoQueue) {
		p.skip = forGood
	}
	return p.noXDP
}

func (p *Port) isClosed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed
}

// Gone reports whether the interface was deleted or moved to another network
// namespace. Such a port stays deaf for ever, even if an interface of the same
// name appears: close it and open a new one. It may be called from any
// goroutine.
func (p *Port) Gone() bool {
	if p.gone.Load() {
		return true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || unbound(p.rx) {
		p.gone.Store(true)
	}
	return p.gone.Load()
}

// Close gives the sockets and the ring's memory back. Packets received from
// the port are invalid from then on. A second Close does nothing.
func (p *Port) Close() error {
	p.sending.Lock()
	defer p.sending.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil
	}
	p.closed = true
	p.collect()
	err := unmap(p.mem)
	p.mem, p.ring = nil, closedRing{}
	for _, fd := range [...]int{p.rx, p.tx.fd} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
	p.tx.fd = -1
	if x := p.tx.xdp.Swap(nil); x != nil {
		err = errors.Join(err, x.close())
	}
	return err
}

func unmap(mem []byte) error {
	if mem == nil {
		return nil
	}
	return unix.Munmap(mem)
}

// closedRing takes the place of a ring whose memory is gone.
type closedRing struct{}

func (closedRing) receive([]wire.Packet) int { return 0 }
func (closedRing) release()                  {}
func (closedRing) ready() bool               { return false }
