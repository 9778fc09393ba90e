package afpacket

import (
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The kernel writes a slot's header and frame, then its status, with a barrier
// between (kernel net/packet/af_packet.c, __packet_set_status, tpacket_rcv).
// An atomic load of the status therefore comes before every plain load of the
// rest, and storeStatus of TP_STATUS_KERNEL after every use of it.

// header2 views the TPACKET_V2 header at the start of slot.
func header2(slot []byte) *unix.Tpacket2Hdr {
	_ = slot[unix.SizeofTpacket2Hdr-1]
	return (*unix.Tpacket2Hdr)(unsafe.Pointer(&slot[0]))
}

// loadStatus returns the status word at the start of mem, a slot's or a block's.
func loadStatus(mem []byte) uint32 {
	return atomic.LoadUint32((*uint32)(unsafe.Pointer(&mem[0])))
}

// header3 views the TPACKET_V3 header of a frame at the start of b.
func header3(b []byte) *unix.Tpacket3Hdr {
	_ = b[unix.SizeofTpacket3Hdr-1]
	return (*unix.Tpacket3Hdr)(unsafe.Pointer(&b[0]))
}

// block3Status is the offset of block_status in struct tpacket_block_desc.
const block3Status = 8

// blockHeader3 views the descriptor of a V3 block.
func blockHeader3(block []byte) *unix.TpacketHdrV1 {
	_ = block[block3Status+unsafe.Sizeof(unix.TpacketHdrV1{})-1]
	return (*unix.TpacketHdrV1)(unsafe.Pointer(&block[block3Status]))
}
