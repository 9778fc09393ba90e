package wire

import "encoding/binary"

// ARPFrameLen is the length in bytes of a frame made by BuildARP. Ethernet's
// minimum of 60 is the device's to pad.
const ARPFrameLen = EthernetLen + ARPLen

// BuildARP writes an ARP frame over the first ARPFrameLen bytes of b, which
// must be there, and returns them. dstMAC is where the frame goes: Broadcast
// for a request or an announcement, whose target hardware address is then
// zero (RFC 5227 section 1.1). srcIP and dstIP are IPv4.
func BuildARP(b []byte, op uint16, srcMAC MAC, srcIP Addr, dstMAC MAC, dstIP Addr) []byte {
	b = b[:ARPFrameLen]
	e := Ethernet(b)
	e.SetDst(dstMAC)
	e.SetSrc(srcMAC)
	e.SetEtherType(EtherTypeARP)
	a := b[EthernetLen:]
	binary.BigEndian.PutUint64(a, arpEthernetIPv4<<16|uint64(op))
	target := dstMAC
	if dstMAC == Broadcast {
		target = MAC{}
	}
	copy(a[8:14], srcMAC[:])
	srcIP.Put4(a[14:])
	copy(a[18:24], target[:])
	dstIP.Put4(a[24:])
	return b
}
