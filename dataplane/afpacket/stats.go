package afpacket

import (
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// counters are written by the port's worker, and by collect under Port.mu.
type counters struct {
	received, clipped        atomic.Uint64
	sent, sentXDP            atomic.Uint64
	sendFull, sendDown       atomic.Uint64
	sendTooLong, sendRefused atomic.Uint64
	linkErrors               atomic.Uint64
	arrived, ringDrops       atomic.Uint64
}

// unsent is the count of frames that an error kept back.
func (c *counters) unsent(errno unix.Errno) *atomic.Uint64 {
	switch errno {
	case unix.ENETDOWN, unix.ENXIO, unix.ENODEV:
		return &c.sendDown
	case unix.EAGAIN, // the socket's buffer is full: the device takes no more
		unix.ENOBUFS, // the device's or qdisc's queue is full, or no memory
		unix.EBUSY:   // the same by AF_XDP, or no carrier
		return &c.sendFull
	case unix.EMSGSIZE:
		return &c.sendTooLong
	}
	return &c.sendRefused
}

// Stats counts frames since Open; no count ever falls.
type Stats struct {
	Arrived   uint64 // passed the filter: RingDrops, and those Receive returned or will
	RingDrops uint64 // of Arrived, dropped because the ring was full
	Received  uint64 // returned by Receive
	Clipped   uint64 // of Received, larger than a slot
	Sent      uint64
	SentXDP   uint64 // of Sent, by AF_XDP

	// Given to Send and not sent:
	SendFull    uint64 // ENOBUFS, EAGAIN, by AF_XDP EBUSY: the transmit queue was full, or no carrier
	SendDown    uint64 // ENETDOWN, ENXIO: the interface was down or deleted
	SendTooLong uint64 // EMSGSIZE: larger than the MTU and no super-frame
	SendRefused uint64 // any other error, as EINVAL for a bad offload header

	LinkErrors uint64 // times the kernel told that the interface went down
}

// Stats returns the counts so far, those of a closed port too. It may be
// called from any goroutine.
func (p *Port) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.collect()
	}
	c := &p.cnt
	return Stats{
		Arrived: c.arrived.Load(), RingDrops: c.ringDrops.Load(),
		Received: c.received.Load(), Clipped: c.clipped.Load(), Sent: c.sent.Load(), SentXDP: c.sentXDP.Load(),
		SendFull: c.sendFull.Load(), SendDown: c.sendDown.Load(),
		SendTooLong: c.sendTooLong.Load(), SendRefused: c.sendRefused.Load(),
		LinkErrors: c.linkErrors.Load(),
	}
}

// collect adds the kernel's counts, which reading sets to zero. The V2 form
// of the answer is the beginning of V3's. Called with p.mu held.
func (p *Port) collect() {
	st, err := unix.GetsockoptTpacketStats(p.rx, unix.SOL_PACKET, unix.PACKET_STATISTICS)
	if err != nil {
		return // never opened
	}
	p.cnt.arrived.Add(uint64(st.Packets))
	p.cnt.ringDrops.Add(uint64(st.Drops))
}

// linkError takes the error that the kernel left on the receiving socket,
// which else would end every wait at once.
func (p *Port) linkError() {
	p.cnt.linkErrors.Add(1)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	_, _ = unix.GetsockoptInt(p.rx, unix.SOL_SOCKET, unix.SO_ERROR)
	p.gone.Store(unbound(p.rx))
}
