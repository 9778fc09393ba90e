package bench

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"golang.org/x/sys/unix"

	"ulvs/internal/netns"
	"ulvs/service"
)

// The services of the round trips (echo, RFC 862).
var (
	echoUDP = Endpoint{service.UDP, 7}
	echoTCP = Endpoint{service.TCP, 7}
)

const (
	// pingSize is the length of a request and its answer in bytes. They begin
	// with a number, so that an answer to another request is never taken.
	pingSize = 32
	// pingWithin is how long an answer may take until it counts as lost.
	pingWithin = 100 * time.Millisecond
	// pingWarmup is not measured: the way, the connection and the wake-ups
	// of a first round trip are not those of the rest.
	pingWarmup = 200 * time.Millisecond
	// answerWithin is how long a measurement without any answer is gone on with:
	// one of `ulvs bench quick` has time for two requests.
	answerWithin = 2 * time.Second
)

// roundTrips measures one request at a time over one connection: the next as
// soon as the answer is there, or one every interval.
func roundTrips(c Contestant, place Placement, s Endpoint, full, interval time.Duration) func(context.Context, *Env) (Sample, error) {
	return func(ctx context.Context, e *Env) (Sample, error) {
		return traffic(ctx, e, c, place, s, func(t *Topology) (Sample, error) {
			return t.pings(ctx, s, e.lasts(full), interval)
		})
	}
}

// pings measures round trips with a server and a client of its own.
func (t *Topology) pings(ctx context.Context, s Endpoint, lasts, interval time.Duration) (Sample, error) {
	echo, err := startEcho(t, s)
	if err != nil {
		return nil, err
	}
	p, err := newPinger(t, s)
	if err != nil {
		return nil, errors.Join(err, echo.stop())
	}
	out, err := p.run(ctx, min(pingWarmup, lasts), lasts, interval)
	return out, errors.Join(err, unix.Close(p.fd), echo.stop())
}

// pinger is the client of the round trips.
type pinger struct {
	fd   int
	pin  func() error
	next uint64
	lost int
	hist *hdrhistogram.Histogram // of nanoseconds
}

func newPinger(t *Topology, s Endpoint) (*pinger, error) {
	p := &pinger{pin: func() error { return t.pinEnd(t.Place.Client) }, hist: hdrhistogram.New(1, int64(time.Second), 3)}
	var err error
	entering := t.Client.Do(func() { p.fd, err = dial(s, t.VIP) })
	if err := errors.Join(entering, err); err != nil {
		return nil, fmt.Errorf("connect to %v: %w", t.VIP, err)
	}
	return p, nil
}

// dial opens a connected socket that waits at most pingWithin.
func dial(s Endpoint, to netip.Addr) (int, error) {
	fd, err := socket(s)
	if err != nil {
		return -1, err
	}
	if err := unix.Connect(fd, &unix.SockaddrInet4{Port: int(s.Port), Addr: to.As4()}); err != nil {
		return -1, errors.Join(err, unix.Close(fd))
	}
	return fd, nil
}

// socket opens a socket that waits at most pingWithin for what it receives and,
// for that the way may still have to be found, longer for a connection.
func socket(s Endpoint) (int, error) {
	kind := unix.SOCK_DGRAM
	if s.Protocol == service.TCP {
		kind = unix.SOCK_STREAM
	}
	fd, err := unix.Socket(unix.AF_INET, kind|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	wait, connect := unix.NsecToTimeval(int64(pingWithin)), unix.NsecToTimeval(int64(readyWithin))
	err = errors.Join(
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &connect),
	)
	if s.Protocol == service.TCP {
		err = errors.Join(err, unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1))
	}
	if err != nil {
		return -1, errors.Join(err, unix.Close(fd))
	}
	return fd, nil
}

// run pings for the time of warm-up and measurement, on a thread of its own.
func (p *pinger) run(ctx context.Context, warmup, lasts, interval time.Duration) (s Sample, err error) {
	ended := make(chan error)
	go func() {
		err := p.pin()
		if err == nil {
			err = p.pingFor(ctx, warmup, 0)
		}
		p.hist.Reset()
		p.lost = 0
		for start := time.Now(); err == nil; {
			err = p.pingFor(ctx, lasts, interval)
			if p.hist.TotalCount() > 0 || time.Since(start) >= answerWithin {
				break
			}
		}
		ended <- err
	}()
	if err := <-ended; err != nil {
		return nil, err
	}
	if p.hist.TotalCount() == 0 {
		return nil, fmt.Errorf("no answer to %d requests", p.lost)
	}
	us := func(percentile float64) float64 { return float64(p.hist.ValueAtQuantile(percentile)) / 1e3 }
	return Sample{
		metricP50.Unit: us(50), metricP99.Unit: us(99), metricP999.Unit: us(99.9), metricLost.Unit: float64(p.lost),
	}, nil
}

func (p *pinger) pingFor(ctx context.Context, lasts, interval time.Duration) error {
	start := time.Now()
	for due := start; time.Since(start) < lasts; due = due.Add(interval) {
		if interval > 0 {
			if err := pause(ctx, time.Until(due)); err != nil {
				return err
			}
		}
		if err := errors.Join(ctx.Err(), p.ping()); err != nil {
			return err
		}
	}
	return nil
}

// ping is one round trip.
func (p *pinger) ping() error {
	var b [pingSize]byte
	p.next++
	binary.BigEndian.PutUint64(b[:], p.next)
	start := time.Now()
	if _, err := unix.Write(p.fd, b[:]); err != nil && !transient(err) {
		return fmt.Errorf("send request: %w", err)
	}
	for {
		err := readFull(p.fd, b[:])
		switch {
		case transient(err):
			p.lost++
			return nil
		case err != nil:
			return fmt.Errorf("receive answer: %w", err)
		case binary.BigEndian.Uint64(b[:]) == p.next:
			return p.hist.RecordValue(min(int64(time.Since(start)), int64(time.Second)))
		}
	}
}

// transient reports what may pass by itself: no answer in time, or a host that
// was not ready yet.
func transient(err error) bool {
	return errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) || errors.Is(err, unix.ECONNREFUSED) || errors.Is(err, unix.EHOSTUNREACH)
}

// readFull reads all of b: a datagram, or that much of a stream.
func readFull(fd int, b []byte) error {
	for n := 0; n < len(b); {
		m, err := unix.Read(fd, b[n:])
		if err != nil {
			return err
		}
		if m == 0 {
			return unix.ECONNRESET
		}
		n += m
	}
	return nil
}

// listenOn opens a socket at an address, which need not be there yet.
func listenOn(ns *netns.NS, s Endpoint, addr netip.Addr) (fd int, err error) {
	entering := ns.Do(func() { fd, err = bind(s, addr) })
	return fd, errors.Join(entering, err)
}

func bind(s Endpoint, addr netip.Addr) (int, error) {
	fd, err := socket(s)
	if err != nil {
		return -1, err
	}
	err = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_FREEBIND, 1)
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrInet4{Port: int(s.Port), Addr: addr.As4()})
	}
	if err == nil && s.Protocol == service.TCP {
		err = unix.Listen(fd, 16)
	}
	if err != nil {
		return -1, errors.Join(fmt.Errorf("listen on %v port %d: %w", addr, s.Port, err), unix.Close(fd))
	}
	return fd, nil
}
