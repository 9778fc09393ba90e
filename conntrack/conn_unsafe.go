package conntrack

import (
	"unsafe"

	"ulvs/wire"
)

// carve takes the first n values of type T off region, which must be aligned
// for T and large enough, and returns the rest. T holds no pointers, so the
// collector need not know.
func carve[T any](region []byte, n int) ([]T, []byte) {
	var zero T
	size := n * int(unsafe.Sizeof(zero))
	_ = region[size-1]
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(region))), n), region[size:]
}

// misaligned returns how far region starts behind a multiple of UnitSize.
func misaligned(region []byte) int {
	return int(uintptr(unsafe.Pointer(unsafe.SliceData(region))) % UnitSize)
}

// ext returns the second unit of an IPv6 connection. It lies behind c in the
// same region; the table places wide connections on two neighbouring units.
func (c *Conn) ext() *ext {
	return (*ext)(unsafe.Add(unsafe.Pointer(c), UnitSize))
}

// pack takes the IPv4 address of a as it lies in memory.
func pack(a *wire.Addr) uint32 { return a.V4() }

// unpack is the inverse of pack.
func unpack(p uint32) wire.Addr { return wire.AddrFromV4(p) }
