package dataplane

import "ulvs/wire"

// Verdict is what became of a packet.
type Verdict uint8

// Verdicts.
const (
	// Forwarded: rewritten and queued for transmission by the Lane.
	Forwarded Verdict = iota
	// Passed: not ours; the host's own stack has it too and deals with it.
	Passed
	// Answered: consumed; the Lane queued an answer to the sender (ARP reply,
	// neighbour advertisement, ICMP error).
	Answered
	// Held: copied and waiting, for the next hop's hardware address or for the
	// rest of a datagram.
	Held
	// Dropped: consumed without a trace on the wire.
	Dropped
	numVerdicts
)

var verdictNames = [numVerdicts]string{"forwarded", "passed", "answered", "held", "dropped"}

// String returns the verdict's name.
func (v Verdict) String() string { return verdictNames[v] }

// Reason says why a packet got its verdict. Every packet that enters a Lane is
// counted under exactly one reason, so that packets in = sum of all reasons.
// The first wire.NumFaults reasons are the faults of wire.Parse, by the same
// numbers.
type Reason uint8

// Reasons beyond wire.Parse's faults.
const (
	ForwardedNAT       = Reason(wire.NumFaults) + iota // client packet rewritten to a real server
	ForwardedDR                                        // client packet sent to a real server's MAC
	ForwardedTunnel                                    // client packet encapsulated
	ForwardedReply                                     // NAT reply translated back
	ForwardedICMP                                      // ICMP error about a connection, sent on to its owner
	ForwardedSegments                                  // super-frame cut into segments and sent
	ForwardedFragments                                 // packet too big for the link, cut into IP fragments

	PassedNotIP     // neither IP nor ARP
	PassedOtherHost // not addressed to this host's MAC
	PassedVLAN      // tagged: belongs to a VLAN interface of the host
	PassedNoService // no virtual service and no connection matches
	PassedNotSYN    // first TCP packet of no connection, and not a SYN
	PassedNotInit   // SCTP packet of no association, and not an INIT
	PassedProtocol  // IP protocol that is not balanced
	PassedICMP      // ICMP that concerns no connection
	PassedARP       // ARP that the host's own stack answers
	PassedNDP       // neighbour discovery (IPv6) that the host's own stack answers
	PassedFragment  // fragment that concerns no virtual address
	PassedFTPData   // from port 20: an FTP server's data connection
	PassedNotNAT    // a DR or tunnel server's packet passing through

	AnsweredARP         // ARP request for a VIP that is not the host's
	AnsweredNDP         // neighbour solicitation for a VIP that is not the host's
	AnsweredEcho        // ping of a VIP that is not the host's
	AnsweredUnreachable // no usable real server: ICMP port unreachable
	AnsweredTooBig      // DF or IPv6 packet above the MTU: ICMP fragmentation needed
	AnsweredTTL         // TTL used up: ICMP time exceeded

	HeldNeighbour // waits for ARP or neighbour discovery
	HeldFragment  // waits for the rest of its datagram

	DroppedMartian    // impossible source
	DroppedFragment   // fragment that came twice, or of a datagram given up because its fragments overlap
	DroppedServerGone // connection of a deleted real server
	DroppedTableFull  // connection table full of live connections
	DroppedNoRoute    // no route to the next hop
	DroppedLinkDown   // route leads over a link that is down or has no port
	DroppedLocal      // real server is the director itself; not supported
	DroppedNeighbour  // next hop does not answer and its queue is full
	DroppedICMPLimit  // an ICMP error was due but the rate limit held it back
	DroppedNoAnswer   // an ICMP error was due but must not answer such a packet
	DroppedICMPBad    // ICMP with a bad checksum, or a ping from no single host or in fragments
	DroppedReuse      // SYN with RST on a closed connection
	DroppedSegment    // super-frame or packet that could not be cut or encapsulated
	DroppedDefence    // new connection that drop_packet leaves out
	DroppedMethod     // forwarding method without a transmitter
	DroppedPanic      // a fault in ulvs itself while handling this packet

	NumReasons
)

// firstReason is the first that is no fault.
const firstReason = ForwardedNAT

// reasonText is a reason's stable name, its verdict and its one-line meaning.
type reasonText struct {
	name    string
	verdict Verdict
	meaning string
}

var reasonTexts = [NumReasons]reasonText{
	ForwardedNAT:       {"forwarded-nat", Forwarded, "client packet rewritten to a real server"},
	ForwardedDR:        {"forwarded-dr", Forwarded, "client packet sent to a real server's MAC"},
	ForwardedTunnel:    {"forwarded-tunnel", Forwarded, "client packet encapsulated to a real server"},
	ForwardedReply:     {"forwarded-reply", Forwarded, "reply of a NAT real server translated back"},
	ForwardedICMP:      {"forwarded-icmp", Forwarded, "ICMP error sent on to the owner of the connection"},
	ForwardedSegments:  {"forwarded-segments", Forwarded, "super-frame cut into segments"},
	ForwardedFragments: {"forwarded-fragments", Forwarded, "packet above the MTU cut into IP fragments"},

	PassedNotIP:     {"passed-not-ip", Passed, "neither IP nor ARP"},
	PassedOtherHost: {"passed-other-host", Passed, "frame not addressed to this host"},
	PassedVLAN:      {"passed-vlan", Passed, "VLAN-tagged frame, not taken as untagged traffic"},
	PassedNoService: {"passed-no-service", Passed, "no virtual service and no connection matches"},
	PassedNotSYN:    {"passed-not-syn", Passed, "first TCP packet of a connection is not a SYN"},
	PassedNotInit:   {"passed-not-init", Passed, "first SCTP packet of an association is not an INIT"},
	PassedProtocol:  {"passed-protocol", Passed, "IP protocol that is not balanced"},
	PassedICMP:      {"passed-icmp", Passed, "ICMP that concerns no connection"},
	PassedARP:       {"passed-arp", Passed, "ARP for the host's own stack"},
	PassedNDP:       {"passed-ndp", Passed, "IPv6 neighbour discovery for the host's own stack"},
	PassedFragment:  {"passed-fragment", Passed, "fragment that concerns no virtual address"},
	PassedFTPData:   {"passed-ftp-data", Passed, "new connection from port 20: FTP data, never balanced"},
	PassedNotNAT:    {"passed-not-nat", Passed, "packet of a DR or tunnel server that passes through"},

	AnsweredARP:         {"answered-arp", Answered, "ARP request for a VIP that is not the host's"},
	AnsweredNDP:         {"answered-ndp", Answered, "IPv6 neighbour solicitation for a VIP that is not the host's"},
	AnsweredEcho:        {"answered-echo", Answered, "ping of a VIP that is not the host's"},
	AnsweredUnreachable: {"answered-unreachable", Answered, "no usable real server: ICMP port unreachable"},
	AnsweredTooBig:      {"answered-too-big", Answered, "DF or IPv6 packet above the MTU: ICMP fragmentation needed"},
	AnsweredTTL:         {"answered-ttl", Answered, "TTL used up: ICMP time exceeded"},

	HeldNeighbour: {"held-neighbour", Held, "waits until the next hop answers ARP or neighbour discovery"},
	HeldFragment:  {"held-fragment", Held, "waits for the rest of its datagram"},

	DroppedMartian:    {"dropped-martian", Dropped, "impossible source: address, port 0, or a virtual address"},
	DroppedFragment:   {"dropped-fragment", Dropped, "fragment that came twice, or of a datagram whose fragments overlap"},
	DroppedServerGone: {"dropped-server-gone", Dropped, "connection of a real server that was deleted"},
	DroppedTableFull:  {"dropped-table-full", Dropped, "connection table full and nothing may be evicted"},
	DroppedNoRoute:    {"dropped-no-route", Dropped, "no route to the real server or client, or no address of our own there"},
	DroppedLinkDown:   {"dropped-link-down", Dropped, "the route's link is down or not in use by ulvs"},
	DroppedLocal:      {"dropped-local", Dropped, "real server is an address of the director itself"},
	DroppedNeighbour:  {"dropped-neighbour", Dropped, "next hop does not answer and its queue is full"},
	DroppedICMPLimit:  {"dropped-icmp-limit", Dropped, "an ICMP error was due but the rate limit held it back"},
	DroppedNoAnswer:   {"dropped-no-answer", Dropped, "an ICMP error was due but must not be sent about such a packet"},
	DroppedICMPBad:    {"dropped-icmp-bad", Dropped, "ICMP with a bad checksum, or a ping from no single host or in fragments"},
	DroppedReuse:      {"dropped-reuse", Dropped, "SYN with RST on a closed connection"},
	DroppedSegment:    {"dropped-segment", Dropped, "super-frame that could not be cut or encapsulated"},
	DroppedDefence:    {"dropped-defence", Dropped, "new connection that the setting drop_packet leaves out"},
	DroppedMethod:     {"dropped-method", Dropped, "forwarding method that is not implemented"},
	DroppedPanic:      {"dropped-panic", Dropped, "internal fault while handling the packet"},
}

// String returns the reason's stable name, as shown by every face.
func (r Reason) String() string {
	if r < firstReason {
		return "malformed-" + wire.Fault(r).String()
	}
	return reasonTexts[r].name
}

// Verdict returns the verdict that goes with the reason.
func (r Reason) Verdict() Verdict {
	if r < firstReason {
		return Dropped
	}
	return reasonTexts[r].verdict
}

// Meaning returns one line for people.
func (r Reason) Meaning() string {
	if r < firstReason {
		return faultTexts[r].meaning
	}
	return reasonTexts[r].meaning
}
