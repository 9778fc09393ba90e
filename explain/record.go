package explain

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"time"

	"ulvs/conntrack"
	"ulvs/dataplane"
	"ulvs/service"
	"ulvs/wire"
)

// Version is the version of Record as JSON. A field may be added under the same
// version; nothing is renamed or removed under it.
const Version = 1

// Record is what became of one packet, step by step. A step that was not reached
// is nil.
type Record struct {
	Version int     `json:"version"`
	Number  int     `json:"number"` // from 1
	Source  string  `json:"source"` // where the packet comes from
	Time    float64 `json:"time"`   // s since the first packet
	In      string  `json:"in"`     // "clients" or "servers"; live, the interface
	// At is the wall clock's time of a live packet's batch.
	At *time.Time `json:"at,omitempty"`

	Packet   View     `json:"packet"`
	Lookups  []Lookup `json:"lookups,omitempty"` // in the connection table
	Service  *Service `json:"service,omitempty"`
	Template *Step    `json:"template,omitempty"`
	Pick     *Pick    `json:"pick,omitempty"`
	State    *State   `json:"state,omitempty"`
	Server   *Server  `json:"server,omitempty"`
	Hop      *Hop     `json:"nextHop,omitempty"`
	Sent     []Sent   `json:"sent,omitempty"`

	Verdict string `json:"verdict"`
	Reason  string `json:"reason"`
	Meaning string `json:"meaning"`
	Hint    string `json:"hint"`
}

// View is one frame.
type View struct {
	Summary string `json:"summary"` // one line
	Fault   string `json:"fault,omitempty"`
	// Of an IP packet; ports and flags of a protocol that has them.
	Protocol string `json:"protocol,omitempty"`
	Src      string `json:"src,omitempty"`
	SrcPort  uint16 `json:"srcPort,omitempty"`
	Dst      string `json:"dst,omitempty"`
	DstPort  uint16 `json:"dstPort,omitempty"`
	TTL      uint8  `json:"ttl,omitempty"`
	Flags    string `json:"flags,omitempty"`
	Length   int    `json:"length"` // bytes of the frame
	Frame    string `json:"frame"`  // hexadecimal
	data     []byte
}

// Lookup is one search in the connection table.
type Lookup struct {
	As      string `json:"as"` // "client" or "server": whose packet it would be
	Client  string `json:"client"`
	Other   string `json:"other"` // the virtual end, for a server's packet the real one
	Outcome string `json:"outcome"`
	Found   bool   `json:"found"`
}

// Service is how the virtual service was found, or why there is none.
type Service struct {
	Name      string `json:"name,omitempty"` // "TCP 198.51.100.1:80"; "" if there is none
	Scheduler string `json:"scheduler,omitempty"`
	Why       string `json:"why"`
}

// Step is what persistence did.
type Step struct {
	Client  string  `json:"client"` // whose template it is: the client's network
	Found   bool    `json:"found"`
	Timeout float64 `json:"timeout"` // s
}

// Pick is what the scheduler saw and chose.
type Pick struct {
	Scheduler string      `json:"scheduler"`
	Rule      string      `json:"rule,omitempty"`
	Formula   string      `json:"formula,omitempty"`
	Facts     []Fact      `json:"facts,omitempty"`
	Servers   []Candidate `json:"servers"`
	Why       string      `json:"why,omitempty"`
}

// Fact is something the scheduler went by.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Candidate is one server as the scheduler saw it.
type Candidate struct {
	Server   string   `json:"server"`
	Weight   int32    `json:"weight"`
	Active   int32    `json:"active"`
	Inactive int32    `json:"inactive"`
	Excluded string   `json:"excluded,omitempty"` // why it could not be chosen
	Term     string   `json:"term,omitempty"`     // the formula filled in
	Value    *float64 `json:"value,omitempty"`    // of the term
	Chosen   bool     `json:"chosen,omitempty"`
}

// State is what the packet did to its connection.
type State struct {
	New      bool    `json:"new"`
	Protocol string  `json:"protocol"`
	From     string  `json:"from"`
	To       string  `json:"to"`
	Timeout  float64 `json:"timeout"` // s
	Active   bool    `json:"active"`  // counts as active from now on
}

// Server is the real server of the packet.
type Server struct {
	Addr   string `json:"addr"`
	Method string `json:"method"`
	// To is what NAT rewrites to: the real server's end, for a reply the
	// virtual one.
	To string `json:"to,omitempty"`
}

// Hop is the way out.
type Hop struct {
	For    string `json:"for"`
	Status string `json:"status"`
	Port   string `json:"port,omitempty"`
	MAC    string `json:"mac,omitempty"`
	MTU    int    `json:"mtu,omitempty"`
}

// Sent is one frame that left because of the packet.
type Sent struct {
	Port string `json:"port"`
	View
	// Changes are the fields that differ from the packet's; of a tunnel, those of
	// the packet within. nil if the frame is not the packet rewritten.
	Changes []Change `json:"changes,omitempty"`
	// Added is the number of bytes of tunnel headers, and Tunnel the frame
	// with them.
	Added  int    `json:"added,omitempty"`
	Tunnel string `json:"tunnel,omitempty"`
	// Sums is the arithmetic of the checksums that were brought up to date.
	Sums []Sum `json:"checksums,omitempty"`
}

// Change is a field before and after.
type Change struct {
	Field string `json:"field"`
	From  string `json:"from"`
	To    string `json:"to"`
}

// NewRecord copies out of a trace all that is shown of it. services are those
// that the packet met, port names a port. Number, Source and Time are left to the
// caller. It is for any observer of a Director.
func NewRecord(t *dataplane.Trace, services *service.Table, port func(uint16) string) *Record {
	r := &Record{
		Version: Version, In: port(t.Packet.In), Packet: newView(&t.Packet),
		Verdict: t.Verdict.String(), Reason: t.Reason.String(), Meaning: t.Reason.Meaning(), Hint: t.Reason.Hint(),
	}
	for _, l := range t.Lookups {
		one := Lookup{As: "client", Client: end(l.Key.Client, l.Key.ClientPort), Other: end(l.Key.Virtual, l.Key.VirtualPort), Outcome: l.Outcome, Found: l.Found}
		if l.Way == wire.WayOutbound {
			one.As = "server"
		}
		r.Lookups = append(r.Lookups, one)
	}
	r.Service = matched(t, services)
	r.Pick = picked(t)
	r.after(t, port)
	for _, s := range t.Sent {
		one := newSent(&t.Packet, s.Frame, t.Verdict == dataplane.Forwarded && len(t.Sent) == 1)
		one.Port = port(s.Port)
		r.Sent = append(r.Sent, one)
	}
	return r
}

// after fills in what follows the pick.
func (r *Record) after(t *dataplane.Trace, port func(uint16) string) {
	if s := t.Template; s.Asked {
		r.Template = &Step{templateClient(s.Key, &t.Match.Service), s.Found, s.Timeout.Seconds()}
	}
	if s := t.State; s.Valid {
		r.State = &State{s.New, protocol(s.Proto), conntrack.StateName(s.Proto, s.From), conntrack.StateName(s.Proto, s.To), s.Timeout.Seconds(), s.Active}
		if s.New {
			r.State.From = conntrack.StateName(wire.ProtoTCP, conntrack.None)
		}
	}
	if s := t.Server; s.Valid {
		r.Server = &Server{Addr: end(s.Addr, s.Port), Method: s.Method.String()}
		if s.Method == service.NAT {
			r.Server.To = end(s.To, s.ToPort)
		}
	}
	if h := t.Hop; h.Valid {
		r.Hop = &Hop{For: h.For.String(), Status: h.Status.String()}
		if h.Hop.MTU > 0 {
			r.Hop.Port, r.Hop.MAC, r.Hop.MTU = port(h.Hop.Port), h.Hop.Dst.String(), h.Hop.MTU
		}
	}
}

// templateClient is the network of clients that share a template.
func templateClient(k conntrack.Key, vs *service.VirtualService) string {
	bits := vs.Netmask
	if bits == 0 {
		return k.Client.String()
	}
	return netip.PrefixFrom(k.Client.Netip(), bits).String()
}

// picked is what the scheduler saw, nil if it was not asked.
func picked(t *dataplane.Trace) *Pick {
	if !t.Pick.Asked {
		return nil
	}
	x := &t.Pick.Explanation
	p := &Pick{Scheduler: t.Pick.Scheduler, Rule: x.Rule, Formula: x.Formula, Why: x.Why, Servers: []Candidate{}}
	for _, f := range x.Facts {
		p.Facts = append(p.Facts, Fact{f.Name, f.Value})
	}
	for i, c := range x.Candidates {
		one := Candidate{
			Server: end(c.Server.Addr, c.Server.Port), Weight: c.Weight, Active: c.Active, Inactive: c.Inactive,
			Excluded: c.Excluded, Term: c.Term, Chosen: i == x.Chosen,
		}
		if c.Term != "" {
			one.Value = &c.Value
		}
		p.Servers = append(p.Servers, one)
	}
	return p
}

// newView describes a parsed frame.
func newView(p *wire.Packet) View {
	v := View{Summary: summary(p), Length: p.End - p.Start, data: append([]byte(nil), p.Frame()...)}
	v.Frame = hex.EncodeToString(v.data)
	if p.Fault != wire.FaultNone && p.Fault != wire.FaultEtherType {
		v.Fault = p.Fault.String()
	}
	if p.Fault == wire.FaultNone && p.EtherType != wire.EtherTypeARP {
		v.Protocol, v.Src, v.Dst, v.TTL = protocol(p.Proto), p.Src.String(), p.Dst.String(), p.TTL
		if hasPorts(p) {
			v.SrcPort, v.DstPort = p.SrcPort, p.DstPort
		}
		if hasPorts(p) && p.Proto == wire.ProtoTCP {
			v.Flags = tcpFlags(p.TCPFlags)
		}
	}
	return v
}

// hasPorts reports whether a parsed packet has ports to show.
func hasPorts(p *wire.Packet) bool {
	return p.FragOff == 0 && (p.Proto == wire.ProtoTCP || p.Proto == wire.ProtoUDP || p.Proto == wire.ProtoSCTP)
}

// end names an address and a port.
func end(a wire.Addr, port uint16) string { return netip.AddrPortFrom(a.Netip(), port).String() }

// seconds writes a number of seconds as people read it.
func seconds(s float64) string {
	return time.Duration(s * float64(time.Second)).Round(time.Millisecond).String()
}

// protocol names an IP protocol.
func protocol(n uint8) string {
	switch n {
	case wire.ProtoTCP:
		return "tcp"
	case wire.ProtoUDP:
		return "udp"
	case wire.ProtoSCTP:
		return "sctp"
	case wire.ProtoICMP:
		return "icmp"
	case wire.ProtoICMPv6:
		return "icmp6"
	case wire.ProtoIPIP:
		return "ipip"
	case wire.ProtoIPv6:
		return "ip6"
	case wire.ProtoGRE:
		return "gre"
	}
	return fmt.Sprintf("protocol %d", n)
}
