package afpacket

import (
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sys/unix"
)

// Fanout spreads the flows of one interface over the ports that join it, by a
// hash of addresses and ports that is the same for both directions of a flow.
// The zero value is ready. Use a new one for each interface, and for ports
// that replace others after the interface was deleted.
//
// The group's number is chosen by the kernel: one picked by hand would collide
// with that of another process in the namespace, and its worker would take a
// share of our frames.
type Fanout struct {
	mu      sync.Mutex
	members int
	id      int
}

// join adds a bound socket to the group, and makes the group if it is the first.
func (f *Fanout) join(fd int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	arg := f.id | unix.PACKET_FANOUT_HASH<<16
	if f.members == 0 {
		arg = (unix.PACKET_FANOUT_HASH | unix.PACKET_FANOUT_FLAG_UNIQUEID) << 16
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_FANOUT, arg); err != nil {
		return explainFanout(fd, err)
	}
	got, err := unix.GetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_FANOUT)
	if err != nil {
		return fmt.Errorf("get fanout group: %w", err)
	}
	f.id = got & 0xffff
	f.members++
	return nil
}

// explainFanout: the kernel refuses a socket that does not run, which is one
// on an interface that is down, with EINVAL.
func explainFanout(fd int, err error) error {
	pending, _ := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if errors.Is(err, unix.EINVAL) && unix.Errno(pending) == unix.ENETDOWN {
		return fmt.Errorf("join fanout group: %w", ErrDown)
	}
	return fmt.Errorf("join fanout group: %w", err)
}
