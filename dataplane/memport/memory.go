package memport

import "ulvs/wire"

// slotSize is the least capacity of a frame's memory in bytes: headroom and a
// frame of the usual MTU. A super-frame gets what it needs; its memory is
// recycled like any other.
const slotSize = 2048

// poisonByte overwrites released memory under Poison.
const poisonByte = 0xdd

// slot is a frame in memory of the port's own.
type slot struct {
	mem   []byte // wire.Headroom bytes, then the frame
	frame Frame  // its Data lies in mem
}

// take returns a slot that holds a copy of data and no metadata.
func (p *Port) take(data []byte) *slot {
	s := p.spare()
	size := wire.Headroom + len(data)
	if cap(s.mem) < size {
		s.mem = make([]byte, max(size, slotSize))
	}
	s.mem = s.mem[:size]
	copy(s.mem[wire.Headroom:], data)
	s.frame = Frame{Data: s.mem[wire.Headroom:]}
	return s
}

// takeFrame returns a slot that holds a copy of f.
func (p *Port) takeFrame(f *Frame) *slot {
	s := p.take(f.Data)
	data := s.frame.Data
	s.frame = *f
	s.frame.Data = data
	return s
}

// spare returns a recycled slot, or a new one without memory.
func (p *Port) spare() *slot {
	n := len(p.free)
	if n == 0 {
		return &slot{}
	}
	s := p.free[n-1]
	p.free = p.free[:n-1]
	return s
}

// recycle takes slots back and returns the emptied slice.
func (p *Port) recycle(slots []*slot) []*slot {
	if p.poison {
		for _, s := range slots {
			fill(s.mem)
		}
	}
	p.free = append(p.free, slots...)
	return slots[:0]
}

func fill(b []byte) {
	for i := range b {
		b[i] = poisonByte
	}
}
