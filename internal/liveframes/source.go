package liveframes

import (
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// endless is more frames than any run lasts; Stop ends it.
const endless = 1 << 31

// maxFrame keeps a frame in the page that the kernel makes it of, in bytes.
const maxFrame = 2048

// Config says what a Source makes.
type Config struct {
	// Frame is an Ethernet frame with UDP over IPv4, without options. The first
	// six bytes of its payload become the complements of source port and
	// address, so that its UDP checksum, made with all four of them zero, goes
	// for every flow.
	Frame []byte
	// Flows is their number. A flow is a source port, one of Ports from
	// FirstPort on, and a source address, counted up from the frame's once the
	// ports are used up.
	Flows, FirstPort, Ports int
	// Index is the interface, of the namespace of the thread that calls Run.
	Index int
	// Transmit lets the frames leave by the interface instead of coming in at
	// it. A veth's other end must have GRO on to take them: they then go
	// through its NAPI, which may have a thread of its own.
	Transmit bool
	// Rate is what is made in frames per second, evenly; 0: as fast as it goes.
	Rate int
}

// Bounds of pacing.
const (
	// maxBurst is the number of frames that come without a gap where the source
	// is late.
	maxBurst  = 64
	leastRate = 100
	mostRate  = 100_000_000
)

func (c *Config) check() error {
	if len(c.Frame) < leastFrame || len(c.Frame) > maxFrame {
		return fmt.Errorf("frame of %d bytes: want %d to %d", len(c.Frame), leastFrame, maxFrame)
	}
	if c.Rate != 0 && (c.Rate < leastRate || c.Rate > mostRate) {
		return fmt.Errorf("rate of %d frames per second: want 0 or %d to %d", c.Rate, leastRate, mostRate)
	}
	if c.Flows < 1 || c.Ports < 1 || c.FirstPort < 0 || c.FirstPort+min(c.Ports, c.Flows) > 1<<16 {
		return fmt.Errorf("%d flows on %d ports from %d: want at least one of each and no port above 65535", c.Flows, c.Ports, c.FirstPort)
	}
	return nil
}

// Source makes copies of one UDP frame with changing sources.
type Source struct {
	fd    int // of the program
	index int // of the interface
	frame []byte

	thread  atomic.Int64 // that Run is on; 0 if none
	stopped atomic.Bool
}

// New loads the program.
func New(c Config) (*Source, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	due := -1
	if c.Rate != 0 {
		var err error
		if due, err = newMap(); err != nil {
			return nil, explain("make BPF map", err)
		}
		defer unix.Close(due) // the program holds it
	}
	fd, err := load(encode(program(c, due)))
	if err != nil {
		return nil, explain("load XDP program", err)
	}
	return &Source{fd: fd, index: c.Index, frame: c.Frame}, nil
}

// explain says what a kernel wants that does not permit it.
func explain(what string, err error) error {
	if errors.Is(err, unix.EPERM) {
		return fmt.Errorf("%s: %w: needs CAP_BPF and CAP_NET_ADMIN outside of user namespaces, run as root", what, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}

// Run delivers frames until Stop. It may be called once.
func (s *Source) Run() error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	s.thread.Store(int64(unix.Gettid()))
	defer s.thread.Store(0)
	for !s.stopped.Load() {
		err := s.deliver(endless)
		if err != nil && !errors.Is(err, unix.EINTR) && !errors.Is(err, unix.EAGAIN) {
			return fmt.Errorf("run XDP program with live frames: %w", err)
		}
	}
	return nil
}

// Stop makes Run return. The kernel looks for signals between batches; the one
// sent here is Go's own preemption signal, which the runtime takes as nothing.
// Call it again until Run has returned: one that came just before a call into
// the kernel is lost.
func (s *Source) Stop() {
	s.stopped.Store(true)
	if tid := s.thread.Load(); tid != 0 {
		_ = unix.Tgkill(unix.Getpid(), int(tid), unix.SIGURG)
	}
}

// Close frees the program. Run must have returned.
func (s *Source) Close() error { return unix.Close(s.fd) }
