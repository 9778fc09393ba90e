package forward

import "ulvs/wire"

// RecordRoute writes own into the next free place of the record-route option of
// p, if it has one with room, as each router on the way does (RFC 791 section
// 3.1). The header checksum follows.
func RecordRoute(p *wire.Packet, own wire.Addr) {
	const end, nop, record = 0, 1, 7
	if p.Is6() {
		return
	}
	ip := p.IPv4()
	for o := ip.Options(); len(o) > 0 && o[0] != end; {
		if o[0] == nop {
			o = o[1:]
			continue
		}
		if o[0] == record {
			if recordIn(o[:o[1]], own) {
				ip.FillChecksum()
			}
			return
		}
		o = o[o[1]:]
	}
}

// recordIn writes own where the pointer of the option, which counts from 1,
// points.
func recordIn(o []byte, own wire.Addr) bool {
	const least = 4 // behind type, length and pointer
	if len(o) < least-1 {
		return false
	}
	at := int(o[2])
	if at < least || at+3 > len(o) {
		return false
	}
	a := own.As4()
	copy(o[at-1:], a[:])
	o[2] += 4
	return true
}
