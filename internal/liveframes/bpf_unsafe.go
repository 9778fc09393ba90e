package liveframes

import (
	"encoding/binary"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// loadAttr is the part of union bpf_attr that BPF_PROG_LOAD reads
// (include/uapi/linux/bpf.h).
type loadAttr struct {
	kind     uint32
	insnCnt  uint32
	insns    uint64
	license  uint64
	logLevel uint32
	logSize  uint32
	logBuf   uint64
}

// mapAttr is the part of union bpf_attr that BPF_MAP_CREATE reads.
type mapAttr struct{ kind, keySize, valueSize, entries, flags uint32 }

// newMap makes an array of one 64-bit word and returns its descriptor.
func newMap() (int, error) {
	attr := mapAttr{kind: unix.BPF_MAP_TYPE_ARRAY, keySize: 4, valueSize: 8, entries: 1}
	fd, _, errno := unix.Syscall(unix.SYS_BPF, unix.BPF_MAP_CREATE, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
	if errno != 0 {
		return -1, errno
	}
	return int(fd), nil
}

// runAttr is the part of union bpf_attr that BPF_PROG_TEST_RUN reads.
type runAttr struct {
	fd, retval              uint32
	dataSizeIn, dataSizeOut uint32
	dataIn, dataOut         uint64
	repeat, duration        uint32
	ctxSizeIn, ctxSizeOut   uint32
	ctxIn, ctxOut           uint64
	flags, cpu              uint32
	batchSize               uint32
	_                       uint32
}

// xdpContext is the length of struct xdp_md in bytes: data, data_end,
// data_meta, ingress_ifindex, rx_queue_index, egress_ifindex.
const xdpContext = 24

// batch is the number of frames made at a time, the kernel's maximum.
const batch = 256

// load gives a program to the kernel and returns its descriptor.
func load(insns []byte) (int, error) {
	var pins runtime.Pinner
	defer pins.Unpin()
	attr := loadAttr{
		kind: unix.BPF_PROG_TYPE_XDP, insnCnt: uint32(len(insns) / 8),
		insns: address(&pins, insns), license: address(&pins, []byte("Apache-2.0\x00")),
	}
	for range loadTries {
		fd, _, errno := unix.Syscall(unix.SYS_BPF, unix.BPF_PROG_LOAD, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
		if errno == 0 {
			return int(fd), nil
		}
		if errno != unix.EAGAIN {
			return -1, errno
		}
	}
	return -1, unix.EAGAIN
}

// loadTries is how often a program is given to the kernel, whose verifier gives
// up with EAGAIN when a signal comes, as those by which Go interrupts its
// goroutines do.
const loadTries = 100

// deliver runs the program on n frames, which come in at the interface.
func (s *Source) deliver(n uint32) error {
	ctx := make([]byte, xdpContext)
	binary.NativeEndian.PutUint32(ctx[4:], uint32(len(s.frame)))
	binary.NativeEndian.PutUint32(ctx[12:], uint32(s.index))
	var pins runtime.Pinner
	defer pins.Unpin()
	attr := runAttr{
		fd: uint32(s.fd), repeat: n, flags: unix.BPF_F_TEST_XDP_LIVE_FRAMES, batchSize: batch,
		dataSizeIn: uint32(len(s.frame)), dataIn: address(&pins, s.frame),
		ctxSizeIn: xdpContext, ctxIn: address(&pins, ctx),
	}
	// Not a raw system call: it lasts as long as the benchmark.
	_, _, errno := unix.Syscall(unix.SYS_BPF, unix.BPF_PROG_TEST_RUN, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
	if errno != 0 {
		return errno
	}
	return nil
}

// address returns where b lies, which stays so until pins are undone.
func address(pins *runtime.Pinner, b []byte) uint64 {
	pins.Pin(&b[0])
	return uint64(uintptr(unsafe.Pointer(&b[0])))
}
