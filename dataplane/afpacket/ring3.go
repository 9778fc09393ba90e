package afpacket

import (
	"golang.org/x/sys/unix"

	"ulvs/wire"
)

const (
	// sllPktType3 is the offset of sll_pkttype from a V3 frame's header.
	sllPktType3 = unix.SizeofTpacket3Hdr + 10
	// room3 is how many bytes of Packet.Buf lie before a V3 frame, as in a
	// V2 slot.
	room3 = wire.Headroom + wire.OffloadLen
)

// ring3 is a TPACKET_V3 ring: blocks of frames of any size, each block handed
// over as a whole.
type ring3 struct {
	mem       []byte
	cnt       *counters
	id        uint16
	blockSize int

	next    int // offset in mem of the block being read
	frame   int // offset in that block of the next frame's header
	left    int // frames not yet read of that block; 0: it was not begun
	tail    int // offset of the first block lent
	lent    int // blocks read to their end and not released
	nblocks int
}

func newRing3(mem []byte, g Geometry, id uint16, cnt *counters) *ring3 {
	return &ring3{mem: mem, cnt: cnt, id: id, blockSize: g.BlockSize, nblocks: g.blocks()}
}

func (r *ring3) receive(pkts []wire.Packet) int {
	n := 0
	for n < len(pkts) && r.begin() {
		block := r.mem[r.next : r.next+r.blockSize]
		r.frame += r.hand(&pkts[n], block[r.frame:])
		r.left--
		n++
		if r.left == 0 {
			r.next = r.after(r.next)
			r.lent++
		}
	}
	if n > 0 {
		r.cnt.received.Add(uint64(n))
	}
	return n
}

// begin makes the next frame readable, opening the next block if need be.
func (r *ring3) begin() bool {
	if r.left > 0 {
		return true
	}
	for r.ready() {
		h := blockHeader3(r.mem[r.next:])
		r.left, r.frame = int(h.Num_pkts), int(h.Offset_to_first_pkt)
		if r.left > 0 {
			return true
		}
		// The kernel retires no empty block; were there one it is passed over.
		r.next = r.after(r.next)
		r.lent++
	}
	return false
}

func (r *ring3) ready() bool {
	return r.left > 0 ||
		loadStatus(r.mem[r.next+block3Status:])&unix.TP_STATUS_USER != 0 && r.lent < r.nblocks
}

func (r *ring3) after(block int) int { return (block + r.blockSize) % len(r.mem) }

// hand describes the frame whose header is at the start of b and returns the
// distance to the next one.
func (r *ring3) hand(pkt *wire.Packet, b []byte) int {
	h := header3(b)
	mac, snap := int(h.Mac), int(h.Snaplen)
	pkt.Buf = b[mac-room3 : mac+snap : mac+snap]
	pkt.Start, pkt.End = room3, room3+snap
	pkt.In, pkt.Out = r.id, 0
	pkt.PktType = wire.PacketType(b[sllPktType3])
	pkt.Clipped = h.Snaplen < h.Len
	if pkt.Clipped {
		r.cnt.clipped.Add(1)
	}
	pkt.HasVLAN = h.Status&unix.TP_STATUS_VLAN_VALID != 0
	pkt.VLANTCI, pkt.VLANTPID = uint16(h.Hv1.Vlan_tci), h.Hv1.Vlan_tpid
	pkt.Offload.Decode(b[mac-wire.OffloadLen:])
	return int(h.Next_offset)
}

// release gives back the blocks read to their end. Frames of a block that is
// half read stay valid, which no one relies on.
func (r *ring3) release() {
	for ; r.lent > 0; r.lent-- {
		storeStatus(r.mem[r.tail+block3Status:], unix.TP_STATUS_KERNEL)
		r.tail = r.after(r.tail)
	}
}
