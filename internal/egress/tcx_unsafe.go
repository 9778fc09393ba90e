package egress

import (
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
// without a qdisc (tcx, Linux 6.6). Older kernels have none. The kernel answers
// only to CAP_NET_ADMIN of its first user namespace: elsewhere nothing is found.
func programs(index int) []string {
	attr := queryAttr{index: uint32(index), attachType: unix.BPF_TCX_EGRESS}
	_, _, errno := unix.Syscall(unix.SYS_BPF, unix.BPF_PROG_QUERY, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
	if errno != 0 || attr.count == 0 {
		return nil
	}
	return []string{"a BPF program at tcx egress"}
}
