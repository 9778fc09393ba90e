//go:build !amd64

package afpacket

import (
	"sync/atomic"
	"unsafe"
)

// storeStatus sets the status word at the start of mem and so hands over its
// slot or block, after all use of it.
func storeStatus(mem []byte, status uint32) {
	atomic.StoreUint32((*uint32)(unsafe.Pointer(&mem[0])), status)
}
