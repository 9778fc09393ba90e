package conformance

import (
	"encoding/binary"

	"ulvs/wire"
)

// directors are the director's addresses on the servers' side: UDP from them is
// GUE, as it runs no program that sends.
var directors = [...]string{"203.0.113.126", "2001:db8:3::fe"}

// fromDirector reports whether a packet begins at the director.
func (d *decoded) fromDirector() bool {
	src := d.src.String()
	return src == directors[0] || src == directors[1]
}

// isTunnel reports whether an IP packet is a tunnel's.
func (d *decoded) isTunnel() bool {
	switch d.proto {
	case wire.ProtoIPIP, wire.ProtoIPv6, wire.ProtoGRE:
		return true
	}
	return d.proto == wire.ProtoUDP && d.fromDirector()
}

// sameSourcePort gives got the GUE source port of want, which is a secret hash in
// the kernel, and makes its checksum follow. A port that no hash gives stays.
func sameSourcePort(want, got []byte) {
	w, ok := gueHeader(want)
	g, also := gueHeader(got)
	if !ok || !also {
		return
	}
	const first, last = 32768, 60999 // of the ports that Linux gives to clients
	from, to := g.SrcPort(), w.SrcPort()
	if from < first || from > last {
		return
	}
	if sum := g.Checksum(); sum != 0 {
		g.SetChecksum(wire.Diff16(from, to).UpdateUDP(sum))
	}
	binary.BigEndian.PutUint16(g, to)
}

// gueHeader returns the UDP header of a GUE packet or of its first fragment.
func gueHeader(b []byte) (wire.UDP, bool) {
	d, ok := decode(b)
	ok = ok && d.isTunnel() && d.proto == wire.ProtoUDP && d.off == 0 && len(d.payload) >= wire.UDPLen
	return wire.UDP(d.payload), ok
}
