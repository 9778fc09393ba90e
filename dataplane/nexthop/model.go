package nexthop

import (
	"net/netip"

	"ulvs/wire"
)

// Link is an Ethernet interface that has a port.
type Link struct {
	Index int    // the kernel's interface index
	Port  uint16 // the director's number for it
	Name  string
	MAC   wire.MAC
	MTU   int  // bytes of IP packet
	Up    bool // administratively up, with carrier
}

// Address is an address of the host with the prefix of its subnet.
type Address struct {
	Index     int // of any interface, also one without a port
	Prefix    netip.Prefix
	Secondary bool // not the first of its subnet (IFA_F_SECONDARY)
}

// RouteType says what a route does with a packet.
type RouteType uint8

// Kinds of route. All of the kernel's ways of refusing are one here.
const (
	Unicast   RouteType = iota
	Local               // to the host itself, beside its addresses
	Unusable            // blackhole, unreachable, prohibit, throw
	Broadcast           // broadcast or multicast: no Ethernet neighbour
)

// Route is one route of the tables local or main. A multipath route is several
// Routes that differ in Gateway or Index.
type Route struct {
	Dst     netip.Prefix
	Type    RouteType
	Gateway netip.Addr // invalid: destinations are on the link
	Index   int        // of the interface; without a port, the route counts as none
	Source  netip.Addr // preferred source address; may be invalid
	Metric  uint32     // the smallest wins among equal Dst
}

// NeighbourState is what the kernel thinks of a neighbour entry.
type NeighbourState uint8

// States, the kernel's NUD states put together by what they mean here.
const (
	Gone      NeighbourState = iota // deleted, failed, or never resolved
	Stale                           // was right once
	Reachable                       // confirmed lately
	Pinned                          // permanent: set by the operator, never unlearned
)

// Neighbour is one entry of the kernel's neighbour table.
type Neighbour struct {
	Index int
	Addr  netip.Addr
	MAC   wire.MAC
	State NeighbourState
}

// Hop is where a packet goes next. It is immutable. It holds as long as Gen
// equals the table's Gen.
type Hop struct {
	Port   uint16
	Src    wire.MAC
	Dst    wire.MAC
	MTU    int       // bytes of IP packet
	Source wire.Addr // the host's address toward this hop, never virtual; may be zero
	Gen    uint32
}

// Status is the outcome of a Lookup.
type Status uint8

// Outcomes.
const (
	Ready      Status = iota // the Hop is valid
	Unresolved               // a neighbour whose MAC is not known yet: Queue the packet
	NoRoute                  // no route, or by an interface without a port
	LocalHost                // the host itself
	Blackhole                // a route that refuses, broadcast or multicast
	LinkDown                 // the interface is down
	numStatus
)

var statusNames = [numStatus]string{"ready", "unresolved", "no-route", "local-host", "blackhole", "link-down"}

// String returns a stable kebab-case name.
func (s Status) String() string {
	if s < numStatus {
		return statusNames[s]
	}
	return "unknown"
}
