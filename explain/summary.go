package explain

import (
	"fmt"
	"strings"

	"ulvs/wire"
)

// flagNames are the TCP flags by bit, lowest first.
var flagNames = [...]string{"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"}

// tcpFlags writes flags as words take them.
func tcpFlags(flags uint8) string {
	var set []string
	for i, name := range flagNames {
		if flags&(1<<i) != 0 {
			set = append(set, name)
		}
	}
	if len(set) == 0 {
		return "none"
	}
	return strings.Join(set, "+")
}

// summary is a frame in one line.
func summary(p *wire.Packet) string {
	switch {
	case p.Fault == wire.FaultEtherType && p.End-p.Start >= wire.EthernetLen:
		return fmt.Sprintf("ethertype 0x%04x, %d bytes", p.Ethernet().EtherType(), p.End-p.Start)
	case p.Fault != wire.FaultNone:
		return fmt.Sprintf("malformed (%v), %d bytes", p.Fault, p.End-p.Start)
	case p.EtherType == wire.EtherTypeARP:
		return arpSummary(p.ARP())
	case p.IsFragment():
		return fmt.Sprintf("%s %v > %v fragment at %d%s, %d bytes", protocol(p.Proto), p.Src, p.Dst, p.FragOff, more(p), p.IPLen())
	}
	var s string
	switch p.Proto {
	case wire.ProtoTCP:
		s = fmt.Sprintf("%s %s", ends(p), tcpFlags(p.TCPFlags))
	case wire.ProtoUDP:
		s = ends(p)
	case wire.ProtoSCTP:
		s = fmt.Sprintf("%s %s", ends(p), chunkName(p.SCTP().First().Type()))
	case wire.ProtoICMP, wire.ProtoICMPv6:
		s = fmt.Sprintf("%s %v > %v %s", protocol(p.Proto), p.Src, p.Dst, icmpName(p))
	default:
		s = fmt.Sprintf("%s %v > %v", protocol(p.Proto), p.Src, p.Dst)
	}
	return fmt.Sprintf("%s, ttl %d, %d bytes", s, p.TTL, p.IPLen())
}

func more(p *wire.Packet) string {
	if p.MoreFrags {
		return ", more follow"
	}
	return ", the last"
}

func ends(p *wire.Packet) string {
	return fmt.Sprintf("%s %s > %s", protocol(p.Proto), end(p.Src, p.SrcPort), end(p.Dst, p.DstPort))
}

func arpSummary(a wire.ARP) string {
	from, to := wire.AddrFrom4(a.SenderIP()), wire.AddrFrom4(a.TargetIP())
	switch a.Op() {
	case wire.ARPRequest:
		return fmt.Sprintf("arp who has %v, tell %v", to, from)
	case wire.ARPReply:
		return fmt.Sprintf("arp %v is at %v", from, a.SenderMAC())
	}
	return fmt.Sprintf("arp operation %d", a.Op())
}

// chunkNames are those of SCTP (RFC 9260 section 3.2).
var chunkNames = map[uint8]string{
	0: "DATA", 1: "INIT", 2: "INIT-ACK", 3: "SACK", 4: "HEARTBEAT", 5: "HEARTBEAT-ACK", 6: "ABORT", 7: "SHUTDOWN",
	8: "SHUTDOWN-ACK", 9: "ERROR", 10: "COOKIE-ECHO", 11: "COOKIE-ACK", 14: "SHUTDOWN-COMPLETE",
}

func chunkName(n uint8) string {
	if name := chunkNames[n]; name != "" {
		return name
	}
	return fmt.Sprintf("chunk %d", n)
}

// icmpNames are the messages that a director meets, by family, type and code.
var icmpNames = map[[3]uint8]string{
	{4, 0, 0}: "echo reply", {4, 8, 0}: "echo", {4, 3, 0}: "net unreachable", {4, 3, 1}: "host unreachable",
	{4, 3, 2}: "protocol unreachable", {4, 3, 3}: "port unreachable", {4, 3, 4}: "fragmentation needed",
	{4, 11, 0}: "ttl exceeded", {4, 11, 1}: "reassembly time exceeded",
	{6, 1, 0}: "no route", {6, 1, 3}: "address unreachable", {6, 1, 4}: "port unreachable", {6, 2, 0}: "packet too big",
	{6, 3, 0}: "hop limit exceeded", {6, 128, 0}: "echo", {6, 129, 0}: "echo reply",
	{6, 135, 0}: "neighbour solicitation", {6, 136, 0}: "neighbour advertisement",
}

func icmpName(p *wire.Packet) string {
	family := uint8(4)
	if p.Is6() {
		family = 6
	}
	if name := icmpNames[[3]uint8{family, p.ICMPType, p.ICMPCode}]; name != "" {
		return name
	}
	return fmt.Sprintf("type %d code %d", p.ICMPType, p.ICMPCode)
}
