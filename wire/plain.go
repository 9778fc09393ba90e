package wire

import "encoding/binary"

// Plain is what the shortest way through the pipeline needs of a packet that is
// as most are: IPv4 without options, whole, TCP or UDP, no super-frame. Fields
// that are compared and copied only are as they lie in memory, loaded
// little-endian, as Addr.V4 is.
type Plain struct {
	Src, Dst         uint32 // addresses, as Addr.V4
	SrcPort, DstPort uint16 // in host order
	Len              int    // of the IP packet, in bytes
	Proto            uint8  // TCP or UDP
	Flags            uint8  // of TCP
}

// plainLen is the least length of a frame that is plain: Ethernet, IPv4 and TCP
// headers. The padding of a short frame brings it there.
const plainLen = EthernetLen + IPv4Len + TCPLen

// Offsets in a plain frame.
const (
	plainIP = EthernetLen
	plainL4 = EthernetLen + IPv4Len
)

// Plain reads p if it is plain and nothing is wrong with it, and reports
// whether. What it accepts, Parse does, with the same findings; everything else
// is for Parse to judge.
func (p *Packet) Plain(v *Plain) bool {
	b := p.Buf[p.Start:p.End]
	if len(b) < plainLen || p.Clipped || p.HasVLAN || p.PktType != ToHost || p.Offload.GSOType != GSONone {
		return false
	}
	f := (*[plainLen]byte)(b)
	v.Len = int(binary.BigEndian.Uint16(f[plainIP+2:]))
	if binary.LittleEndian.Uint32(f[12:])&0xffffff != 0x450008 || // IPv4, no options
		binary.LittleEndian.Uint16(f[plainIP+6:])&0xff3f != 0 || // a fragment
		v.Len > len(b)-EthernetLen || !headerSumOK((*[IPv4Len]byte)(f[plainIP:])) {
		return false
	}
	v.Src, v.Dst = binary.LittleEndian.Uint32(f[plainIP+12:]), binary.LittleEndian.Uint32(f[plainIP+16:])
	v.SrcPort, v.DstPort = binary.BigEndian.Uint16(f[plainL4:]), binary.BigEndian.Uint16(f[plainL4+2:])
	v.Proto = f[plainIP+9]
	switch v.Proto {
	case ProtoTCP:
		v.Flags = f[plainL4+13]
		n := int(f[plainL4+12]>>4) * 4
		return n >= TCPLen && IPv4Len+n <= v.Len && p.plainOffload(TCPChecksumOffset)
	case ProtoUDP:
		v.Flags = 0
		n := int(binary.BigEndian.Uint16(f[plainL4+4:]))
		return n >= UDPLen && IPv4Len+n <= v.Len && p.plainOffload(UDPChecksumOffset)
	}
	return false
}

// plainOffload reports whether a checksum left to the device, if there is one,
// is the transport header's.
func (p *Packet) plainOffload(offset uint16) bool {
	return p.Offload.Flags&NeedsCsum == 0 || p.Offload.CsumStart == plainL4 && p.Offload.CsumOffset == offset
}

// SetPlain fills p's parsed fields from v, as Parse would.
func (p *Packet) SetPlain(v *Plain) {
	p.EtherType = EtherTypeIPv4
	p.L3, p.L4 = p.Start+plainIP, p.Start+plainL4
	p.IPEnd = p.L3 + v.Len
	p.Src, p.Dst = AddrFromV4(v.Src), AddrFromV4(v.Dst)
	p.SrcPort, p.DstPort = v.SrcPort, v.DstPort
	p.FragOff, p.MoreFrags = 0, false
	p.Proto, p.TTL, p.TCPFlags = v.Proto, p.PlainTTL(), v.Flags
	p.ICMPType, p.ICMPCode = 0, 0
}

// PlainTTL returns the TTL of the plain packet p.
func (p *Packet) PlainTTL() uint8 { return p.Buf[p.Start+plainIP+8] }
