package api

import "ulvs/dataplane"

// Names in Reasons that are not the reason of a packet: the Director never saw
// what they count, or was done with it.
const (
	LostRingFull  = "port-ring-full"
	LostSendFull  = "port-send-full"
	LostSendDown  = "port-send-down"
	LostTooLong   = "port-send-too-long"
	LostRefused   = "port-send-refused"
	LostLink      = "port-link-errors"
	LostSend      = "worker-send-lost"
	LostPanics    = "worker-panics"
	LostNeighbour = "neighbour-dropped"
	LostDatagram  = "fragments-incomplete"
)

// Verdicts beside those of a packet.
const (
	Lost  = "lost"  // frames lost before the Director saw them or after it was done
	Event = "event" // not packets: times that something happened
)

// ReasonText explains a name that Reasons can hold. The name is stable.
type ReasonText struct {
	Name    string `json:"name"`
	Verdict string `json:"verdict"` // "forwarded", "passed", "answered", "held", "dropped", or Lost or Event
	Meaning string `json:"meaning"` // one line
	Hint    string `json:"hint"`    // what to look at or do, one line
}

// losses explain the names above.
var losses = []ReasonText{
	{LostRingFull, Lost, "frame lost because the receive ring was full",
		"workers are too slow or too few: ulvs run --workers, --ring-memory, --ring-slots"},
	{LostSendFull, Lost, "frame not sent: the interface took no more, or has no carrier",
		"ip link show: NO-CARRIER says that the other end is down; else the link is at its limit (ip -s link show), and a longer queue (txqueuelen) helps with bursts only"},
	{LostSendDown, Lost, "frame not sent: the interface was down or deleted",
		"ip link show: bring the link up again"},
	{LostTooLong, Lost, "frame not sent: larger than the interface's MTU",
		"the MTU was lowered while packets were under way; if it goes on, restart ulvs and report it"},
	{LostRefused, Lost, "frame not sent: the kernel refused it",
		"a driver that does not take the offloads it offers: turn them off (ethtool -K)"},
	{LostLink, Event, "times that the kernel told of an interface going down",
		"ip link show and the switch's log: cable, port or driver"},
	{LostSend, Lost, "frame not sent for whatever reason, port-send-* included",
		"look at the port-send-* counts for the cause"},
	{LostPanics, Event, "internal faults that a worker has survived",
		"a fault of ulvs: the daemon's log has the trace; please report it"},
	{LostNeighbour, Lost, "held frame dropped: its next hop did not answer ARP, or the link went down",
		"the server or gateway is down or not on this link: ip neigh show, then ping it; take a dead server out"},
	{LostDatagram, Lost, "datagram given up: fragments missing, overlapping, or too many waiting",
		"loss on the way to the director, or an attack by fragments: look with tcpdump where they come from"},
}

// ReasonTexts explains every name that Reasons can hold: those of packets in the
// Director's order, then those of losses.
func ReasonTexts() []ReasonText {
	var all []ReasonText
	for r := dataplane.Reason(1); r < dataplane.NumReasons; r++ { // 0 is the absence of a fault
		all = append(all, ReasonText{r.String(), r.Verdict().String(), r.Meaning(), r.Hint()})
	}
	return append(all, losses...)
}
