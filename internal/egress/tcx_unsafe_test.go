package egress

import (
	"runtime"
	"slices"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// TestProgramAtEgress attaches a program that lets everything pass.
func TestProgramAtEgress(t *testing.T) {
	ns := pair(t)
	fd := loadPassing(t)
	attach := struct{ index, fd, kind, flags, replace, relative uint32 }{
		index: uint32(ns.Index("a0")), fd: uint32(fd), kind: unix.BPF_TCX_EGRESS,
	}
	ns.Do(func() { bpf(t, unix.BPF_PROG_ATTACH, unsafe.Pointer(&attach), unsafe.Sizeof(attach)) })
	if got, want := of(t, ns, "a0"), []string{"a BPF program at tcx egress"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := of(t, ns, "b0"); len(got) != 0 {
		t.Errorf("at the other interface: %q", got)
	}
}

// loadPassing loads "return TCX_PASS" for the test's time.
func loadPassing(t *testing.T) int {
	t.Helper()
	program := [...]uint64{0xb7, 0x95} // r0 = 0; exit
	license := [...]byte{'G', 'P', 'L', 0}
	load := struct {
		kind, count     uint32
		program, licens uint64
		_               [16]uint64
	}{
		kind: unix.BPF_PROG_TYPE_SCHED_CLS, count: uint32(len(program)),
		program: uint64(uintptr(unsafe.Pointer(&program))), licens: uint64(uintptr(unsafe.Pointer(&license))),
	}
	fd := bpf(t, unix.BPF_PROG_LOAD, unsafe.Pointer(&load), unsafe.Sizeof(load))
	runtime.KeepAlive(&program)
	runtime.KeepAlive(&license)
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

func bpf(t *testing.T, command uintptr, attr unsafe.Pointer, size uintptr) int {
	t.Helper()
	r, _, errno := unix.Syscall(unix.SYS_BPF, command, uintptr(attr), size)
	if errno != 0 {
		t.Fatal(errno)
	}
	return int(r)
}
