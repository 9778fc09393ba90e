package afpacket

import (
	"sync/atomic"

	"golang.org/x/sys/unix"

	"ulvs/wire"
)

// maxBatch is the number of frames in one sendmmsg. 32 to 512 measure alike.
const maxBatch = 64

// transmitter sends frames from where they lie. Its arrays are what sendmmsg
// reads; messages point to iovecs once and for all, iovecs to the frames of
// the batch. Small frames go by AF_XDP if SetXDP says so.
type transmitter struct {
	fd   int
	cnt  *counters
	msgs [maxBatch]unix.Mmsghdr
	iovs [maxBatch]unix.Iovec

	xdp     atomic.Pointer[xdpSender] // nil: there is none
	longest atomic.Int32              // frame in bytes that goes by it; 0: none
}

func (t *transmitter) init(cnt *counters) {
	t.cnt = cnt
	for i := range t.msgs {
		t.msgs[i].Hdr.Iov = &t.iovs[i]
		t.msgs[i].Hdr.SetIovlen(1)
	}
}

// send sends all frames in their order, by two ways where they need it: each way
// has handed its frames over when the other begins, AF_XDP to the device, the packet
// socket to the queueing discipline, where frames may be overtaken if there is one.
func (t *transmitter) send(pkts []*wire.Packet) int {
	longest := int(t.longest.Load())
	sent := 0
	for len(pkts) > 0 {
		n := min(len(pkts), maxBatch)
		if x := t.express(longest); x != nil {
			if staged := x.stage(pkts[:n], longest); staged > 0 {
				went, ok := t.flush(x, staged)
				if ok {
					pkts = pkts[staged:]
				}
				sent += went
				continue // if not by the packet socket
			}
			n = untilXDP(pkts[:n], longest)
		}
		sent += t.batch(pkts[:n])
		pkts = pkts[n:]
	}
	return sent
}

// express returns the AF_XDP sender if frames are to go by it.
func (t *transmitter) express(longest int) *xdpSender {
	if longest == 0 {
		return nil
	}
	if x := t.xdp.Load(); x != nil && !x.failed.Load() {
		return x
	}
	return nil
}

// untilXDP counts the frames before the next one for AF_XDP, at least one.
func untilXDP(pkts []*wire.Packet, longest int) int {
	for i := 1; i < len(pkts); i++ {
		if fitsXDP(pkts[i], longest) {
			return i
		}
	}
	return len(pkts)
}

// flush lets the kernel send n staged frames and returns how many it did. It is
// not ok, and none are sent, if the device has no such queue.
func (t *transmitter) flush(x *xdpSender, n int) (sent int, ok bool) {
	x.publish()
	lost, ok := t.drain(x, n)
	if !ok {
		x.noQueue = true
		x.failed.Store(true)
		return 0, false
	}
	t.cnt.sent.Add(uint64(n - lost))
	t.cnt.sentXDP.Add(uint64(n - lost))
	return n - lost, true
}

// drain is flush without the sums; it returns how many frames were lost.
func (t *transmitter) drain(x *xdpSender, n int) (lost int, ok bool) {
	for kicks := 1; x.left() > 0; kicks++ {
		switch errno := x.kick(); errno {
		case unix.EBUSY: // the device dropped one; the rest are still there
			t.cnt.unsent(errno).Add(1)
			lost++
			kicks--
		case 0, unix.EAGAIN, unix.EINTR, unix.ENOBUFS:
			// Of receive queues there may be more, and bind asks for either.
			if left := x.left(); errno == 0 && kicks == 1 && left == n {
				return 0, false
			} else if left > 0 && kicks == maxKicks {
				return lost + t.broken(x, unix.EAGAIN, n-lost), true
			}
		default:
			return lost + t.broken(x, errno, n-lost), true
		}
	}
	return lost, true
}

// broken gives the sender up for an error, with those of the last n frames that
// are still staged, and returns how many these are. The packet socket, which has a
// queueing discipline's queue before a busy device, is used until SetXDP.
func (t *transmitter) broken(x *xdpSender, errno unix.Errno, n int) int {
	lost := min(x.left(), n)
	t.cnt.unsent(errno).Add(uint64(lost))
	x.failed.Store(true)
	return lost
}

// batch sends at most maxBatch frames by the packet socket with, as a rule, one system call. The
// kernel stops at the first frame it cannot send and reports its error only to
// a call that begins with it.
func (t *transmitter) batch(pkts []*wire.Packet) int {
	for i, pkt := range pkts {
		t.point(i, pkt)
	}
	sent, done := 0, 0
	for done < len(pkts) {
		n, errno := t.sendmmsg(done, len(pkts))
		if errno == 0 {
			sent, done = sent+n, done+n
			continue
		}
		done += t.failed(errno, len(pkts)-done)
	}
	t.cnt.sent.Add(uint64(sent))
	return sent
}

// point makes message i the packet's frame with its offload header before it.
func (t *transmitter) point(i int, pkt *wire.Packet) {
	start := pkt.Start - wire.OffloadLen
	pkt.Offload.Encode(pkt.Buf[start:pkt.Start])
	t.iovs[i].Base = &pkt.Buf[start]
	t.iovs[i].SetLen(pkt.End - start)
}

// failed counts the error of the first of left frames and returns how many to
// give up: all, where the next would fail alike.
func (t *transmitter) failed(errno unix.Errno, left int) int {
	n := 1
	switch errno {
	case unix.EINTR:
		return 0
	case unix.ENETDOWN, unix.ENXIO, unix.ENODEV, unix.EAGAIN:
		n = left
	}
	t.cnt.unsent(errno).Add(uint64(n))
	return n
}
