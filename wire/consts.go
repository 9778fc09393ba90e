package wire

// EtherTypes (IANA "IEEE 802 Numbers").
const (
	EtherTypeIPv4 uint16 = 0x0800
	EtherTypeARP  uint16 = 0x0806
	EtherTypeVLAN uint16 = 0x8100 // IEEE 802.1Q
	EtherTypeQinQ uint16 = 0x88a8 // IEEE 802.1ad
	EtherTypeIPv6 uint16 = 0x86dd
)

// IP protocol numbers (IANA "Protocol Numbers").
const (
	ProtoICMP   uint8 = 1
	ProtoIPIP   uint8 = 4
	ProtoTCP    uint8 = 6
	ProtoUDP    uint8 = 17
	ProtoIPv6   uint8 = 41
	ProtoGRE    uint8 = 47
	ProtoICMPv6 uint8 = 58
	ProtoSCTP   uint8 = 132
)

// Header lengths in bytes, without options.
const (
	EthernetLen = 14
	ARPLen      = 28 // for Ethernet and IPv4 addresses
	IPv4Len     = 20
	IPv4MaxLen  = 60
	IPv6Len     = 40
	TCPLen      = 20
	TCPMaxLen   = 60
	UDPLen      = 8
	ICMPLen     = 8
	SCTPLen     = 12
)

// Flags of TCP (RFC 9293 section 3.1), the low eight bits.
const (
	FIN uint8 = 1 << iota
	SYN
	RST
	PSH
	ACK
	URG
	ECE
	CWR
)
