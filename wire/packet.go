package wire

// Headroom is the least number of bytes a port leaves in Packet.Buf before the
// frame: room for the 10-byte virtio-net header and for the largest
// encapsulation header (IPv6 40 + UDP 8 + GUE 4), so that a tunnel header is
// written in place and every transmitted frame is one contiguous piece.
const Headroom = 64

// Packet is one frame under way through the pipeline: the port's memory, what
// the port knows about it, and the result of Parse. It is reused from batch to
// batch; a port overwrites every field above the parsed ones on receive, and
// Parse every field below.
//
// A Packet and its Buf belong to one worker and are valid until that worker
// releases the batch.
type Packet struct {
	// Buf is the memory that holds the frame with at least Headroom bytes
	// before it. The frame is Buf[Start:End].
	Buf        []byte
	Start, End int

	In       uint16     // port it came in on
	Out      uint16     // port it shall leave by; set with the verdict
	PktType  PacketType // whom the frame was addressed to, by sll_pkttype
	Clipped  bool       // captured length below original length: never forward
	HasVLAN  bool       // VLAN tag was present, stripped into VLANTCI by the kernel
	VLANTCI  uint16
	VLANTPID uint16
	Offload  Offload // virtio-net header: partial checksum, super-frame

	// Set by Parse. Offsets are into Buf, as Start and End are.
	EtherType uint16 // of the frame, after the VLAN tag
	L3        int    // IP header (ARP body if EtherType is ARP)
	L4        int    // transport header; 0 if there is none here
	IPEnd     int    // end of the IP packet by its total length; padding follows
	Src, Dst  Addr   // of the IP header; valid iff IP
	// SrcPort and DstPort are valid iff Proto is TCP, UDP or SCTP and FragOff is 0.
	SrcPort, DstPort uint16
	FragOff          uint16 // fragment offset in bytes
	MoreFrags        bool   // more fragments follow
	Proto            uint8  // IP protocol of the transport header
	TTL              uint8  // TTL or hop limit as received
	TCPFlags         uint8  // low 8 flag bits; valid iff Proto is TCP and FragOff is 0
	ICMPType         uint8  // valid iff Proto is ICMP or ICMPv6 and FragOff is 0
	ICMPCode         uint8

	// Set by the director when it has parsed the packet.
	Fault Fault
	Way   Way    // direction in which a connection is looked up first
	Hash  uint64 // of the client's end if it goes that Way
}

// Way is the direction of a packet as its addresses tell.
type Way uint8

// Values of Way.
const (
	WayUnknown  Way = iota // nothing to look up
	WayInbound             // to a virtual address
	WayOutbound            // from elsewhere, perhaps a real server
)

// Frame returns the bytes from the Ethernet header to the end.
func (p *Packet) Frame() []byte { return p.Buf[p.Start:p.End] }

// IP returns the IP packet without Ethernet padding. Only after Parse.
func (p *Packet) IP() []byte { return p.Buf[p.L3:p.IPEnd] }

// IPLen returns the length of the IP packet in bytes, the length that ip_vs
// counts in its byte statistics.
func (p *Packet) IPLen() int { return p.IPEnd - p.L3 }

// IsFragment reports whether the packet is part of a fragmented datagram.
func (p *Packet) IsFragment() bool { return p.MoreFrags || p.FragOff != 0 }

// PacketType says whom a frame was addressed to (packet(7), sll_pkttype).
type PacketType uint8

// Values of PacketType, equal to the kernel's.
const (
	ToHost PacketType = iota
	ToBroadcast
	ToMulticast
	ToOtherHost
	Outgoing
)
