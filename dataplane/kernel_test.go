package dataplane_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"ulvs/dataplane/memport"
	"ulvs/dataplane/nexthop"
	"ulvs/wire"
	"ulvs/wire/wiretest"
)

// The bench on which the kernel was recorded: all clients behind one next hop,
// twelve real servers.
const recordedDIP = "203.0.113.126"

// kernelHops knows its hosts.
func kernelHops(serverMTU int) *nexthop.Table {
	h := nexthop.New(nexthop.Config{Seed: 1})
	h.SetLinks(linksOf(1500, serverMTU))
	h.SetAddresses([]nexthop.Address{
		{Index: 1, Prefix: netip.MustParsePrefix(dipOut + "/32")},
		{Index: 2, Prefix: netip.MustParsePrefix(recordedDIP + "/25")},
	})
	next := netip.MustParseAddr("192.0.2.253")
	h.SetRoutes([]nexthop.Route{
		{Dst: netip.MustParsePrefix("192.0.2.0/24"), Index: 1, Gateway: next},
		{Dst: netip.MustParsePrefix("203.0.113.128/25"), Index: 1, Gateway: next},
		{Dst: netip.MustParsePrefix("203.0.113.0/25"), Index: 2},
	})
	all := []nexthop.Neighbour{{Index: 1, Addr: next, MAC: clientMAC, State: nexthop.Pinned}}
	for n := 1; n <= 12; n++ {
		all = append(all, nexthop.Neighbour{Index: 2, Addr: netip.MustParseAddr(rsIP(n)), MAC: rsMAC(n), State: nexthop.Pinned})
	}
	h.SetNeighbours(all)
	return h
}

// tcpFlags are the letters of TCP flags by bit, lowest first.
const tcpFlags = "FSRPAUEC"

// describe writes a frame as recordings do.
func describe(t testing.TB, frame []byte) string {
	d := wiretest.Decode(t, frame)
	ends := func(sep string) string {
		return fmt.Sprintf("%v%s>%v%s", d.IP.SrcIP, sep, d.IP.DstIP, sep)
	}
	switch {
	case d.TCP != nil:
		return fmt.Sprintf("tcp %v:%d>%v:%d %s", d.IP.SrcIP, d.TCP.SrcPort, d.IP.DstIP, d.TCP.DstPort, letters(frame))
	case d.UDP != nil:
		return fmt.Sprintf("udp %v:%d>%v:%d", d.IP.SrcIP, d.UDP.SrcPort, d.IP.DstIP, d.UDP.DstPort)
	case d.SCTP != nil:
		return fmt.Sprintf("sctp %v:%d>%v:%d", d.IP.SrcIP, d.SrcPort, d.IP.DstIP, d.DstPort)
	case d.ICMP != nil:
		text := fmt.Sprintf("icmp %s type=%d code=%d", ends(""), d.ICMP.TypeCode.Type(), d.ICMP.TypeCode.Code())
		if wire.ICMPTypeIsError(d.ICMP.TypeCode.Type()) {
			text += " [" + describe(t, frameOf(frame[14+28:])) + "]"
		}
		return text
	case d.IP.Protocol == 4:
		return "ipip " + ends("") + " [" + describe(t, frameOf(frame[34:])) + "]"
	}
	return fmt.Sprintf("%v %s", d.IP.Protocol, ends(""))
}

// frameOf puts an Ethernet header before an IP packet.
func frameOf(ip []byte) []byte {
	return append(append(make([]byte, 12, 14+len(ip)), 0x08, 0), ip...)
}

// letters are the TCP flags of a frame in the order that recordings have.
func letters(frame []byte) (s string) {
	flags := frame[14+20+13]
	for _, c := range "SFRPAUEC" {
		if flags>>strings.IndexRune(tcpFlags, c)&1 != 0 {
			s += string(c)
		}
	}
	return s
}

// toServer returns the number of the real server that a frame went to, 0 if to
// none.
func toServer(f memport.Frame) int {
	for n := 1; n <= 12; n++ {
		if wire.Ethernet(f.Data).Dst() == rsMAC(n) {
			return n
		}
	}
	return 0
}
