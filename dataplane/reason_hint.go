package dataplane

// reasonHints say what to look at or do where a reason's count is not what one
// expects. Of what is as it should be they say what it tells.
var reasonHints = [NumReasons]string{
	ForwardedNAT:       "as it should be; if clients get no answer, the servers' default route must lead to the director",
	ForwardedDR:        "as it should be; if clients get no answer, the server must hold the VIP without answering ARP for it",
	ForwardedTunnel:    "as it should be; if clients get no answer, the server must take the packet out of the tunnel and hold the VIP",
	ForwardedReply:     "as it should be with NAT; 0 beside forwarded-nat means that replies take a way around the director",
	ForwardedICMP:      "as it should be; many of them: capture them to see which router or host complains",
	ForwardedSegments:  "costs processor time: a tunnel needs it; else give both links the same MTU, or turn GRO off (ethtool -K)",
	ForwardedFragments: "costs both ends time: raise the link's MTU, or have servers announce a smaller TCP MSS",

	PassedNotIP:     "nothing to do: other protocols of the network (LLDP, STP, ...) are the host's",
	PassedOtherHost: "nothing to do if few; many: the switch floods, or a port mirror or another program's capture sees all traffic",
	PassedVLAN:      "to balance the traffic of a VLAN, give ulvs the VLAN's own interface (ulvs run --interface)",
	PassedNoService: "expected for the host's own traffic; else compare address, port and protocol with ipvsadm -Ln",
	PassedNotSYN:    "connections older than the director, or after their entry expired: raise the timeout (ipvsadm --set) or set sloppy_tcp=1",
	PassedNotInit:   "associations older than the director, or after their entry expired: set sloppy_sctp=1",
	PassedProtocol:  "only TCP, UDP and SCTP are balanced; the packet is left to the host",
	PassedICMP:      "nothing to do: the host's own pings and errors",
	PassedARP:       "nothing to do: the host answers for its own addresses",
	PassedNDP:       "nothing to do: the host answers for its own addresses",
	PassedFragment:  "nothing to do: the host puts its own fragments together",
	PassedFTPData:   "active FTP is not balanced; use passive FTP with a persistent service, or let the servers connect directly",
	PassedNotNAT:    "nothing to do: a DR or tunnel server's reply that happens to cross the director; if all do, look at the servers' routes",

	AnsweredARP:         "as it should be while the VIP is not on the host; much of it: somebody scans, or hosts forget the answer soon",
	AnsweredNDP:         "as it should be while the VIP is not on the host; much of it: somebody scans, or hosts forget the answer soon",
	AnsweredEcho:        "nothing to do: somebody pings the VIP",
	AnsweredUnreachable: "add a real server, or raise a weight above 0 or an upper threshold: ipvsadm -Ln, ipvsadm -Ln --thresholds",
	AnsweredTooBig:      "path MTU discovery at work; if transfers stall, something on the way drops the ICMP error: find it or lower the MSS",
	AnsweredTTL:         "somebody runs traceroute; many: look for a routing loop between director and servers",

	HeldNeighbour: "a few at each start are normal; many: is the server up and on this link? ip neigh show",
	HeldFragment:  "as it should be where fragments arrive; to avoid them, lower the sender's MTU or MSS",

	DroppedMartian:    "forged, or a client whose own address is the VIP: look with tcpdump where it comes from",
	DroppedFragment:   "a sender that repeats fragments or an attack by overlapping ones: look with tcpdump where they come from",
	DroppedServerGone: "clients of a deleted server wait for their timeout; set expire_nodest_conn=1 to end them, or drain by weight 0 first",
	DroppedTableFull:  "restart with a larger ulvs run --capacity, shorten timeouts (ipvsadm --set), or set drop_entry=1",
	DroppedNoRoute:    "ip route get ADDRESS must name a way that leaves by an interface with an address; add the route",
	DroppedLinkDown:   "ip link show: bring the link up, or add it to ulvs run --interface",
	DroppedLocal:      "a real server cannot be the director itself: move the server, or delete it from the service",
	DroppedNeighbour:  "the server or gateway is down or not on this link: ip neigh show, then ping it; take a dead server out",
	DroppedICMPLimit:  "look at the other answered-* reasons for what there is so much to answer for",
	DroppedNoAnswer:   "nothing to do: RFC 1122 forbids errors about errors, broadcasts and later fragments, and an ICMP error is not cut",
	DroppedICMPBad:    "a broken or forging sender: look with tcpdump -v, which says where the checksum is wrong",
	DroppedReuse:      "nothing to do if few: no TCP sends SYN with RST; many: a scanner",
	DroppedSegment:    "the link's MTU leaves no room behind the tunnel's header, or offloads disagree: ip link show, ethtool -k",
	DroppedDefence:    "wanted while the table is under pressure; else set drop_packet=0, or enlarge ulvs run --capacity",
	DroppedMethod:     "delete the server and add it with -g (DR), -m (NAT) or -i (tunnel)",
	DroppedPanic:      "a fault of ulvs: the daemon's log has the trace; please report it",
}

// Hint returns one line for people: what to look at or do about the reason.
func (r Reason) Hint() string {
	if r < firstReason {
		return faultTexts[r].hint
	}
	return reasonHints[r]
}
