package dataplane

import "ulvs/wire"

// Hint returns one line for whoever wonders about the reason: whether it is to
// be expected, and else where to look.
func (r Reason) Hint() string {
	if r < firstReason {
		return faultHints[r]
	}
	return reasonHints[r]
}

var reasonHints = [NumReasons]string{
	ForwardedNAT:       "as it should be; the replies must come back through the director: check the server's default route",
	ForwardedDR:        "as it should be; if clients see nothing, the server lacks the VIP (on lo, without answering ARP for it)",
	ForwardedTunnel:    "as it should be; if clients see nothing, the server must take the tunnel off and have the VIP",
	ForwardedReply:     "as it should be",
	ForwardedICMP:      "as it should be; many of them: look at what the errors say on the way to servers or clients",
	ForwardedSegments:  "as it should be; the interface's offloads join packets and the way out needs them single",
	ForwardedFragments: "works, but costs: raise the MTU of the way to the servers, or lower the clients' or the MSS",

	PassedNotIP:     "expected on most links (LLDP, spanning tree)",
	PassedOtherHost: "expected: broadcast, multicast, or a promiscuous interface or mirror port",
	PassedVLAN:      "give ulvs the VLAN's own interface if its packets are to be balanced",
	PassedNoService: "compare address, port and protocol with ipvsadm -Ln; expected for the host's own services",
	PassedNotSYN:    "the connection has ended, or was made before ulvs started or by another director; sloppy_tcp takes such packets",
	PassedNotInit:   "the association has ended, or is another director's; sloppy_sctp takes such packets",
	PassedProtocol:  "expected: TCP, UDP, SCTP and ICMP are balanced, nothing else",
	PassedICMP:      "expected: pings of the host itself, and errors about connections of its own",
	PassedARP:       "expected on every link",
	PassedNDP:       "expected on every link with IPv6",
	PassedFragment:  "expected: fragments for the host itself or for others",
	PassedFTPData:   "active FTP: the client connects to nobody here, its server does; nothing to be done",
	PassedNotNAT:    "the director is the router of a DR or tunnel server; the replies need not go this way",

	AnsweredARP:         "as it should be: ulvs owns the virtual address on this link",
	AnsweredNDP:         "as it should be: ulvs owns the virtual address on this link",
	AnsweredEcho:        "as it should be; it says nothing about the servers",
	AnsweredUnreachable: "no server, all with weight 0 or above their upper threshold: ipvsadm -Ln --thresholds",
	AnsweredTooBig:      "as it should be: path MTU discovery; if transfers hang, somebody drops the ICMP on its way to the client",
	AnsweredTTL:         "a traceroute, or packets that go round in a circle between director and server",

	HeldNeighbour: "expected at first contact; if it goes on, the next hop does not answer ARP or neighbour discovery",
	HeldFragment:  "expected for fragmented datagrams; if nothing follows, fragments are lost on the way here",

	DroppedMartian:    "forged or misrouted: no client has such an address; look where it enters the network",
	DroppedFragment:   "an attack or a faulty sender: fragments must neither repeat nor overlap",
	DroppedServerGone: "set weight 0 and wait for the connections to end before deleting a server; or expire_nodest_conn",
	DroppedTableFull:  "make the connection table larger (ulvs run --capacity), or shorten the timeouts",
	DroppedNoRoute:    "look at ip route get for the server or client; a tunnel needs an address of the director there",
	DroppedLinkDown:   "look at ip link; an interface that is up must be given to ulvs (ulvs run --interface)",
	DroppedLocal:      "a real server needs an address of its own, on another host or in another namespace",
	DroppedNeighbour:  "is the server up, on this link, and its address right? ip neigh says what answers",
	DroppedICMPLimit:  "many clients get errors at once: find out why from the other reasons",
	DroppedNoAnswer:   "expected: there are no errors about errors, fragments, broadcasts and forged sources",
	DroppedICMPBad:    "damaged or forged; a ping of the VIP must come whole and from a single host",
	DroppedReuse:      "a port scanner or a faulty client",
	DroppedSegment:    "turn off the interface's receive offloads (ethtool -K DEV gro off lro off) and tell the developers",
	DroppedDefence:    "the setting drop_packet is at work: ulvs set drop_packet shows it",
	DroppedMethod:     "use NAT, direct routing or tunnel for this server",
	DroppedPanic:      "a bug in ulvs: the log has the place; please report it",
}

// Hints that several faults share.
const (
	hintShort    = "cut on its way, or made so: a faulty sender, or a scan"
	hintLies     = "headers that contradict themselves: a faulty sender, or a scan"
	hintFragment = "fragments made to slip past filters; senders make none such"
)

var faultHints = [wire.NumFaults]string{
	wire.FaultNone:            "never counted",
	wire.FaultClipped:         "longer than a slot of the ring: the interface's MTU was raised after ulvs opened it, or offloads join more",
	wire.FaultShortEthernet:   hintShort,
	wire.FaultStackedVLAN:     "a second VLAN tag (802.1ad): give ulvs the inner VLAN's interface",
	wire.FaultEtherType:       "counted as passed-not-ip",
	wire.FaultShortARP:        hintShort,
	wire.FaultARPFormat:       "ARP of another kind of network: a bridge to something that is not Ethernet",
	wire.FaultShortIP:         hintShort,
	wire.FaultIPVersion:       hintLies,
	wire.FaultIHLSmall:        hintLies,
	wire.FaultIHLBeyond:       hintLies,
	wire.FaultTotalSmall:      hintLies,
	wire.FaultTotalBeyond:     hintShort,
	wire.FaultIPChecksum:      "damaged on its way: look for a bad cable, interface or switch (ip -s link)",
	wire.FaultMappedAddress:   "forged: such addresses are for programs, not for the network",
	wire.FaultExtensionBeyond: hintLies,
	wire.FaultExtensionCount:  "no sender has use for so many: a scan",
	wire.FaultExtensionOrder:  hintLies,
	wire.FaultJumbogram:       "packets above 64 KiB are not taken; no Ethernet has them",
	wire.FaultIPOption:        hintLies,
	wire.FaultSourceRoute:     "source routes are refused everywhere: a scan, or very old tools",
	wire.FaultFragmentLength:  hintFragment,
	wire.FaultFragmentBeyond:  hintFragment,
	wire.FaultTinyFragment:    hintFragment,
	wire.FaultTCPFragment:     hintFragment,
	wire.FaultShortTCP:        hintShort,
	wire.FaultTCPOffsetSmall:  hintLies,
	wire.FaultTCPOffsetBeyond: hintLies,
	wire.FaultShortUDP:        hintShort,
	wire.FaultUDPLengthSmall:  hintLies,
	wire.FaultUDPLengthBeyond: hintLies,
	wire.FaultShortICMP:       hintShort,
	wire.FaultShortSCTP:       hintShort,
	wire.FaultSCTPChunkSmall:  hintLies,
	wire.FaultSCTPChunkBeyond: hintLies,
	wire.FaultOffload:         "the driver describes a frame wrongly: turn its offloads off (ethtool -K) and tell the developers",
}
