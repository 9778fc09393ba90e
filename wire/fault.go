package wire

// Fault says what is wrong with a frame. Each kind of malformed input has one,
// so that each can be counted by itself.
type Fault uint8

// Faults in the order in which Parse looks for them.
const (
	FaultNone Fault = iota
	// FaultClipped: the capture holds less than the frame did.
	FaultClipped
	// FaultShortEthernet: fewer than 14 bytes.
	FaultShortEthernet
	// FaultStackedVLAN: a VLAN tag inside the frame. Ports take the outer tag
	// off; a second one must not pass for untagged traffic.
	FaultStackedVLAN
	// FaultEtherType: neither IPv4, IPv6 nor ARP.
	FaultEtherType
	// FaultShortARP: fewer than 28 bytes of ARP.
	FaultShortARP
	// FaultARPFormat: ARP for other than Ethernet and IPv4 addresses.
	FaultARPFormat
	// FaultShortIP: fewer than 20 bytes of IPv4 or 40 of IPv6.
	FaultShortIP
	// FaultIPVersion: the version field is not that of the EtherType.
	FaultIPVersion
	// FaultIHLSmall: the header length is below 20 bytes.
	FaultIHLSmall
	// FaultIHLBeyond: the header ends after the frame.
	FaultIHLBeyond
	// FaultTotalSmall: the total length is below the header length.
	FaultTotalSmall
	// FaultTotalBeyond: the total length, or IPv6's payload length, ends after
	// the frame.
	FaultTotalBeyond
	// FaultIPChecksum: the header checksum does not verify (RFC 1812 section 5.2.2).
	FaultIPChecksum
	// FaultMappedAddress: an IPv4-mapped address in an IPv6 header, which would
	// pass for IPv4 (RFC 4942 section 2.2).
	FaultMappedAddress
	// FaultExtensionBeyond: an IPv6 extension header ends after the packet.
	FaultExtensionBeyond
	// FaultExtensionCount: more than eight IPv6 extension headers.
	FaultExtensionCount
	// FaultExtensionOrder: an IPv6 hop-by-hop header that is not the first, or a
	// second fragment header.
	FaultExtensionOrder
	// FaultJumbogram: the jumbo payload option (RFC 2675).
	FaultJumbogram
	// FaultIPOption: an option's length is too small or ends after the header.
	FaultIPOption
	// FaultSourceRoute: a loose or strict source route (RFC 7126 sections 4.3,
	// 4.4), or an IPv6 routing header with segments left (RFC 5095).
	FaultSourceRoute
	// FaultFragmentLength: a fragment other than the last that is empty or no
	// multiple of 8 bytes long (RFC 791 section 3.2, RFC 8200 section 4.5).
	FaultFragmentLength
	// FaultFragmentBeyond: a fragment that ends after the largest IP packet.
	FaultFragmentBeyond
	// FaultTinyFragment: a first fragment without the whole TCP header
	// (RFC 1858 section 3), or without all extension headers (RFC 7112).
	FaultTinyFragment
	// FaultTCPFragment: a TCP fragment at offset 8, which could overwrite the
	// flags of the first (RFC 1858 section 4, RFC 3128).
	FaultTCPFragment
	// FaultShortTCP: fewer than 20 bytes of TCP.
	FaultShortTCP
	// FaultTCPOffsetSmall: the data offset is below 20 bytes.
	FaultTCPOffsetSmall
	// FaultTCPOffsetBeyond: the data offset is after the packet's end.
	FaultTCPOffsetBeyond
	// FaultShortUDP: fewer than 8 bytes of UDP.
	FaultShortUDP
	// FaultUDPLengthSmall: the UDP length is below 8.
	FaultUDPLengthSmall
	// FaultUDPLengthBeyond: the UDP length ends after the packet.
	FaultUDPLengthBeyond
	// FaultShortICMP: fewer than 8 bytes of ICMP.
	FaultShortICMP
	// FaultShortSCTP: fewer than 16 bytes of SCTP, a header and that of a chunk.
	FaultShortSCTP
	// FaultSCTPChunkSmall: the length of the first chunk is below 4.
	FaultSCTPChunkSmall
	// FaultSCTPChunkBeyond: the first chunk ends after the packet.
	FaultSCTPChunkBeyond
	// FaultOffload: the virtio-net header contradicts the packet, so that no
	// rewrite could keep it right.
	FaultOffload

	// NumFaults is the number of Fault values, FaultNone included.
	NumFaults int = iota
)

// faultNames are stable: they are names of counters.
var faultNames = [NumFaults]string{
	FaultNone:            "none",
	FaultClipped:         "clipped",
	FaultShortEthernet:   "short-ethernet",
	FaultStackedVLAN:     "stacked-vlan",
	FaultEtherType:       "unknown-ethertype",
	FaultShortARP:        "short-arp",
	FaultARPFormat:       "arp-format",
	FaultShortIP:         "short-ip-header",
	FaultIPVersion:       "ip-version",
	FaultIHLSmall:        "ihl-too-small",
	FaultIHLBeyond:       "ihl-beyond-frame",
	FaultTotalSmall:      "total-length-too-small",
	FaultTotalBeyond:     "total-length-beyond-frame",
	FaultIPChecksum:      "ip-checksum",
	FaultMappedAddress:   "ipv4-mapped-address",
	FaultExtensionBeyond: "extension-beyond-packet",
	FaultExtensionCount:  "too-many-extensions",
	FaultExtensionOrder:  "extension-order",
	FaultJumbogram:       "jumbogram",
	FaultIPOption:        "ip-option",
	FaultSourceRoute:     "source-route",
	FaultFragmentLength:  "fragment-length",
	FaultFragmentBeyond:  "fragment-beyond-64k",
	FaultTinyFragment:    "tiny-first-fragment",
	FaultTCPFragment:     "tcp-fragment-at-8",
	FaultShortTCP:        "short-tcp",
	FaultTCPOffsetSmall:  "tcp-offset-too-small",
	FaultTCPOffsetBeyond: "tcp-offset-beyond-packet",
	FaultShortUDP:        "short-udp",
	FaultUDPLengthSmall:  "udp-length-too-small",
	FaultUDPLengthBeyond: "udp-length-beyond-packet",
	FaultShortICMP:       "short-icmp",
	FaultShortSCTP:       "short-sctp",
	FaultSCTPChunkSmall:  "sctp-chunk-too-small",
	FaultSCTPChunkBeyond: "sctp-chunk-beyond-packet",
	FaultOffload:         "offload-mismatch",
}

// String returns the fault's stable kebab-case name.
func (f Fault) String() string {
	if int(f) >= NumFaults {
		return "unknown-fault"
	}
	return faultNames[f]
}
