package wire

// AllNodes is ff02::1, the group of all hosts on the link (RFC 4291 section
// 2.7.1).
var AllNodes = AddrFrom16([16]byte{0xff, 2, 15: 1})

// SolicitedNode returns the group address that whoever has a listens to for
// questions about it: ff02::1:ff00:0/104 and a's last three bytes.
func SolicitedNode(a Addr) Addr {
	b := a.As16()
	return AddrFrom16([16]byte{0xff, 2, 11: 1, 12: 0xff, 13: b[13], 14: b[14], 15: b[15]})
}

// GroupMAC returns the Ethernet address of an IPv6 group address (RFC 2464
// section 7).
func GroupMAC(group Addr) MAC {
	b := group.As16()
	return MAC{0x33, 0x33, b[12], b[13], b[14], b[15]}
}

// Neighbour is a neighbour solicitation or advertisement (RFC 4861 sections 4.3
// and 4.4), what ARP is for IPv4.
type Neighbour struct {
	Type   uint8 // ICMP6NeighbourAsk or ICMP6NeighbourAnswer
	Flags  uint8 // of an advertisement
	Target Addr  // whose MAC is asked for or told
	// MAC is that of the sender in a solicitation, of the target in an
	// advertisement; zero if the option is not there.
	MAC MAC
}

// Flags of an advertisement.
const (
	NeighbourRouter    uint8 = 0x80
	NeighbourSolicited uint8 = 0x40
	NeighbourOverride  uint8 = 0x20
)

// Lengths in bytes: the fixed part of the message, with its header, and the
// option with an Ethernet address; NDPFrameLen is that of a frame made by
// BuildNDP.
const (
	neighbourLen = 24
	linkOption   = 8
	NDPFrameLen  = EthernetLen + IPv6Len + neighbourLen + linkOption
)

// Kinds of option: the link-layer address of the sender and of the target.
const (
	optSourceMAC = 1
	optTargetMAC = 2
)

// ndpHopLimit shows that no router has passed the message on (RFC 4861 section
// 11.2).
const ndpHopLimit = 255

// IsNDP reports whether p, which Parse has accepted, is a solicitation or an
// advertisement, right or not.
func IsNDP(p *Packet) bool {
	return p.EtherType == EtherTypeIPv6 && p.Proto == ProtoICMPv6 && !p.IsFragment() &&
		(p.ICMPType == ICMP6NeighbourAsk || p.ICMPType == ICMP6NeighbourAnswer)
}

// ReadNDP decodes a message for which IsNDP holds. It reports false if it must
// be discarded (RFC 4861 sections 7.1.1 and 7.1.2): not from this link, wrong
// checksum, target that is a group, an option without length, and what such a
// kind of message may not say.
func ReadNDP(p *Packet) (n Neighbour, ok bool) {
	m := ICMPv6(p.Transport())
	n = Neighbour{Type: m.Type(), Flags: m[4]}
	if p.TTL != ndpHopLimit || m.Code() != 0 || len(m) < neighbourLen {
		return n, false
	}
	n.Target = AddrFrom16([16]byte(m[8:24]))
	if isGroup6(n.Target) || n.Target.IsZero() || n.Target.Is4() || !m.ChecksumOK(p.Src, p.Dst) {
		return n, false
	}
	if !n.readOptions(m[neighbourLen:]) {
		return n, false
	}
	return n, n.sound(p)
}

// sound holds the message against its addresses.
func (n *Neighbour) sound(p *Packet) bool {
	switch {
	case isGroup6(p.Src):
		return false
	case n.Type == ICMP6NeighbourAnswer:
		return !isGroup6(p.Dst) || n.Flags&NeighbourSolicited == 0
	case p.Src.IsZero(): // a host that is about to take the address
		return n.MAC.IsZero() && p.Dst == SolicitedNode(n.Target)
	}
	return true
}

// readOptions walks the options; each takes at least eight bytes.
func (n *Neighbour) readOptions(o []byte) bool {
	want := uint8(optSourceMAC)
	if n.Type == ICMP6NeighbourAnswer {
		want = optTargetMAC
	}
	for len(o) > 0 {
		if len(o) < extUnit || o[1] == 0 || extUnit*int(o[1]) > len(o) {
			return false
		}
		if o[0] == want && o[1] == linkOption/extUnit {
			n.MAC = MAC(o[2:8])
		}
		o = o[extUnit*int(o[1]):]
	}
	return true
}

// isGroup6 reports whether an IPv6 address is a multicast address.
func isGroup6(a Addr) bool { return a.w0&0xff == 0xff }

// BuildNDP writes the frame of the message n over the first NDPFrameLen bytes
// of b, which must be there, and returns them, without the option if n.MAC is
// zero. The addresses of Ethernet are srcMAC and dstMAC, those of IPv6 src and
// dst.
func BuildNDP(b []byte, n *Neighbour, srcMAC MAC, src Addr, dstMAC MAC, dst Addr) []byte {
	size := neighbourLen
	if !n.MAC.IsZero() {
		size += linkOption
	}
	b = b[:EthernetLen+IPv6Len+size]
	e := Ethernet(b)
	e.SetDst(dstMAC)
	e.SetSrc(srcMAC)
	e.SetEtherType(EtherTypeIPv6)
	h := IPv6Header{PayloadLen: size, NextHeader: ProtoICMPv6, HopLimit: ndpHopLimit, Src: src, Dst: dst}
	h.Put(b[EthernetLen:])
	m := ICMPv6(b[EthernetLen+IPv6Len:])
	m.SetType(n.Type)
	m.SetCode(0)
	m.SetRest(uint32(n.Flags) << 24)
	n.Target.Put16(m[8:])
	n.putOption(m[neighbourLen:])
	m.FillChecksum(src, dst)
	return b
}

// putOption writes the option with the MAC over o, which is empty if there
// shall be none.
func (n *Neighbour) putOption(o []byte) {
	if len(o) == 0 {
		return
	}
	o[0], o[1] = optSourceMAC, linkOption/extUnit
	if n.Type == ICMP6NeighbourAnswer {
		o[0] = optTargetMAC
	}
	copy(o[2:8], n.MAC[:])
}
