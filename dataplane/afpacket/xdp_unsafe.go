package afpacket

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

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
	switch errno {
	case 0:
		return nil
	case unix.ENOBUFS: // the kernel locks it in memory
		return fmt.Errorf("register %d MiB for frames: needs CAP_IPC_LOCK or a higher limit of locked memory (ulimit -l): %w", len(mem)>>20, errno)
	}
	return fmt.Errorf("register memory for frames: %w", errno)
}

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
// reason given at sendmmsg.
func (x *xdpSender) kick() unix.Errno {
	_, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(x.fd), 0, 0, unix.MSG_DONTWAIT, 0, 0)
	return errno
}
