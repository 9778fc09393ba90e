package daemon

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"ulvs/conntrack"
	"ulvs/control/api"
	"ulvs/dataplane"
	"ulvs/sched"
	"ulvs/service"
	"ulvs/wire"
)

// packetTrace puts a sighting into the words of the API. port names ports.
func (d *Daemon) packetTrace(s *sighting, q *api.TraceRequest, port func(uint16) string) *api.PacketTrace {
	p := &api.PacketTrace{
		Version: api.Version, Time: d.started.Add(s.Now).UTC().Round(0), Worker: s.Lane,
		In:      api.PacketFrame{Interface: port(s.Packet.In), Length: s.inLength, Bytes: wanted(s.Before, q)},
		Packet:  packetHeader(&s.Packet),
		Lookups: packetLookups(s.Lookups),
		Match:   packetMatch(&s.Match),
		Pick:    packetPick(&s.Pick),
		State:   packetState(&s.State),
		Server:  packetServer(&s.Server),
		Hop:     packetHop(&s.Hop, port),
		Verdict: s.Verdict.String(), Reason: s.Reason.String(), Meaning: s.Reason.Meaning(),
	}
	if t := &s.Template; t.Asked {
		p.Template = &api.PacketTemplate{
			Client: end(t.Key.Client, t.Key.ClientPort), Virtual: end(t.Key.Virtual, t.Key.VirtualPort),
			Found: t.Found, Timeout: t.Timeout,
		}
	}
	for i := range s.Sent {
		f := &s.Sent[i]
		p.Sent = append(p.Sent, api.PacketFrame{Interface: port(f.Port), Length: s.sentLength[i], Bytes: wanted(f.Frame, q)})
	}
	return p
}

// wanted is what a request wants of a frame's bytes, of which another may have
// wanted more.
func wanted(frame []byte, q *api.TraceRequest) []byte {
	switch {
	case !q.Frames:
		return nil
	case q.SnapLen > 0:
		return frame[:min(len(frame), q.SnapLen)]
	}
	return frame
}

// end writes an address with its port.
func end(a wire.Addr, port uint16) string {
	return netip.AddrPortFrom(a.Netip(), port).String()
}

func packetHeader(p *wire.Packet) api.PacketHeader {
	h := api.PacketHeader{EtherType: etherType(p.EtherType)}
	if p.HasVLAN {
		h.VLAN = int(p.VLANTCI & 0xfff)
	}
	if p.Fault != wire.FaultNone {
		h.Fault = p.Fault.String()
	}
	if p.Src.IsZero() && p.Dst.IsZero() {
		return h
	}
	h.Protocol, h.TTL, h.Length = protocolName(p.Proto), int(p.TTL), p.IPLen()
	h.Source, h.Destination = p.Src.String(), p.Dst.String()
	if p.IsFragment() {
		h.Fragment = fmt.Sprintf("offset %d", p.FragOff)
		if p.MoreFrags {
			h.Fragment += ", more follow"
		}
	}
	if p.FragOff > 0 || p.Fault != wire.FaultNone {
		return h
	}
	switch p.Proto {
	case wire.ProtoTCP, wire.ProtoUDP, wire.ProtoSCTP:
		h.Source, h.Destination = end(p.Src, p.SrcPort), end(p.Dst, p.DstPort)
	case wire.ProtoICMP, wire.ProtoICMPv6:
		h.ICMP = fmt.Sprintf("type %d code %d", p.ICMPType, p.ICMPCode)
	}
	if p.Proto == wire.ProtoTCP {
		h.Flags = tcpFlags(p.TCPFlags)
	}
	return h
}

func etherType(t uint16) string {
	switch t {
	case wire.EtherTypeIPv4:
		return "IPv4"
	case wire.EtherTypeIPv6:
		return "IPv6"
	case wire.EtherTypeARP:
		return "ARP"
	}
	return fmt.Sprintf("0x%04x", t)
}

func protocolName(p uint8) string {
	switch p {
	case wire.ProtoICMP:
		return "ICMP"
	case wire.ProtoICMPv6:
		return "ICMPv6"
	}
	return service.Protocol(p).String()
}

// flagNames are those of TCP, from the lowest bit on (RFC 9293, section 3.1).
var flagNames = [8]string{"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"}

func tcpFlags(flags uint8) string {
	var set []string
	for i, name := range flagNames {
		if flags>>i&1 != 0 {
			set = append(set, name)
		}
	}
	return strings.Join(set, " ")
}

func packetLookups(all []dataplane.Lookup) (out []api.PacketLookup) {
	for i := range all {
		l := &all[i]
		way := "inbound"
		if l.Way == wire.WayOutbound {
			way = "outbound"
		}
		out = append(out, api.PacketLookup{
			Way: way, Protocol: protocolName(l.Key.Proto), Found: l.Found, Outcome: l.Outcome,
			Client: end(l.Key.Client, l.Key.ClientPort), Virtual: end(l.Key.Virtual, l.Key.VirtualPort),
		})
	}
	return out
}

// matchNames are the API's words.
var matchNames = map[dataplane.MatchBy]string{
	dataplane.ByNothing: "nothing", dataplane.ByMark: "mark", dataplane.ByAddress: "address",
	dataplane.ByFTP: "ftp", dataplane.ByAnyPort: "any-port",
}

func packetMatch(m *dataplane.Match) *api.PacketMatch {
	switch m.By {
	case dataplane.NotMatched:
		return nil
	case dataplane.ByNothing:
		return &api.PacketMatch{By: matchNames[m.By]}
	}
	return &api.PacketMatch{By: matchNames[m.By], Service: m.Service.Key.String(), Scheduler: m.Service.Scheduler}
}

func packetPick(s *dataplane.PickStep) *api.PacketPick {
	if !s.Asked {
		return nil
	}
	e := &s.Explanation
	p := &api.PacketPick{Scheduler: s.Scheduler, Rule: e.Rule, Formula: e.Formula, Why: e.Why}
	for _, f := range e.Facts {
		p.Facts = append(p.Facts, api.PacketFact(f))
	}
	for i := range e.Candidates {
		c := packetCandidate(&e.Candidates[i])
		if i == e.Chosen {
			p.Chosen = c.Server
		}
		p.Candidates = append(p.Candidates, c)
	}
	return p
}

func packetCandidate(c *sched.Candidate) api.PacketCandidate {
	out := api.PacketCandidate{
		Weight: c.Weight, Active: c.Active, Inactive: c.Inactive,
		Excluded: c.Excluded, Term: c.Term, Value: c.Value,
	}
	if c.Server != nil {
		out.Server = end(c.Server.Addr, c.Server.Port)
	}
	return out
}

// directionNames are the API's words.
var directionNames = map[conntrack.Direction]string{
	conntrack.Inbound: "inbound", conntrack.Outbound: "outbound", conntrack.InboundOnly: "inbound-only",
}

func packetState(s *dataplane.StateStep) *api.PacketState {
	if !s.Valid {
		return nil
	}
	return &api.PacketState{
		New: s.New, Protocol: protocolName(s.Proto), Direction: directionNames[s.Direction],
		From: conntrack.StateName(s.Proto, s.From), To: conntrack.StateName(s.Proto, s.To),
		Timeout: s.Timeout.Round(time.Millisecond), Active: s.Active,
	}
}

func packetServer(s *dataplane.ServerStep) *api.PacketServer {
	if !s.Valid {
		return nil
	}
	out := &api.PacketServer{Address: end(s.Addr, s.Port), Method: s.Method.String()}
	if !s.To.IsZero() {
		out.To = end(s.To, s.ToPort)
	}
	return out
}

func packetHop(s *dataplane.HopStep, port func(uint16) string) *api.PacketHop {
	if !s.Valid {
		return nil
	}
	h := &api.PacketHop{For: s.For.String(), Status: s.Status.String(), MTU: s.Hop.MTU}
	if s.Hop.MTU > 0 {
		h.Interface, h.Source = port(s.Hop.Port), s.Hop.Src.String()
	}
	if !s.Hop.Dst.IsZero() {
		h.Destination = s.Hop.Dst.String()
	}
	return h
}
