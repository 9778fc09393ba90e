// Package hugemem gives memory for large tables that live as long as the
// process: outside the collector's heap and, where the kernel has them, on huge
// pages, so that a look-up at random misses the caches only and not the TLB as
// well. It keeps nothing; calls may come from any goroutine.
package hugemem

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// page is the size of a huge page on amd64 and arm64 with 4 KiB pages. A
// kernel with others only makes less of the advice.
const page = 2 << 20

// Alloc returns size zeroed bytes that begin on a huge page. Whether the
// kernel backs them by huge pages is its decision (madvise(2), MADV_HUGEPAGE:
// not where /sys/kernel/mm/transparent_hugepage/enabled is "never"). The
// memory is never given back, and not taken before it is touched.
func Alloc(size int) ([]byte, error) {
	mem, err := unix.Mmap(-1, 0, size+page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
	if err != nil {
		return nil, fmt.Errorf("map %d bytes: %w", size, err)
	}
	skip := int(-uintptr(unsafe.Pointer(unsafe.SliceData(mem))) % page)
	mem = mem[skip : skip+size : skip+size]
	// Best effort: without transparent huge pages it fails with EINVAL.
	_ = unix.Madvise(mem, unix.MADV_HUGEPAGE)
	return mem, nil
}

// Populate has the kernel find the memory now, zeroed where it has not been
// written, instead of at the first touch of each page: on huge pages that takes
// some 100 us each time. Others may use mem meanwhile. It does nothing on Linux
// before 5.14, and as much as there is memory for.
func Populate(mem []byte) { _ = unix.Madvise(mem, unix.MADV_POPULATE_WRITE) }

// Machine returns the machine's memory in bytes, 0 if the kernel does not say.
func Machine() uint64 {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return 0
	}
	return info.Totalram * uint64(info.Unit)
}
