package afpacket

import (
	"golang.org/x/sys/unix"

	"ulvs/wire"
)

// maxBatch is the number of frames in one sendmmsg. 32 to 512 measure alike.
const maxBatch = 64

// transmitter sends frames from where they lie. Its arrays are what sendmmsg
// reads; messages point to iovecs once and for all, iovecs to the frames of
// the batch.
type transmitter struct {
	fd   int
	cnt  *counters
	msgs [maxBatch]unix.Mmsghdr
	iovs [maxBatch]unix.Iovec
}

func (t *transmitter) init(cnt *counters) {
	t.cnt = cnt
	for i := range t.msgs {
		t.msgs[i].Hdr.Iov = &t.iovs[i]
		t.msgs[i].Hdr.SetIovlen(1)
	}
}

func (t *transmitter) send(pkts []*wire.Packet) int {
	sent := 0
	for len(pkts) > 0 {
		n := min(len(pkts), maxBatch)
		sent += t.batch(pkts[:n])
		pkts = pkts[n:]
	}
	return sent
}

// batch sends at most maxBatch frames with, as a rule, one system call. The
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
	switch errno {
	case unix.EINTR:
		return 0
	case unix.ENETDOWN, unix.ENXIO, unix.ENODEV:
		t.cnt.sendDown.Add(uint64(left))
		return left
	case unix.EAGAIN: // the socket's buffer is full: the device takes no more
		t.cnt.sendFull.Add(uint64(left))
		return left
	case unix.ENOBUFS: // the device's or qdisc's queue is full, or no memory
		t.cnt.sendFull.Add(1)
	case unix.EMSGSIZE:
		t.cnt.sendTooLong.Add(1)
	default:
		t.cnt.sendRefused.Add(1)
	}
	return 1
}
