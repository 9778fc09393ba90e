package forward

import "ulvs/wire"

// Fragment cuts p into IPv4 fragments of at most mtu bytes (RFC 791 section
// 3.2) after finishing its checksum. p may be a fragment itself. That DF is
// clear is the caller's to check.
//
// next is used as in Segment. Fragment reports false if next returned nil, in
// which case the rest is missing, or, without a call of next, if p cannot be
// fragmented: a super-frame, an mtu with no room for 8 bytes or for the TCP
// header in the first fragment (RFC 1858 section 3: such are dropped as
// attacks), or an end beyond 65,535 bytes.
func Fragment(p *wire.Packet, mtu int, next func(size int) *wire.Packet) bool {
	header := p.IPv4().HeaderLen()
	body := p.L3 + header
	size := (mtu - header) &^ 7
	tooSmall := size < 8 || p.FragOff == 0 && body+size < payload(p)
	if tooSmall || int(p.FragOff)+p.IPLen() > 0xffff || !FinishChecksum(p) {
		return false
	}
	for at := body; at < p.IPEnd; at += size {
		end := min(at+size, p.IPEnd)
		out := next(body - p.Start + end - at)
		if out == nil {
			return false
		}
		cutFragment(out, p, at, end)
	}
	return true
}

// FragmentAs cuts p as it was cut before: into fragments with payloads of the
// given sizes, which make up all of p's. Otherwise it is Fragment, without a
// look at sizes that a fragment cannot have.
func FragmentAs(p *wire.Packet, sizes []int, next func(size int) *wire.Packet) bool {
	body := p.L3 + p.IPv4().HeaderLen()
	if len(sizes) == 0 || body+sizes[0] < payload(p) || !FinishChecksum(p) {
		return false
	}
	at := body
	for _, size := range sizes {
		end := min(at+size, p.IPEnd)
		out := next(body - p.Start + end - at)
		if out == nil {
			return false
		}
		cutFragment(out, p, at, end)
		at = end
	}
	return at == p.IPEnd
}

// cutFragment makes out the fragment with the bytes p.Buf[at:end].
func cutFragment(out, p *wire.Packet, at, end int) {
	body := p.L3 + p.IPv4().HeaderLen()
	derive(out, p, body, p.Buf[at:end])
	out.FragOff += uint16(at - body)
	out.MoreFrags = p.MoreFrags || end < p.IPEnd
	ip := out.IPv4()
	if at > body {
		blankOptions(ip.Options())
	}
	if out.FragOff > 0 {
		forgetTransport(out)
	}
	ip.SetTotalLen(out.IPLen())
	ip.SetFragment(ip.DF(), out.MoreFrags, int(out.FragOff))
	ip.FillChecksum()
}

// forgetTransport clears the parsed fields that only a first fragment has.
func forgetTransport(p *wire.Packet) {
	p.L4, p.SrcPort, p.DstPort = 0, 0, 0
	p.TCPFlags, p.ICMPType, p.ICMPCode = 0, 0, 0
}

// blankOptions overwrites with no-operation the options that belong into the
// first fragment only, those with the copied flag clear (RFC 791 section 3.1).
// Parse has checked their lengths.
func blankOptions(options []byte) {
	const end, nop, copied = 0, 1, 0x80
	for len(options) > 0 && options[0] != end {
		n := 1
		if options[0] != nop {
			n = int(options[1])
		}
		for i := 0; options[0]&copied == 0 && i < n; i++ {
			options[i] = nop
		}
		options = options[n:]
	}
}
