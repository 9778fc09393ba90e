package bench

import (
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"ulvs/service"
)

// echoServer is the server of the round trips: a thread for each address, so
// that answers come from the address that was asked. Threads block in the
// kernel, as a simple server's do.
type echoServer struct {
	fds  []int
	done atomic.Bool
	wg   sync.WaitGroup
}

// startEcho serves an endpoint at all addresses that a server may be asked by.
func startEcho(t *Topology, s Endpoint) (*echoServer, error) {
	e := &echoServer{}
	for _, addr := range append([]netip.Addr{t.VIP}, t.Reals...) {
		fd, err := listenOn(t.Server, s, addr)
		if err != nil {
			return nil, errors.Join(err, e.stop())
		}
		e.fds = append(e.fds, fd)
	}
	serve := e.serveUDP
	if s.Protocol == service.TCP {
		serve = e.serveTCP
	}
	for _, fd := range e.fds {
		e.wg.Go(func() {
			if t.pinEnd(t.Place.Server) == nil {
				serve(fd)
			}
		})
	}
	return e, nil
}

// serveUDP answers datagrams until the end. Its reads end every pingWithin.
func (e *echoServer) serveUDP(fd int) {
	var b [pingSize]byte
	for !e.done.Load() {
		if n, from, err := unix.Recvfrom(fd, b[:], 0); err == nil {
			_ = unix.Sendto(fd, b[:n], 0, from) // what is lost shows at the client
		}
	}
}

// serveTCP serves one connection after the other.
func (e *echoServer) serveTCP(fd int) {
	for !e.done.Load() {
		conn, _, err := unix.Accept4(fd, unix.SOCK_CLOEXEC)
		if err != nil {
			continue // nobody came within pingWithin
		}
		e.serveConn(conn)
		_ = unix.Close(conn) // its peer has gone, or all is over
	}
}

func (e *echoServer) serveConn(fd int) {
	wait := unix.NsecToTimeval(int64(pingWithin))
	if unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait) != nil ||
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1) != nil {
		return
	}
	var b [pingSize]byte
	for !e.done.Load() {
		switch n, err := unix.Read(fd, b[:]); {
		case transient(err):
		case err != nil || n == 0:
			return
		default:
			if _, err := unix.Write(fd, b[:n]); err != nil {
				return
			}
		}
	}
}

// stop ends the server.
func (e *echoServer) stop() error {
	e.done.Store(true)
	e.wg.Wait()
	var errs []error
	for _, fd := range e.fds {
		errs = append(errs, unix.Close(fd))
	}
	e.fds = nil
	return errors.Join(errs...)
}
