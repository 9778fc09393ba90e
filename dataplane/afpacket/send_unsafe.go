package afpacket

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// sendmmsg sends messages from..to without blocking and returns how many were
// sent. It is a raw system call: one that tells Go's scheduler costs 13 % of
// the packet rate, because a batch outlasts the time after which the scheduler
// takes the processor away. A batch lasts some 100 us, for which it may hold up
// a garbage collection.
func (t *transmitter) sendmmsg(from, to int) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, uintptr(t.fd),
		uintptr(unsafe.Pointer(&t.msgs[from])), uintptr(to-from), unix.MSG_DONTWAIT, 0, 0)
	return int(n), errno
}
