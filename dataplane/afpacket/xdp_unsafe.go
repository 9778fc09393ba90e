package afpacket

import (
	"errors"
	"fmt"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

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

// mapXDPRing maps the ring at an offset of fd.
func mapXDPRing[T any](fd int, offset int64, where unix.XDPRingOffset) (r xdpRing[T], err error) {
	var entry T
	size := int(where.Desc) + xdpChunks*int(unsafe.Sizeof(entry))
	r.mem, err = unix.Mmap(fd, offset, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		return r, err
	}
	r.producer = (*uint32)(unsafe.Pointer(&r.mem[where.Producer]))
	r.consumer = (*uint32)(unsafe.Pointer(&r.mem[where.Consumer]))
	r.entries = unsafe.Slice((*T)(unsafe.Pointer(&r.mem[where.Desc])), xdpChunks)
	return r, nil
}

// registerFrames tells the socket where frames lie.
func registerFrames(fd int, mem []byte) error {
	reg := unix.XDPUmemReg{Addr: uint64(uintptr(unsafe.Pointer(&mem[0]))), Len: uint64(len(mem)), Size: xdpChunk}
	_, _, errno := unix.Syscall6(unix.SYS_SETSOCKOPT, uintptr(fd), unix.SOL_XDP, unix.XDP_UMEM_REG,
		uintptr(unsafe.Pointer(&reg)), unsafe.Sizeof(reg), 0)
	if errno != 0 {
		return fmt.Errorf("set XDP_UMEM_REG: %w", errno)
	}
	return nil
}

// errOldXDP is what kernels before 5.4 get, whose rings are laid out otherwise.
var errOldXDP = errors.New("this kernel's AF_XDP is older than Linux 5.4's")

// xdpOffsets asks where in its rings the socket has what.
func xdpOffsets(fd int) (off unix.XDPMmapOffsets, err error) {
	size := uint32(unsafe.Sizeof(off))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_XDP, unix.XDP_MMAP_OFFSETS,
		uintptr(unsafe.Pointer(&off)), uintptr(unsafe.Pointer(&size)), 0)
	switch {
	case errno != 0:
		return off, fmt.Errorf("get XDP_MMAP_OFFSETS: %w", errno)
	case uintptr(size) != unsafe.Sizeof(off):
		return off, errOldXDP
	}
	return off, nil
}

// kick lets the kernel send what is staged, without blocking: up to 32 frames,
// which is why it may have to be called again. It is a raw system call for the
// reason that sendmmsg is one.
func (x *xdpSender) kick() unix.Errno {
	_, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(x.fd), 0, 0, unix.MSG_DONTWAIT, 0, 0)
	return errno
}

// publish hands what was staged to the kernel.
func (x *xdpSender) publish() { atomic.StoreUint32(x.tx.producer, x.staged) }

// left is the number of staged frames that the kernel has not taken, as far as
// it says: before Linux 6.18 it may say it only with the next kick.
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
