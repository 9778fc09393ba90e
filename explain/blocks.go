package explain

import (
	"encoding/binary"
	"io"
)

// blocks passes a pcapng file on and follows its blocks, since the library takes
// a file that ends within one for a whole one. A block is type, length, body and
// the length again; a section's header says in which byte order
// (draft-ietf-opsawg-pcapng section 3.1).
type blocks struct {
	from  io.Reader
	head  []byte // of the block in hand, as far as it is there
	left  int    // bytes of that block still to come behind its head
	order binary.ByteOrder
}

// Parts of a block.
const (
	blockHead   = 12 // type and length, and in a section's header the byte order
	blockLeast  = 12
	sectionType = 0x0a0d0d0a // the same in both orders
	orderMagic  = 0x1a2b3c4d
)

// Read implements io.Reader.
func (b *blocks) Read(p []byte) (n int, err error) {
	n, err = b.from.Read(p)
	b.follow(p[:n])
	return n, err
}

// follow takes note of bytes that were passed on.
func (b *blocks) follow(p []byte) {
	for len(p) > 0 {
		if b.left > 0 {
			n := min(b.left, len(p))
			b.left, p = b.left-n, p[n:]
			continue
		}
		n := min(blockHead-len(b.head), len(p))
		b.head, p = append(b.head, p[:n]...), p[n:]
		if len(b.head) == blockHead {
			b.left = max(b.length()-blockHead, 0)
			b.head = b.head[:0]
		}
	}
}

// length is that of the block whose head is there.
func (b *blocks) length() int {
	if binary.LittleEndian.Uint32(b.head) == sectionType {
		b.order = binary.LittleEndian
		if binary.BigEndian.Uint32(b.head[8:]) == orderMagic {
			b.order = binary.BigEndian
		}
	}
	if b.order == nil {
		return blockLeast
	}
	return int(b.order.Uint32(b.head[4:]))
}

// within reports whether what was passed on ends within a block.
func (b *blocks) within() bool { return b.left > 0 || len(b.head) > 0 }
