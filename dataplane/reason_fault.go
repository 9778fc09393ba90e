package dataplane

import "ulvs/wire"

// Hints of malformed packets, by what kind of sender makes them.
const (
	hintCut      = "a faulty sender, driver or cable, or a scanner: look at ip -s link, and with tcpdump -e where it comes from"
	hintForged   = "no sane stack sends this: a scanner or an attack; look with tcpdump where it comes from"
	hintChecksum = "damaged on the way or by a faulty sender: look at ip -s link, and with tcpdump -v where it comes from"
	hintBlocked  = "refused on purpose, as firewalls do; if it is wanted traffic, the sender must go without"
)

// faultTexts are the meanings and hints of the faults, by their numbers.
var faultTexts = [wire.NumFaults]struct{ meaning, hint string }{
	wire.FaultNone:            {"no fault", "never counted"},
	wire.FaultClipped:         {"the ring holds less than the frame did", "the frame is larger than a slot of the receive ring: turn GRO and LRO off (ethtool -K)"},
	wire.FaultShortEthernet:   {"fewer than 14 bytes: no Ethernet header", hintCut},
	wire.FaultStackedVLAN:     {"a VLAN tag inside a VLAN tag", "double-tagged frame: end the tags at the switch, or give ulvs the VLAN's own interface (ulvs run --interface)"},
	wire.FaultEtherType:       {"neither IPv4, IPv6 nor ARP", "never counted by this name: see passed-not-ip"},
	wire.FaultShortARP:        {"fewer than 28 bytes of ARP", hintCut},
	wire.FaultARPFormat:       {"ARP for other than Ethernet and IPv4 addresses", "ARP for other than Ethernet and IPv4: look with tcpdump -e arp where it comes from"},
	wire.FaultShortIP:         {"fewer than 20 bytes of IPv4 or 40 of IPv6", hintCut},
	wire.FaultIPVersion:       {"the IP version is not that of the EtherType", hintForged},
	wire.FaultIHLSmall:        {"IPv4 header length below 20 bytes", hintForged},
	wire.FaultIHLBeyond:       {"IPv4 header longer than the frame", hintCut},
	wire.FaultTotalSmall:      {"IPv4 total length below the header length", hintForged},
	wire.FaultTotalBeyond:     {"IP length ends after the frame", hintCut},
	wire.FaultIPChecksum:      {"IPv4 header checksum is wrong", hintChecksum},
	wire.FaultMappedAddress:   {"IPv4-mapped address in an IPv6 header", hintForged},
	wire.FaultExtensionBeyond: {"IPv6 extension header ends after the packet", hintForged},
	wire.FaultExtensionCount:  {"more than eight IPv6 extension headers", hintForged},
	wire.FaultExtensionOrder:  {"IPv6 hop-by-hop header not the first, or a second fragment header", hintForged},
	wire.FaultJumbogram:       {"IPv6 jumbo payload option", hintBlocked},
	wire.FaultIPOption:        {"IP option too short, or ends after the header", hintForged},
	wire.FaultSourceRoute:     {"source route, or IPv6 routing header with segments left", hintBlocked},
	wire.FaultFragmentLength:  {"fragment empty, or no multiple of 8 bytes and not the last", hintForged},
	wire.FaultFragmentBeyond:  {"fragment ends after the largest IP packet, 65535 bytes", hintForged},
	wire.FaultTinyFragment:    {"first fragment without all headers", hintForged},
	wire.FaultTCPFragment:     {"TCP fragment at offset 8, which could overwrite the flags", hintForged},
	wire.FaultShortTCP:        {"fewer than 20 bytes of TCP", hintForged},
	wire.FaultTCPOffsetSmall:  {"TCP header length below 20 bytes", hintForged},
	wire.FaultTCPOffsetBeyond: {"TCP header ends after the packet", hintForged},
	wire.FaultShortUDP:        {"fewer than 8 bytes of UDP", hintForged},
	wire.FaultUDPLengthSmall:  {"UDP length below 8", hintForged},
	wire.FaultUDPLengthBeyond: {"UDP length ends after the packet", hintForged},
	wire.FaultShortICMP:       {"fewer than 8 bytes of ICMP", hintForged},
	wire.FaultShortSCTP:       {"fewer than 16 bytes of SCTP: a header and that of a chunk", hintForged},
	wire.FaultSCTPChunkSmall:  {"length of the first SCTP chunk below 4", hintForged},
	wire.FaultSCTPChunkBeyond: {"first SCTP chunk ends after the packet", hintForged},
	wire.FaultOffload:         {"the offload header contradicts the packet", "a virtual interface describes its packets wrongly: turn its offloads off (ethtool -K) and report the driver"},
}
