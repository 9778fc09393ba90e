package egress

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// queryAttr is the part of union bpf_attr that BPF_PROG_QUERY reads and writes
// (include/uapi/linux/bpf.h).
type queryAttr struct {
	index, attachType       uint32
	queryFlags, attachFlags uint32
	ids                     uint64
	count                   uint32
	_                       uint32
	programFlags            uint64
	links                   uint64
	linkFlags               uint64
	revision                uint64
}

// programs looks for BPF programs that tc runs on what an interface sends
// without a qdisc (tcx, Linux 6.6), of which older kernels have none. The kernel
// answers only to CAP_NET_ADMIN of its first user namespace, and what filters the
// system calls of a container may want CAP_BPF.
func programs(index int) ([]string, error) {
	attr := queryAttr{index: uint32(index), attachType: unix.BPF_TCX_EGRESS}
	_, _, errno := unix.Syscall(unix.SYS_BPF, unix.BPF_PROG_QUERY, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
	switch {
	case errno == unix.EINVAL || errno == unix.ENOSYS || errno == unix.ENODEV || errno == unix.ENOENT:
		return nil, nil // no such kernel, or no such interface any more
	case errno != 0:
		return nil, fmt.Errorf("ask for BPF programs at tcx egress (CAP_BPF in a container): %w", errno)
	case attr.count == 0:
		return nil, nil
	}
	return []string{"a BPF program at tcx egress"}, nil
}
