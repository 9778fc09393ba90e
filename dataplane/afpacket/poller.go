package afpacket

import (
	"encoding/binary"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Poller is a dataplane.Waiter over ports. It holds their sockets: make a new
// one when the ports change.
type Poller struct {
	ports []*Port
	fds   []unix.PollFd // of the ports in order, then of event
	event int           // eventfd that ends a sleep
	woken atomic.Bool   // event holds a token
	wait  spinner
}

// NewPoller returns a Poller over ports.
func NewPoller(ports ...*Port) (*Poller, error) {
	event, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("create eventfd: %w", err)
	}
	p := &Poller{ports: ports, event: event, wait: spinner{credit: fullCredit}}
	for _, port := range ports {
		p.fds = append(p.fds, unix.PollFd{Fd: int32(port.rx), Events: unix.POLLIN})
	}
	p.fds = append(p.fds, unix.PollFd{Fd: int32(event), Events: unix.POLLIN})
	if processors() == 1 {
		p.wait.mode = Block // nobody could produce what we would spin for
	}
	return p, nil
}

// SetPoll says how to wait; before the first Wait. Without it a Poller is
// Adaptive, or Block on a machine with a single processor.
func (p *Poller) SetPoll(mode Poll) { p.wait.mode = mode }

// Wait implements dataplane.Waiter.
func (p *Poller) Wait(d time.Duration) {
	spin := min(d, p.wait.next())
	found := p.lookFor(spin)
	if spin > 0 {
		p.wait.learn(found)
	}
	if !found && d > spin {
		p.sleep(d - spin)
	}
	if p.woken.Load() {
		p.takeToken()
	}
}

// lookFor spins for at most d until there is a reason to return from Wait. It
// lets others run between two looks, which costs nothing where nobody wants
// to: whoever receives for us on this processor (threaded NAPI), or answers
// (a server on the same machine), must not wait for our spinning. If somebody
// took it for longer, spinning is no use here: a sleeper gets the processor back
// sooner than one who gives it away.
func (p *Poller) lookFor(d time.Duration) bool {
	start := time.Now()
	for last := start; ; {
		if p.ready() {
			return true
		}
		now := time.Now()
		if now.Sub(start) >= d || p.wait.mode == Adaptive && now.Sub(last) > crowded {
			return false
		}
		if last = now; p.wait.mode == Adaptive {
			_, _, _ = unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0)
		}
	}
}

func (p *Poller) ready() bool {
	for _, port := range p.ports {
		if port.ring.ready() {
			return true
		}
	}
	return p.woken.Load()
}

// sleep blocks for at most d. A signal may end it early.
func (p *Poller) sleep(d time.Duration) {
	timeout := unix.NsecToTimespec(int64(d))
	if n, err := unix.Ppoll(p.fds, &timeout, nil); err != nil || n == 0 {
		return
	}
	for i, port := range p.ports {
		if p.fds[i].Revents&unix.POLLERR != 0 {
			port.linkError()
		}
	}
	// Also where woken is not set: a Wake whose flag an earlier Wait took
	// before its token came.
	if p.fds[len(p.ports)].Revents != 0 {
		p.takeToken()
	}
}

// Wake implements dataplane.Waiter.
func (p *Poller) Wake() {
	if p.woken.Swap(true) {
		return // a token is there already
	}
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1)
	_, _ = unix.Write(p.event, one[:])
}

// takeToken empties the eventfd and then says so: a Wake between the two finds
// woken set, and the Wait under way returns for it.
func (p *Poller) takeToken() {
	var b [8]byte
	_, _ = unix.Read(p.event, b[:])
	p.woken.Store(false)
}

// Close frees the eventfd. No Wait may be under way, and no Wake may follow.
func (p *Poller) Close() error { return unix.Close(p.event) }
