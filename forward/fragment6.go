package forward

import "ulvs/wire"

// Fragment6 is Fragment for an IPv6 packet of our own, a tunnel's, or one that
// came in fragments: nobody may fragment another's (RFC 8200 section 5). id
// tells its fragments from those of other packets between the same ends.
func Fragment6(p *wire.Packet, mtu int, id uint32, next func(size int) *wire.Packet) bool {
	c := newCutter6(p, id)
	size := (mtu - (c.body - p.L3) - wire.FragmentHeaderLen) &^ 7
	if size < 8 || c.body+size < payload(p) || !FinishChecksum(p) {
		return false
	}
	for at := c.body; at < p.IPEnd; at += size {
		if !c.cut(at, min(at+size, p.IPEnd), next) {
			return false
		}
	}
	return true
}

// FragmentAs6 is FragmentAs for IPv6.
func FragmentAs6(p *wire.Packet, sizes []int, id uint32, next func(size int) *wire.Packet) bool {
	c := newCutter6(p, id)
	if len(sizes) == 0 || c.body+sizes[0] < payload(p) || !FinishChecksum(p) {
		return false
	}
	at := c.body
	for _, size := range sizes {
		end := min(at+size, p.IPEnd)
		if !c.cut(at, end, next) {
			return false
		}
		at = end
	}
	return at == p.IPEnd
}

// cutter6 cuts an IPv6 packet into fragments.
type cutter6 struct {
	p     *wire.Packet
	body  int // where what is cut begins, an offset into p.Buf
	named int // where the fragment header is named, an offset from the IP header
	id    uint32
}

func newCutter6(p *wire.Packet, id uint32) cutter6 {
	place, named := wire.FragmentPlace6(p.IP())
	return cutter6{p, p.L3 + place, named, id}
}

// cut makes the fragment with the bytes p.Buf[at:end].
func (c *cutter6) cut(at, end int, next func(size int) *wire.Packet) bool {
	const header = wire.FragmentHeaderLen
	p := c.p
	out := next(c.body - p.Start + header + end - at)
	if out == nil {
		return false
	}
	derive(out, p, c.body, p.Buf[at-header:end]) // the fragment header comes over the first eight
	out.FragOff, out.MoreFrags = uint16(at-c.body), end < p.IPEnd
	ip := out.Buf[out.L3:out.IPEnd]
	proto := ip[c.named]
	wire.PutFragment6(ip[c.body-p.L3:], proto, at-c.body, out.MoreFrags, c.id)
	ip[c.named] = wire.ProtoFragment
	setLength(out)
	if out.L4 += header; out.FragOff > 0 {
		forgetTransport(out)
		out.Proto = proto
	}
	return true
}

// DropAtomic takes the fragment header out of an IPv6 packet that is the only
// fragment of its datagram (RFC 6946), as Linux does before ip_vs sees it. It
// leaves other packets as they are.
func DropAtomic(p *wire.Packet) {
	const header = wire.FragmentHeaderLen
	if p.IsFragment() {
		return
	}
	at, named := wire.FragmentHeader6(p.IP())
	if at == 0 {
		return
	}
	ip := p.Buf[p.L3:]
	ip[named] = ip[at]
	copy(p.Buf[p.Start+header:], p.Buf[p.Start:p.L3+at])
	p.Start += header
	p.L3 += header
	setLength(p)
	if p.Offload.Partial() {
		p.Offload.CsumStart -= header
	}
	if p.Offload.GSO() != wire.GSONone {
		p.Offload.HdrLen -= min(p.Offload.HdrLen, header)
	}
}

// Copy makes a packet of next's like p, which asks nothing of the device.
func Copy(p *wire.Packet, next func(size int) *wire.Packet) bool {
	out := next(p.IPEnd - p.Start)
	if out != nil {
		derive(out, p, p.L4, p.Buf[p.L4:p.IPEnd])
	}
	return out != nil
}
