// Package netmon tells the daemon what the kernel thinks of links, addresses,
// routes and neighbours: everything once at the start, then each change, in
// the words of package nexthop. It owns the netlink sockets for that and
// changes nothing in the kernel.
//
// Links, addresses and routes are delivered as whole lists, neighbours also
// one by one. When events were lost (ENOBUFS) or a dump was disturbed by
// changes, everything is read again, so what the handler was told last is what
// the kernel has.
//
// Start delivers the first lists in the calling goroutine; from then on all
// calls of the handler come from one goroutine.
package netmon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	mdlayher "github.com/mdlayher/netlink"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ulvs/dataplane/nexthop"
)

// Handler receives what is known. The lists are the handler's to keep.
type Handler interface {
	Links([]Link)
	Addresses([]nexthop.Address)
	Routes([]nexthop.Route)
	Neighbours([]nexthop.Neighbour)
	// Neighbour tells of a change of one entry since the last full list.
	Neighbour(nexthop.Neighbour)
	// Trouble tells of an overrun or a failed dump, after which everything is
	// read again, or, if it wraps ErrStopped, of the end of monitoring.
	Trouble(error)
}

// ErrStopped is wrapped by the last Trouble if monitoring ends unasked.
var ErrStopped = errors.New("netlink monitoring stopped")

const (
	// readBuffer holds some ten thousand neighbour events. Without
	// CAP_NET_ADMIN the kernel caps it at net.core.rmem_max.
	readBuffer = 8 << 20
	// leastGap is the least time between two reads of the same list, so that
	// a storm of events costs little; a lone event is followed at once.
	leastGap = 50 * time.Millisecond
	// dumpTimeout bounds the wait for the kernel's answer.
	dumpTimeout = 5 * time.Second
)

// groups are the multicast groups of rtnetlink(7) that are joined. IPv4
// routes that vanish with their link or address are not announced: see note.
const groups = unix.RTMGRP_LINK | unix.RTMGRP_NEIGH |
	unix.RTMGRP_IPV4_IFADDR | unix.RTMGRP_IPV4_ROUTE |
	unix.RTMGRP_IPV6_IFADDR | unix.RTMGRP_IPV6_ROUTE |
	1<<(unix.RTNLGRP_NEXTHOP-1)

// Start follows the network namespace of the calling thread, until ctx ends.
// It returns once the handler has been told of everything there is. After the
// end of ctx, wait returns when the handler will not be called any more; the
// handler itself must not call it.
func Start(ctx context.Context, h Handler) (wait func(), err error) { return start(ctx, h, readBuffer) }

// start is Start with a choice of the event socket's buffer in bytes.
func start(ctx context.Context, h Handler, buffer int) (wait func(), err error) {
	m, err := open(h, buffer)
	if err != nil {
		return nil, err
	}
	m.mark(everything)
	if err := m.read(time.Now()); err != nil {
		m.close()
		return nil, err
	}
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() { _ = m.events.SetReadDeadline(time.Unix(1, 0)) })
	go func() {
		defer close(done)
		defer m.close()
		defer stop()
		m.run(ctx)
	}()
	return func() { <-done }, nil
}

// monitor is the state of one Start.
type monitor struct {
	handler Handler
	events  *mdlayher.Conn
	dumps   *netlink.Handle
	dirty   lists     // to be read again
	ready   time.Time // not before
}

// open makes the sockets in the namespace of the calling thread.
func open(h Handler, buffer int) (*monitor, error) {
	events, err := mdlayher.Dial(unix.NETLINK_ROUTE, &mdlayher.Config{Groups: groups})
	if err != nil {
		return nil, fmt.Errorf("subscribe to rtnetlink: %w", err)
	}
	_ = events.SetReadBuffer(buffer) // a smaller one only means more overruns
	dumps, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		_ = events.Close()
		return nil, fmt.Errorf("open rtnetlink: %w", err)
	}
	m := &monitor{handler: h, events: events, dumps: dumps}
	if err := dumps.SetSocketTimeout(dumpTimeout); err != nil {
		m.close()
		return nil, fmt.Errorf("set rtnetlink timeout: %w", err)
	}
	return m, nil
}

// close closes the sockets.
func (m *monitor) close() {
	_ = m.events.Close()
	m.dumps.Close()
}

// run follows events until ctx ends or the socket breaks.
func (m *monitor) run(ctx context.Context) {
	for {
		_ = m.events.SetReadDeadline(m.deadline()) // fails only on a closed socket: Receive says so
		if ctx.Err() != nil {                      // after setting the deadline, which the end of ctx moves
			return
		}
		msgs, err := m.events.Receive()
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, os.ErrDeadlineExceeded):
		case errors.Is(err, syscall.ENOBUFS):
			m.handler.Trouble(fmt.Errorf("read rtnetlink events: %w", err))
			m.mark(everything)
		case err != nil:
			m.handler.Trouble(fmt.Errorf("read rtnetlink events: %w: %w", ErrStopped, err))
			return
		}
		m.note(msgs)
		m.readIfDue()
	}
}

// deadline returns when the dirty lists are to be read; none if there are no.
func (m *monitor) deadline() time.Time {
	if m.dirty == 0 {
		return time.Time{}
	}
	return m.ready
}

// readIfDue reads the dirty lists if their time has come.
func (m *monitor) readIfDue() {
	now := time.Now()
	if m.dirty == 0 || now.Before(m.ready) {
		return
	}
	if err := m.read(now); err != nil {
		m.handler.Trouble(err)
	}
}

// read reads the dirty lists and delivers them. What could not be read stays
// dirty. Long dumps are repeated less often.
func (m *monitor) read(started time.Time) error {
	var failed error
	for _, l := range readers {
		if m.dirty&l.list == 0 {
			continue
		}
		if err := l.read(m); err != nil {
			failed = fmt.Errorf("read %s by rtnetlink: %w", l.name, err)
			break
		}
		m.dirty &^= l.list
	}
	m.ready = time.Now().Add(max(leastGap, 4*time.Since(started)))
	return failed
}

// mark makes lists be read again.
func (m *monitor) mark(l lists) { m.dirty |= l }
