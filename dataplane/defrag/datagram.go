package defrag

import (
	"slices"
	"time"

	"ulvs/wire"
)

// datagram is what has come of one datagram.
type datagram struct {
	key        key
	since      time.Duration
	prev, next *datagram // older and newer
	pieces     []piece   // by offset
	header     []byte    // of the first fragment, as the whole datagram has it
	total      int       // length of the payload, once the last fragment is there
	newest     int       // bytes that the last put has stored
	spoilt     bool
}

// unknown is the total before the last fragment has come.
const unknown = -1

// piece is the payload of one fragment.
type piece struct {
	at   int
	data []byte
}

func (p *piece) end() int { return p.at + len(p.data) }

// verdict says how a fragment fits.
type verdict uint8

const (
	fitting       verdict = iota
	repeated              // the same place as one that is there, or the datagram is spoilt
	contradicting         // overlaps, is beyond the end, or one too many
)

// put stores a copy of a fragment's payload.
func (d *datagram) put(f *fragment) verdict {
	at, n := f.at, len(f.body)
	d.newest = 0
	if d.spoilt {
		return repeated
	}
	i, found := slices.BinarySearchFunc(d.pieces, at, func(q piece, at int) int { return q.at - at })
	switch {
	case found && len(d.pieces[i].data) == n && f.more == (d.total != at+n):
		return repeated
	case !d.fits(i, at, n, f.more):
		return contradicting
	}
	if !f.more {
		d.total = at + n
	}
	if at == 0 {
		d.header = f.wholeHeader()
		d.newest += len(d.header)
	}
	d.pieces = slices.Insert(d.pieces, i, piece{at, slices.Clone(f.body)})
	d.newest += n
	return fitting
}

// fits reports whether n bytes from at go before the piece of index i without
// an overlap, and agree with the datagram's end.
func (d *datagram) fits(i, at, n int, more bool) bool {
	end := at + n
	switch {
	case n == 0 || len(d.pieces) == MaxPieces:
		return false
	case i > 0 && d.pieces[i-1].end() > at, i < len(d.pieces) && d.pieces[i].at < end:
		return false
	case d.total != unknown:
		return more && end < d.total // there is one last fragment
	case !more:
		return i == len(d.pieces)
	}
	return true
}

// whole reports whether nothing is missing: there are no overlaps, so that the
// lengths say it.
func (d *datagram) whole() bool {
	return d.total != unknown && d.header != nil && d.payload() == d.total &&
		d.total+len(d.header) <= largest(d.header)
}

// largest is the length of the largest IP packet of a header's family.
func largest(header []byte) int {
	if header[0]>>4 == 6 {
		return wire.IPv6Len + 0xffff
	}
	return 0xffff
}

func (d *datagram) payload() (n int) {
	for i := range d.pieces {
		n += len(d.pieces[i].data)
	}
	return n
}

// size is what the datagram takes of the Table's bytes.
func (d *datagram) size() int {
	if d.spoilt {
		return 0
	}
	return d.payload() + len(d.header)
}

// assemble writes the datagram into whole.
func (d *datagram) assemble(p, whole *wire.Packet, sizes []int) []int {
	buf := whole.Buf
	*whole = wire.Packet{Buf: buf, Start: wire.Headroom, In: p.In, PktType: p.PktType}
	at := whole.Start + copy(buf[whole.Start:], p.Buf[p.Start:p.L3])
	ip := at
	at += copy(buf[at:], d.header)
	for i := range d.pieces {
		at += copy(buf[at:], d.pieces[i].data)
		sizes = append(sizes, len(d.pieces[i].data))
	}
	whole.End = at
	finish(buf[ip:at])
	return sizes
}

// finish makes the IP header of the first fragment that of the datagram b.
func finish(b []byte) {
	if b[0]>>4 == 6 {
		wire.IPv6(b).SetPayloadLen(len(b) - wire.IPv6Len)
		return
	}
	ip := wire.IPv4(b)
	ip.SetTotalLen(len(b))
	ip.SetFragment(false, false, 0)
	ip.FillChecksum()
}
