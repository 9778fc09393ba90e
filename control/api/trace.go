package api

import "time"

// TraceRequest asks to be told the way of packets through the director.
type TraceRequest struct {
	// Filter says which, as tcpdump's filters do (package pcapfilter); empty:
	// all.
	Filter string `json:"filter,omitempty"`
	// Packets ends the trace after so many; 0: it goes on until the client
	// leaves or Duration has passed.
	Packets int `json:"packets,omitempty"`
	// Rate bounds the packets per second; 0: DefaultTraceRate.
	Rate int `json:"rate,omitempty"`
	// Duration ends the trace; 0 never.
	Duration time.Duration `json:"duration,omitempty"`
	// Frames asks for the bytes of the frames, of each at most SnapLen, all if
	// it is 0.
	Frames  bool `json:"frames,omitempty"`
	SnapLen int  `json:"snapLen,omitempty"`
}

// Limits of a TraceRequest.
const (
	DefaultTraceRate = 1000
	MaxTraceRate     = 100_000
	MaxTraces        = 16 // at a time
)

// TraceLine is one line of a trace's answer: one of its fields is set. The first
// is Started, of the moment from which on packets are looked at; the last is
// Ended, unless the connection is lost.
type TraceLine struct {
	Started *TraceStarted `json:"started,omitempty"`
	Packet  *PacketTrace  `json:"packet,omitempty"`
	Ended   *TraceEnded   `json:"ended,omitempty"`
}

// TraceStarted says that packets are looked at.
type TraceStarted struct {
	Version    int      `json:"version"`
	Interfaces []string `json:"interfaces"`
	Rate       int      `json:"rate"`
}

// TraceEnded says why a trace has ended, and what it did not show.
type TraceEnded struct {
	Why     string `json:"why"` // "packets", "duration", "stopped"
	Packets uint64 `json:"packets"`
	// Skipped packets matched, but came faster than the rate.
	Skipped uint64 `json:"skipped"`
	// Lost packets were traced, but the client did not take them in time.
	Lost uint64 `json:"lost"`
}

// PacketTrace is the way of one packet through the director. Steps that were not
// reached are left out. Endpoints are written "192.0.2.1:80" or
// "[2001:db8::1]:80".
type PacketTrace struct {
	Version int       `json:"version"` // Version of this schema
	Time    time.Time `json:"time"`    // of the batch that the packet came in
	Worker  int       `json:"worker"`
	// Skipped and Lost count those since the packet before, see TraceEnded.
	Skipped uint64 `json:"skipped,omitempty"`
	Lost    uint64 `json:"lost,omitempty"`

	In       PacketFrame     `json:"in"`
	Packet   PacketHeader    `json:"packet"`
	Lookups  []PacketLookup  `json:"lookups,omitempty"`
	Match    *PacketMatch    `json:"match,omitempty"`
	Template *PacketTemplate `json:"template,omitempty"`
	Pick     *PacketPick     `json:"pick,omitempty"`
	State    *PacketState    `json:"state,omitempty"`
	Server   *PacketServer   `json:"server,omitempty"`
	Hop      *PacketHop      `json:"hop,omitempty"`
	Sent     []PacketFrame   `json:"sent,omitempty"`

	Verdict string `json:"verdict"` // "forwarded", ...
	Reason  string `json:"reason"`  // "forwarded-nat", ...
	Meaning string `json:"meaning"` // of the reason, one line
}

// PacketFrame is one frame on an interface.
type PacketFrame struct {
	Interface string `json:"interface"`
	Length    int    `json:"length"`          // of the frame from its Ethernet header on, in bytes
	Bytes     []byte `json:"bytes,omitempty"` // from its begin; only if they were asked for
}

// PacketHeader is what was parsed.
type PacketHeader struct {
	EtherType   string `json:"etherType"` // "IPv4", "IPv6", "ARP" or "0x88b5"
	Protocol    string `json:"protocol,omitempty"`
	Source      string `json:"source,omitempty"`      // with its port where there is one
	Destination string `json:"destination,omitempty"` // likewise
	Flags       string `json:"flags,omitempty"`       // of TCP: "SYN ACK"
	ICMP        string `json:"icmp,omitempty"`        // "type 3 code 4"
	TTL         int    `json:"ttl,omitempty"`
	Length      int    `json:"length,omitempty"` // of the IP packet, in bytes
	Fragment    string `json:"fragment,omitempty"`
	VLAN        int    `json:"vlan,omitempty"`
	Fault       string `json:"fault,omitempty"` // what is malformed
}

// PacketLookup is one search of the connection table.
type PacketLookup struct {
	Way      string `json:"way"` // "inbound", "outbound"
	Protocol string `json:"protocol"`
	Client   string `json:"client"`
	Virtual  string `json:"virtual"` // outbound: the real server's end
	Found    bool   `json:"found"`
	Outcome  string `json:"outcome"`
}

// PacketMatch is how the virtual service was found.
type PacketMatch struct {
	By        string `json:"by"` // "nothing", "mark", "address", "ftp", "any-port"
	Service   string `json:"service,omitempty"`
	Scheduler string `json:"scheduler,omitempty"`
}

// PacketTemplate is what persistence did.
type PacketTemplate struct {
	Client  string        `json:"client"`
	Virtual string        `json:"virtual"`
	Found   bool          `json:"found"` // an old one decided; else one was made
	Timeout time.Duration `json:"timeout"`
}

// PacketPick is what the scheduler saw and chose.
type PacketPick struct {
	Scheduler  string            `json:"scheduler"`
	Rule       string            `json:"rule,omitempty"`
	Formula    string            `json:"formula,omitempty"`
	Facts      []PacketFact      `json:"facts,omitempty"`
	Candidates []PacketCandidate `json:"candidates,omitempty"`
	Chosen     string            `json:"chosen,omitempty"` // empty: none was usable
	Why        string            `json:"why,omitempty"`
}

// PacketFact is one thing that the scheduler went by.
type PacketFact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// PacketCandidate is a server as the scheduler saw it.
type PacketCandidate struct {
	Server   string  `json:"server"`
	Weight   int32   `json:"weight"`
	Active   int32   `json:"active"`
	Inactive int32   `json:"inactive"`
	Excluded string  `json:"excluded,omitempty"`
	Term     string  `json:"term,omitempty"`
	Value    float64 `json:"value,omitempty"`
}

// PacketState is what the packet did to its connection.
type PacketState struct {
	New       bool          `json:"new,omitempty"`
	Protocol  string        `json:"protocol"`
	Direction string        `json:"direction"` // "inbound", "outbound", "inbound-only"
	From      string        `json:"from"`
	To        string        `json:"to"`
	Timeout   time.Duration `json:"timeout"` // from now
	Active    bool          `json:"active"`
}

// PacketServer is the real server of the packet.
type PacketServer struct {
	Address string `json:"address"`
	Method  string `json:"method"`
	// To is what NAT rewrote the destination, or of a reply the source, to.
	To string `json:"to,omitempty"`
}

// PacketHop is the next hop of what was sent.
type PacketHop struct {
	For         string `json:"for"`
	Interface   string `json:"interface,omitempty"`
	Status      string `json:"status"`
	Source      string `json:"source,omitempty"`      // our MAC there
	Destination string `json:"destination,omitempty"` // the neighbour's
	MTU         int    `json:"mtu,omitempty"`
}
