// Package netns makes network namespaces, enters them and furnishes them with
// veth pairs, bridges, addresses, routes and sysctls. Package lab builds its
// topologies of it and package testns its tests.
//
// It owns the thread discipline: a namespace belongs to an OS thread, so a
// goroutine is locked to its thread while it is inside one, and a thread that
// cannot be brought home is never given back to the scheduler. It never names
// a namespace in the file system and never runs another program, and it leaves
// the namespace the process started in as it is.
//
// All of it is safe for concurrent use on different namespaces; one NS may be
// entered by several goroutines at a time, each on its own thread.
package netns

import (
	"fmt"
	"os"
	"runtime"
	"sync"

	"github.com/vishvananda/netlink"
	vns "github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// NS is a network namespace, kept alive by an open file descriptor until
// Close.
type NS struct {
	fd vns.NsHandle

	mu     sync.Mutex
	handle *netlink.Handle // opened by the first use
}

// New makes an anonymous network namespace with its loopback up. It needs
// CAP_SYS_ADMIN in the user namespace of the caller.
func New() (*NS, error) {
	fd, err := create()
	if err != nil {
		return nil, fmt.Errorf("create network namespace (needs CAP_SYS_ADMIN): %w", err)
	}
	n := &NS{fd: fd}
	if err := n.Up("lo"); err != nil {
		return nil, closeAfter(n, err)
	}
	return n, nil
}

// Current returns the network namespace of the calling thread.
func Current() (*NS, error) {
	fd, err := vns.Get()
	if err != nil {
		return nil, fmt.Errorf("open network namespace of this thread: %w", err)
	}
	return &NS{fd: fd}, nil
}

// OfPID returns the network namespace of process pid.
func OfPID(pid int) (*NS, error) {
	fd, err := vns.GetFromPid(pid)
	if err != nil {
		return nil, fmt.Errorf("open network namespace of process %d: %w", pid, err)
	}
	return &NS{fd: fd}, nil
}

// create unshares a namespace on a locked thread and goes home again.
func create() (fd vns.NsHandle, err error) {
	err = excursion(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return err
		}
		fd, err = vns.Get()
		return err
	})
	return fd, err
}

// Do runs f on a thread inside the namespace, in the calling goroutine, so
// that f may end it with runtime.Goexit as testing.T.FailNow does. Goroutines
// that f starts run outside the namespace. The error is that of entering;
// then f has not run.
func (n *NS) Do(f func()) error {
	var entered error
	err := excursion(func() error {
		if entered = vns.Set(n.fd); entered == nil {
			f()
		}
		return entered
	})
	if err != nil {
		return fmt.Errorf("enter network namespace: %w", err)
	}
	return nil
}

// excursion runs f on a locked thread, which f may move to other namespaces,
// and brings the thread back. If that fails the thread stays locked and dies
// with its goroutine.
func excursion(f func() error) error {
	runtime.LockOSThread()
	home, err := vns.Get()
	if err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer func() {
		if vns.Set(home) == nil {
			runtime.UnlockOSThread()
		}
		_ = home.Close() // read-only descriptor: closing loses nothing
	}()
	return f()
}

// FD returns the descriptor of the namespace, valid until Close.
func (n *NS) FD() int { return int(n.fd) }

// Inode returns the number that identifies the namespace system-wide, the one
// in "net:[4026531840]".
func (n *NS) Inode() (uint64, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(n.fd), &st); err != nil {
		return 0, fmt.Errorf("stat network namespace: %w", err)
	}
	return st.Ino, nil
}

// Close lets go of the namespace. The kernel removes it, and its interfaces,
// once no process, socket or descriptor is left in it.
func (n *NS) Close() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.handle != nil {
		n.handle.Close()
		n.handle = nil
	}
	if !n.fd.IsOpen() {
		return nil
	}
	return n.fd.Close()
}

// closeAfter closes n on the way out with err, the error that matters.
func closeAfter(n *NS, err error) error {
	_ = n.Close()
	return err
}

// Sysctl writes value to the sysctl path, "net/ipv4/ip_forward".
func (n *NS) Sysctl(path, value string) error {
	var werr error
	// /proc/sys/net shows the namespace of the thread that opens it.
	err := n.Do(func() { werr = os.WriteFile("/proc/sys/"+path, []byte(value), 0) })
	if err == nil {
		err = werr
	}
	if err != nil {
		return fmt.Errorf("set sysctl %s=%s: %w", path, value, err)
	}
	return nil
}
