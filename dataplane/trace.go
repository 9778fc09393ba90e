package dataplane

import (
	"time"

	"ulvs/conntrack"
	"ulvs/dataplane/nexthop"
	"ulvs/sched"
	"ulvs/service"
	"ulvs/wire"
)

// Observer looks at packets on their way: explainer, live trace and capture are
// observers. A packet that is observed takes the general way, which decides as
// the shortest one does (TestPlainEqual). Without an observer the way costs one
// predictable branch more.
type Observer interface {
	// Wants is asked about each packet before anything is decided, with its
	// frame as it arrived, not parsed. It is on the hot path: no allocation, no
	// lock.
	Wants(p *wire.Packet) bool
	// Traced is told what became of a packet that was wanted, after the
	// decision and before anything is sent. t and all that it refers to are
	// valid during the call only. It is called in the worker and must not block.
	Traced(t *Trace)
}

// Trace is the way of one packet through the Director, step by step. A step that
// was not reached is its zero value.
type Trace struct {
	Lane int           // number of the worker
	Now  time.Duration // monotonic time of the batch

	// Before is the frame as it arrived, without the virtio-net header.
	Before []byte
	// Packet is the frame as it was parsed; its fields are those of arrival,
	// its Buf must not be looked at.
	Packet wire.Packet

	Lookups  []Lookup     // in the connection table, in their order
	Match    Match        // which virtual service, and why
	Template TemplateStep // of a persistent service
	Pick     PickStep     // what the scheduler saw and chose
	State    StateStep    // of the connection
	Server   ServerStep   // whom it goes to, or came from
	Hop      HopStep      // the way out

	// Sent are the frames that were queued because of the packet, with their
	// ports, in the order of their transmission.
	Sent    []Sent
	Verdict Verdict
	Reason  Reason
}

// Lookup is one search of the connection table.
type Lookup struct {
	Way     wire.Way      // as a client's packet (inbound) or as a server's
	Key     conntrack.Key // what was searched for
	Found   bool
	Outcome string // "hit", "miss", "closed: a new connection", ...
}

// MatchBy is what a packet found its virtual service by.
type MatchBy uint8

// Values of MatchBy.
const (
	NotMatched MatchBy = iota // not asked: the packet has a connection, or did not get so far
	ByNothing                 // asked: there is none
	ByMark                    // its firewall mark
	ByAddress                 // address, port and protocol
	ByFTP                     // may be data of the address's FTP service
	ByAnyPort                 // the address's service of port 0
)

// Match is how the virtual service of a first packet was found.
type Match struct {
	By      MatchBy
	Service service.VirtualService // valid above ByNothing
}

// TemplateStep is what persistence did for a new connection.
type TemplateStep struct {
	Asked   bool
	Key     conntrack.Key
	Found   bool          // an old template decided; else one was made
	Timeout time.Duration // of the template, from now
}

// PickStep is one pick of a scheduler.
type PickStep struct {
	Asked       bool
	Scheduler   string
	Explanation sched.Explanation // of the moment before the pick
}

// StateStep is what the packet did to its connection.
type StateStep struct {
	Valid     bool
	New       bool // made by this packet
	Proto     uint8
	Direction conntrack.Direction
	From, To  conntrack.State
	Timeout   time.Duration // from now
	// Active says whether the connection counts as active after the packet.
	Active bool
}

// ServerStep is the real server that the packet goes to, or comes from.
type ServerStep struct {
	Valid  bool
	Addr   wire.Addr
	Port   uint16 // of the connection
	Method service.Method
	// To and ToPort are what NAT rewrote to.
	To     wire.Addr
	ToPort uint16
}

// HopStep is the next hop of what was sent.
type HopStep struct {
	Valid  bool
	For    wire.Addr // whose next hop
	Hop    nexthop.Hop
	Status nexthop.Status
}

// Sent is one frame that goes out, without the virtio-net header.
type Sent struct {
	Port  uint16
	Frame []byte
}
