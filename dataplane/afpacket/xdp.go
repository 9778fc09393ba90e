package afpacket

import (
	"errors"
	"fmt"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"ulvs/wire"
)

// Sizes of an AF_XDP sender. xdpChunk is the least that the kernel allows. A chunk
// stays taken until whoever has its frame frees it, so that there are many more
// than a batch needs.
const (
	xdpChunk  = 2048 // bytes for one frame
	xdpChunks = 1024 // a power of two, as the kernel wants rings
	// xdpFillRing is that of the ring for reception, which must be there.
	xdpFillRing = 64
)

// MaxXDPFrame is the size in bytes of the largest frame that AF_XDP takes.
const MaxXDPFrame = xdpChunk

// finishUpTo is the size in bytes of the largest frame whose checksum is finished
// here for AF_XDP, which leaves none to the device. In much longer ones summing, here
// and at the receiver, would take what AF_XDP gains; the limit is an estimate.
const finishUpTo = 256

// maxKicks is how many calls a batch may take, where two are usual, before the
// device is called busy.
const maxKicks = 16

// xdpRing is one of an AF_XDP socket's rings in shared memory: numbered entries
// of which those from consumer to producer are in it (kernel
// Documentation/networking/af_xdp.rst).
type xdpRing[T any] struct {
	mem                []byte
	producer, consumer *uint32
	entries            []T // xdpChunks of them
}

// at returns the entry of a number, which goes on beyond the ring's end.
func (r *xdpRing[T]) at(number uint32) *T { return &r.entries[number%xdpChunks] }

// xdpSender transmits by AF_XDP in copy mode: frames are copied to memory that
// the kernel knows, described in a ring, and sent by one system call for up to
// 32. A bare ring's packet takes two thirds of its time by sendmmsg, to which each
// frame is a message of its own (docs/decisions/0007-send-by-af-xdp.md). There is
// no XDP program, no reception, and the device's driver need not know of it.
//
// What it sends passes the interface's queueing discipline, egress hooks and
// packet sockets by, as with PACKET_QDISC_BYPASS.
type xdpSender struct {
	fd     int
	frames []byte
	tx     xdpRing[unix.XDPDesc] // to the kernel
	done   xdpRing[uint64]       // back from it: where frames lay that have left
	staged uint32                // number of the next frame in tx
	reaped uint32                // number of the next one in done
	free   []uint32              // chunks

	// failed is set by the worker as the last thing it does with the sender,
	// which from then on belongs to whoever calls SetXDP or Close.
	failed  atomic.Bool
	noQueue bool // for good: the device has no such transmit queue
}

// openXDP opens a sender on a transmit queue of an interface of the calling
// thread's network namespace.
func openXDP(index, queue int) (*xdpSender, error) {
	fd, err := unix.Socket(unix.AF_XDP, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("open AF_XDP socket: %w", err)
	}
	x := &xdpSender{fd: fd}
	if err := x.open(index, queue); err != nil {
		return nil, errors.Join(err, x.close())
	}
	return x, nil
}

func (x *xdpSender) open(index, queue int) (err error) {
	const private = unix.MAP_PRIVATE | unix.MAP_ANONYMOUS | unix.MAP_POPULATE
	if x.frames, err = unix.Mmap(-1, 0, xdpChunks*xdpChunk, unix.PROT_READ|unix.PROT_WRITE, private); err != nil {
		return fmt.Errorf("map memory for frames: %w", err)
	}
	if err := registerFrames(x.fd, x.frames); err != nil {
		return err
	}
	for _, o := range []option{
		{"XDP_UMEM_FILL_RING", unix.XDP_UMEM_FILL_RING, xdpFillRing},
		{"XDP_UMEM_COMPLETION_RING", unix.XDP_UMEM_COMPLETION_RING, xdpChunks},
		{"XDP_TX_RING", unix.XDP_TX_RING, xdpChunks},
	} {
		if err := unix.SetsockoptInt(x.fd, unix.SOL_XDP, o.opt, o.value); err != nil {
			return fmt.Errorf("set %s: %w", o.name, err)
		}
	}
	if err := x.mapRings(); err != nil {
		return err
	}
	if err := setSendBuffer(x.fd); err != nil {
		return err
	}
	x.free = make([]uint32, xdpChunks)
	for i := range x.free {
		x.free[i] = uint32(i)
	}
	err = unix.Bind(x.fd, &unix.SockaddrXDP{Flags: unix.XDP_COPY, Ifindex: uint32(index), QueueID: uint32(queue)})
	if errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("%w %d", errNoQueue, queue)
	}
	if err != nil {
		return fmt.Errorf("bind AF_XDP socket to queue %d: %w", queue, err)
	}
	return nil
}

// errNoQueue is for a device that has fewer queues.
var errNoQueue = errors.New("the interface has no transmit queue")

func (x *xdpSender) mapRings() error {
	off, err := xdpOffsets(x.fd)
	if err != nil {
		return err
	}
	if x.tx, err = mapXDPRing[unix.XDPDesc](x.fd, unix.XDP_PGOFF_TX_RING, off.Tx); err != nil {
		return fmt.Errorf("map transmit ring: %w", err)
	}
	if x.done, err = mapXDPRing[uint64](x.fd, unix.XDP_UMEM_PGOFF_COMPLETION_RING, off.Cr); err != nil {
		return fmt.Errorf("map completion ring: %w", err)
	}
	return nil
}

// close frees what the sender has. Frames staged and not taken are never sent.
func (x *xdpSender) close() error {
	return errors.Join(unmap(x.tx.mem), unmap(x.done.mem), unix.Close(x.fd), unmap(x.frames))
}

// stage makes the first frames of pkts ready, those before one that takes the
// other way, and returns how many; 0 too if all memory is under way.
func (x *xdpSender) stage(pkts []*wire.Packet, longest int) int {
	x.reap()
	n := 0
	for n < len(pkts) && len(x.free) > 0 && fitsXDP(pkts[n], longest) {
		last := len(x.free) - 1
		chunk := int(x.free[last]) * xdpChunk
		x.free = x.free[:last]
		size := copy(x.frames[chunk:chunk+xdpChunk], pkts[n].Frame())
		if pkts[n].Offload.Partial() {
			finish(x.frames[chunk:chunk+size], &pkts[n].Offload)
		}
		*x.tx.at(x.staged) = unix.XDPDesc{Addr: uint64(chunk), Len: uint32(size)}
		x.staged++
		n++
	}
	return n
}

// publish hands what was staged to the kernel.
func (x *xdpSender) publish() { atomic.StoreUint32(x.tx.producer, x.staged) }

// left is the number of staged frames that the kernel has not taken, as far as
// it says: older kernels say it only when they have taken all, so that of a batch
// that a device ended half way more is counted as lost than was.
func (x *xdpSender) left() int { return int(x.staged - atomic.LoadUint32(x.tx.consumer)) }

// reap takes back the chunks of frames that have left.
func (x *xdpSender) reap() {
	end := atomic.LoadUint32(x.done.producer)
	if end == x.reaped {
		return
	}
	for ; x.reaped != end; x.reaped++ {
		x.free = append(x.free, uint32(*x.done.at(x.reaped)/xdpChunk))
	}
	atomic.StoreUint32(x.done.consumer, end)
}

// errOldXDP is what kernels before 5.4 get, whose rings are laid out otherwise.
var errOldXDP = errors.New("this kernel's AF_XDP is older than Linux 5.4's")

// fitsXDP reports whether AF_XDP can send the packet as it is meant.
func fitsXDP(pkt *wire.Packet, longest int) bool {
	size := pkt.End - pkt.Start
	if size > longest || pkt.Offload.GSOType != 0 {
		return false
	}
	return !pkt.Offload.Partial() || size <= finishUpTo && canFinish(&pkt.Offload, size)
}

// Offsets of the checksum in headers of transport protocols whose checksum is the
// Internet's; SCTP's is not.
const (
	csumInUDP = 6
	csumInTCP = 16
)

// canFinish reports whether finish can do what o asks for.
func canFinish(o *wire.Offload, size int) bool {
	return (o.CsumOffset == csumInUDP || o.CsumOffset == csumInTCP) && int(o.CsumStart)+int(o.CsumOffset)+2 <= size
}

// finish does for a frame what its offload header leaves to the device: the sum
// from CsumStart on, with the pseudo-header's in the checksum field. 0, which UDP
// has for "none", is written as its other form (kernel net/core/dev.c,
// skb_checksum_help).
func finish(frame []byte, o *wire.Offload) {
	sum := wire.Checksum(frame[o.CsumStart:], 0)
	if sum == 0 {
		sum = 0xffff
	}
	at := int(o.CsumStart) + int(o.CsumOffset)
	frame[at], frame[at+1] = byte(sum>>8), byte(sum)
}
