package conntrack

import (
	"math/bits"
	"time"

	"ulvs/wire"
)

// The shortest way through the table, for packets that wire.Packet.Plain
// accepts: the same hashes and comparisons, of words instead of addresses. What
// is not as usual is left to the functions for all packets.

// AimPlain begins the look-up of a plain packet, as AimInbound does or, for a
// reply, AimOutbound.
func (t *Table) AimPlain(a *Ahead, v *wire.Plain, reply bool) {
	client, other, clientPort, otherPort, secret := v.Src, v.Dst, v.SrcPort, v.DstPort, t.secrets.inbound
	if reply {
		client, other, clientPort, otherPort, secret = v.Dst, v.Src, v.DstPort, v.SrcPort, t.secrets.reply
	}
	h := xxhashWord((uint64(client)<<32 | uint64(clientPort) | uint64(v.Proto)<<16) ^ t.secrets.client[0])
	x, y := bits.Mul64(h^(uint64(other)<<32|v4Mark), secret^uint64(otherPort)<<40^uint64(otherPort)<<7)
	a.Hash = Hash(h)
	t.aim(a, uint32((x^y)>>32))
}

// FindPlainInbound is FindInbound for a plain packet that a was aimed for, from
// where Reach got to. It does not find a connection that FindInbound would
// change, nor, perhaps, one that has moved in the index since.
func (s *Shard) FindPlainInbound(a *Ahead, v *wire.Plain) *Conn {
	for i := int(a.at); ; i = s.next(i) {
		e := s.slots[i]
		if uint32(e) == 0 {
			return nil
		}
		if uint32(e>>32) != a.tag {
			continue
		}
		c := &s.conns[uint32(e)-1]
		if c.client == v.Src && c.virtual == v.Dst && c.clientPort == v.SrcPort && c.virtPort == v.DstPort &&
			c.proto == v.Proto && c.flags&(wide|Template) == 0 && c.flags&(replyIndexed|NoOutput) != 0 {
			return c
		}
	}
}

// FindPlainOutbound is FindOutbound likewise.
func (s *Shard) FindPlainOutbound(a *Ahead, v *wire.Plain) *Conn {
	for i := int(a.at); ; i = s.next(i) {
		e := s.slots[i]
		if uint32(e) == 0 {
			return nil
		}
		if uint32(e>>32) != a.tag {
			continue
		}
		c := &s.conns[uint32(e)-1]
		if c.client == v.Dst && c.real == v.Src && c.clientPort == v.DstPort && c.realPort == v.SrcPort &&
			c.proto == v.Proto && c.flags&wide == 0 {
			return c
		}
	}
}

// Goes reports whether a plain packet leaves c as it is, but for its deadline
// and count: TCP data or acknowledgement on an established connection (which
// all state tables leave established), UDP on a connection past its first
// packet.
func (c *Conn) Goes(v *wire.Plain) bool {
	if c.proto == wire.ProtoUDP {
		return c.class == kept
	}
	return c.state == Established && v.Flags&(wire.SYN|wire.FIN|wire.RST|wire.ACK) == wire.ACK
}

// Extend is Touch for a connection that Goes. It reports false, and does
// nothing, if the deadline comes before the next look at c.
func (s *Shard) Extend(c *Conn, deadline time.Duration) bool {
	if before(tick(deadline), c.due) {
		return false
	}
	c.deadline = deadline
	return true
}
