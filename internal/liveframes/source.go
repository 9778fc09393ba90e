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

// Source makes copies of one UDP frame with changing source ports.
type Source struct {
	fd    int // of the program
	index int // of the interface
	frame []byte

	thread  atomic.Int64 // that Run is on; 0 if none
	stopped atomic.Bool
}

// New loads the program. frame is an Ethernet frame with UDP over IPv4 without
// options and without UDP checksum; its source port becomes one of flows ports
// from firstPort on. index is the interface, of the namespace of the thread
// that calls Run, at which the frames come in.
func New(frame []byte, firstPort, flows, index int) (*Source, error) {
	if len(frame) < leastFrame || len(frame) > maxFrame {
		return nil, fmt.Errorf("frame of %d bytes: want %d to %d", len(frame), leastFrame, maxFrame)
	}
	if flows < 1 || firstPort < 0 || firstPort+flows > 1<<16 {
		return nil, fmt.Errorf("%d flows from port %d: want at least one and none above 65535", flows, firstPort)
	}
	fd, err := load(encode(program(firstPort, flows)))
	if errors.Is(err, unix.EPERM) {
		return nil, fmt.Errorf("load XDP program: %w: needs CAP_BPF and CAP_NET_ADMIN outside of user namespaces, run as root", err)
	}
	if err != nil {
		return nil, fmt.Errorf("load XDP program: %w", err)
	}
	return &Source{fd: fd, index: index, frame: frame}, nil
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
