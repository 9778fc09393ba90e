package afpacket

import (
	"golang.org/x/sys/unix"

	"ulvs/wire"
)

// sllPktType is the offset of sll_pkttype in a V2 slot: the sockaddr_ll
// follows the header.
const sllPktType = unix.SizeofTpacket2Hdr + 10

// ring2 is a TPACKET_V2 ring: slots of one size, each handed over by its own
// status word. Slots do not cross blocks, so the rest of a block is unused.
type ring2 struct {
	mem      []byte
	cnt      *counters
	id       uint16
	slotSize int
	slots    int
	perBlock int
	padding  int // unused bytes at a block's end

	next cursor // the slot the kernel fills next that we have not read
	tail cursor // the first slot lent
	lent int    // slots read and not released
}

// cursor is a place in the ring.
type cursor struct {
	off int // offset of the slot in mem
	idx int // number of the slot within its block
}

func newRing2(mem []byte, g Geometry, id uint16, cnt *counters) *ring2 {
	return &ring2{
		mem: mem, cnt: cnt, id: id,
		slotSize: g.SlotSize,
		slots:    g.perBlock() * g.blocks(),
		perBlock: g.perBlock(),
		padding:  g.BlockSize - g.perBlock()*g.SlotSize,
	}
}

func (r *ring2) advance(c *cursor) {
	c.off += r.slotSize
	c.idx++
	if c.idx < r.perBlock {
		return
	}
	c.idx = 0
	c.off += r.padding
	if c.off == len(r.mem) {
		c.off = 0
	}
}

func (r *ring2) receive(pkts []wire.Packet) int {
	n := 0
	for n < len(pkts) && r.ready() {
		r.hand(&pkts[n], r.mem[r.next.off:r.next.off+r.slotSize:r.next.off+r.slotSize])
		r.advance(&r.next)
		r.lent++
		n++
	}
	if n > 0 {
		r.cnt.received.Add(uint64(n))
	}
	return n
}

// ready reports whether the next slot is ours. When all slots are lent the next
// one is the first lent, whose status still says so.
func (r *ring2) ready() bool {
	return loadStatus(r.mem[r.next.off:])&unix.TP_STATUS_USER != 0 && r.lent < r.slots
}

// hand describes the frame in slot. The kernel has bounded all lengths by the
// slot; a slice expression that panics would catch it if not.
func (r *ring2) hand(pkt *wire.Packet, slot []byte) {
	h := header2(slot)
	mac, snap := int(h.Mac), int(h.Snaplen)
	pkt.Buf = slot[bufStart:]
	pkt.Start, pkt.End = mac-bufStart, mac-bufStart+snap
	pkt.In, pkt.Out = r.id, 0
	pkt.PktType = wire.PacketType(slot[sllPktType])
	pkt.Clipped = h.Snaplen < h.Len
	if pkt.Clipped {
		r.cnt.clipped.Add(1)
	}
	pkt.HasVLAN = h.Status&unix.TP_STATUS_VLAN_VALID != 0
	pkt.VLANTCI, pkt.VLANTPID = h.Vlan_tci, h.Vlan_tpid
	pkt.Offload.Decode(slot[mac-wire.OffloadLen:])
}

func (r *ring2) release() {
	for ; r.lent > 0; r.lent-- {
		storeStatus(r.mem[r.tail.off:], unix.TP_STATUS_KERNEL)
		r.advance(&r.tail)
	}
}
