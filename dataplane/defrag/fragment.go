package defrag

import (
	"slices"

	"ulvs/wire"
)

// fragment is a fragment of either family.
type fragment struct {
	key    key
	header []byte // what the datagram has before its payload; of the first fragment
	body   []byte
	at     int // of body in the payload, in bytes
	more   bool
	// named is where header names what follows it, next what shall stand there:
	// of IPv6, which has a fragment header in between.
	named int
	next  uint8
}

// key names a datagram (RFC 791 section 3.2, RFC 8200 section 4.5).
type key struct {
	src, dst wire.Addr
	id       uint32
	proto    uint8 // of IPv4
}

// read takes a parsed fragment apart.
func read(p *wire.Packet) (f fragment) {
	b := p.IP()
	f.at, f.more = int(p.FragOff), p.MoreFrags
	if !p.Is6() {
		n := p.IPv4().HeaderLen()
		f.key = key{p.Src, p.Dst, uint32(p.IPv4().ID()), p.Proto}
		f.header, f.body = b[:n], b[n:]
		return f
	}
	at, named := wire.FragmentHeader6(b)
	f.key = key{src: p.Src, dst: p.Dst, id: wire.FragmentID6(b[at:])}
	f.header, f.body = b[:at], b[at+wire.FragmentHeaderLen:]
	f.named, f.next = named, b[at]
	return f
}

// wholeHeader is a copy of the header as the whole datagram has it.
func (f *fragment) wholeHeader() []byte {
	h := slices.Clone(f.header)
	if h[0]>>4 == 6 {
		h[f.named] = f.next
	}
	return h
}
