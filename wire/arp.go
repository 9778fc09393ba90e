package wire

import "encoding/binary"

// ARP operations (RFC 826).
const (
	ARPRequest uint16 = 1
	ARPReply   uint16 = 2
)

// ARP is an ARP body for Ethernet and IPv4 addresses (RFC 826), 28 bytes.
type ARP []byte

// arpEthernetIPv4 is the fixed part: hardware Ethernet, protocol IPv4, address
// lengths 6 and 4.
const arpEthernetIPv4 = 0x0001_0800_0604

// EthernetIPv4 reports whether the body is for Ethernet and IPv4 addresses,
// without which no other accessor means anything.
func (a ARP) EthernetIPv4() bool { return binary.BigEndian.Uint64(a)>>16 == arpEthernetIPv4 }

// Op returns the operation, ARPRequest or ARPReply.
func (a ARP) Op() uint16 { return binary.BigEndian.Uint16(a[6:]) }

// SenderMAC returns the hardware address of the sender.
func (a ARP) SenderMAC() MAC { return MAC(a[8:14]) }

// SenderIP returns the protocol address of the sender.
func (a ARP) SenderIP() [4]byte { return [4]byte(a[14:18]) }

// TargetMAC returns the hardware address of the target; means nothing in a
// request.
func (a ARP) TargetMAC() MAC { return MAC(a[18:24]) }

// TargetIP returns the protocol address of the target.
func (a ARP) TargetIP() [4]byte { return [4]byte(a[24:28]) }
