package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// lockName is the abstract unix socket (unix(7)) that the daemon of a network
// namespace binds: the kernel keeps one such name per namespace, wherever the
// files lie, and frees it when its holder dies.
const lockName = "@ulvs"

// Times of the lock. Who asks gives up after askTimeout, so that a holder
// that hangs is named all the same; a holder that is stopping is waited for.
const (
	askTimeout   = time.Second
	leaveTimeout = 10 * time.Second
	lockRetry    = 20 * time.Millisecond
)

// What the holder says about itself, before the path of its API's socket.
const (
	wordRunning  = "running"
	wordStopping = "stopping"
)

// RunningError says that another daemon holds the network namespace.
type RunningError struct {
	Path string // of its socket, "" if it did not say
	PID  int    // 0 if it is not visible from here (pid_namespaces(7))
}

// Error names the process, so that the reader can look at it or stop it.
func (e *RunningError) Error() string {
	text := "a daemon already runs in this network namespace: "
	if e.PID > 0 {
		text += fmt.Sprintf("pid %d", e.PID)
	} else {
		text += "a process of another pid namespace"
	}
	if e.Path != "" {
		text += ", socket " + e.Path
	}
	return text
}

// Lock is a daemon's hold on its network namespace. It must outlive all that
// two daemons would fight for: the guard, the rings, the API's socket.
type Lock struct {
	listener *net.UnixListener
	socket   string
	stopping atomic.Bool
	done     chan struct{}
}

// TakeLock takes the network namespace of the calling thread for the daemon
// whose API will be at socket. Another daemon there gives a *RunningError, at
// once, or, if that one is stopping, when it takes more than ten seconds or
// ctx ends.
//
// Any process of the namespace could bind the name, and keep daemons from
// starting; the error says which one does.
func TakeLock(ctx context.Context, socket string) (*Lock, error) {
	return takeLock(ctx, lockName, socket)
}

// takeLock is TakeLock with the lock's name.
func takeLock(ctx context.Context, name, socket string) (*Lock, error) {
	ctx, cancel := context.WithTimeout(ctx, leaveTimeout)
	defer cancel()
	tick := time.NewTicker(lockRetry)
	defer tick.Stop()
	for {
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: name, Net: "unix"})
		if err == nil {
			return hold(l, socket), nil
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			return nil, fmt.Errorf("lock network namespace: %w", err)
		}
		holder, leaves := askHolder(name)
		if !leaves {
			return nil, holder
		}
		select {
		case <-ctx.Done():
			return nil, holder
		case <-tick.C:
		}
	}
}

// hold makes the Lock of a bound name.
func hold(l *net.UnixListener, socket string) *Lock {
	k := &Lock{listener: l, socket: socket, done: make(chan struct{})}
	go k.answer()
	return k
}

// answer tells everybody who asks, until Close.
func (k *Lock) answer() {
	defer close(k.done)
	for {
		c, err := k.listener.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil: // out of descriptors: that may pass
			time.Sleep(askTimeout)
			continue
		}
		word := wordRunning
		if k.stopping.Load() {
			word = wordStopping
		}
		_, _ = io.WriteString(c, word+" "+k.socket+"\n") // fits into a socket's buffer, so never waits
		_ = c.Close()
	}
}

// Stopping tells other daemons to wait for the lock instead of giving up.
func (k *Lock) Stopping() { k.stopping.Store(true) }

// Close gives the namespace free. Close it once.
func (k *Lock) Close() error {
	err := k.listener.Close()
	<-k.done
	return err
}

// askHolder asks who holds the name, and reports whether it is about to leave.
func askHolder(name string) (holder *RunningError, leaves bool) {
	holder = &RunningError{}
	c, err := net.DialTimeout("unix", name, askTimeout)
	if err != nil {
		return holder, errors.Is(err, syscall.ECONNREFUSED) // it has just left, or does not listen yet
	}
	defer c.Close()
	if cred, err := credentials(c.(*net.UnixConn)); err == nil {
		holder.PID = int(cred.Pid)
	}
	_ = c.SetReadDeadline(time.Now().Add(askTimeout))
	text, err := io.ReadAll(io.LimitReader(c, 256))
	word, path, said := strings.Cut(strings.TrimSuffix(string(text), "\n"), " ")
	if !said { // it died before it could answer, unless it hangs
		return holder, err == nil || errors.Is(err, syscall.ECONNRESET)
	}
	holder.Path = path
	return holder, word == wordStopping
}
