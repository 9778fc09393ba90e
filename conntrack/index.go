package conntrack

import "sync/atomic"

// The index of a shard is open addressing with linear probing. A slot is one
// word: the tag above, the entry's number in the shard plus 1 below, 0 if
// free. A probe compares tags within one or two cache lines and reads an entry
// only if all 32 bits agree, so that a hit costs two lines and a miss one.
//
// An entry has a slot by its virtual end and, if replies pass the director, one
// by its real end. Since the tag covers both ends, a client that opens
// connections to a thousand virtual services from one port does not make one
// long chain of them; it only fills its shard. No key has two slots: if two
// connections of one client end lead to the same real end, where their replies
// look alike, the reply slot is that of the newest.

// home is the slot at which the search for a tag starts. It grows with the tag,
// and a tag's home needs no entry to be read.
func (s *Shard) home(tag uint32) int {
	return int(uint64(tag) * uint64(len(s.slots)) >> 32)
}

// next is the slot after i.
func (s *Shard) next(i int) int {
	if i++; i < len(s.slots) {
		return i
	}
	return 0
}

// link enters c, whose client's end is the one locked, into the index, by the
// tags of its virtual and its real end.
func (s *Shard) link(c *Conn, a, b uint32) {
	n := c.unit - uint32(s.first) + 1
	s.put(a, n)
	c.flags |= Hashed
	if c.flags&(NoOutput|Template) == 0 {
		s.takeReply(c, b)
	}
}

// relink gives c, which the client has just used, back the reply slot that a
// newer connection took from it, if that one is gone.
func (s *Shard) relink(c *Conn) {
	_, b := s.tags(s.hash, c)
	if i, newer := s.replySlot(c, b); newer == nil {
		s.storeReply(i, c, b)
	}
}

// takeReply gives c the slot of its reply, if need be from an older connection.
func (s *Shard) takeReply(c *Conn, tag uint32) {
	i, old := s.replySlot(c, tag)
	if old != nil {
		old.flags &^= replyIndexed
	}
	s.storeReply(i, c, tag)
}

// replySlot finds the slot for c's reply: that of the connection whose replies
// look alike, or a free one and nil.
func (s *Shard) replySlot(c *Conn, tag uint32) (i int, other *Conn) {
	k := Key{Client: c.Client(), ClientPort: c.clientPort, Virtual: c.Real(), VirtualPort: c.realPort, Proto: c.proto}
	for i = s.home(tag); s.slots[i] != 0; i = s.next(i) {
		if uint32(s.slots[i]>>32) != tag {
			continue
		}
		other = &s.conns[uint32(s.slots[i])-1]
		if other.flags&replyIndexed != 0 && (k.is4() && other.isReply4(&k) || other.isReply6(&k)) {
			return i, other
		}
	}
	return i, nil
}

func (s *Shard) storeReply(i int, c *Conn, tag uint32) {
	s.store(i, uint64(tag)<<32|uint64(c.unit-uint32(s.first)+1))
	c.flags |= replyIndexed
}

// unlink takes c out of the index. Its client's end need not be the one locked.
func (s *Shard) unlink(c *Conn) {
	a, b := s.tags(s.t.Hash(c.Client(), c.clientPort, c.proto), c)
	n := c.unit - uint32(s.first) + 1
	s.del(a, n)
	if c.flags&replyIndexed != 0 {
		s.del(b, n)
	}
	c.flags &^= Hashed | replyIndexed
}

// tags returns the tags of both ends.
func (s *Shard) tags(h Hash, c *Conn) (inbound, reply uint32) {
	virtual, real := c.Virtual(), c.Real()
	return tag(h, &virtual, c.virtPort, s.t.secrets.inbound), tag(h, &real, c.realPort, s.t.secrets.reply)
}

// put adds a slot.
func (s *Shard) put(tag, n uint32) {
	i := s.home(tag)
	for s.slots[i] != 0 {
		i = s.next(i)
	}
	s.store(i, uint64(tag)<<32|uint64(n))
}

// store writes a slot so that Ahead may read it without the lock.
func (s *Shard) store(i int, e uint64) { atomic.StoreUint64(&s.slots[i], e) }

// del removes a slot and moves later ones up, so that no probe meets a hole
// before its goal and no tombstones pile up.
func (s *Shard) del(tag, n uint32) {
	e := uint64(tag)<<32 | uint64(n)
	i := s.home(tag)
	for s.slots[i] != e {
		if s.slots[i] == 0 {
			return
		}
		i = s.next(i)
	}
	for j := s.next(i); s.slots[j] != 0; j = s.next(j) {
		h := s.home(uint32(s.slots[j] >> 32))
		if s.distance(h, j) >= s.distance(i, j) {
			s.store(i, s.slots[j])
			i = j
		}
	}
	s.store(i, 0)
}

// distance is the number of steps from slot a to slot b.
func (s *Shard) distance(a, b int) int {
	if d := b - a; d >= 0 {
		return d
	}
	return b - a + len(s.slots)
}
