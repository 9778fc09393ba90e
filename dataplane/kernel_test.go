package dataplane_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"ulvs/dataplane/memport"
	"ulvs/dataplane/nexthop"
	"ulvs/ipvsadm"
	"ulvs/service"
	"ulvs/wire"
	"ulvs/wire/wiretest"
)

// The bench on which the kernel was recorded: all clients behind one next hop,
// twelve real servers.
const recordedDIP = "203.0.113.126"

// newKernelWorld is a world in the place of the recorded kernel.
func newKernelWorld(t testing.TB, serverMTU int) *world {
	x := newWorldWith(t, 1000, kernelHops(serverMTU))
	x.settle()
	return x
}

// kernelHops knows its hosts.
func kernelHops(serverMTU int) *nexthop.Table {
	h := nexthop.New(nexthop.Config{Seed: 1})
	h.SetLinks(linksOf(1500, serverMTU))
	h.SetAddresses([]nexthop.Address{
		{Index: 1, Prefix: netip.MustParsePrefix(dipOut + "/32")},
		{Index: 2, Prefix: netip.MustParsePrefix(recordedDIP + "/25")},
		{Index: 1, Prefix: netip.MustParsePrefix("2001:db8:1::fe/64")},
		{Index: 2, Prefix: netip.MustParsePrefix("2001:db8:3::fe/64")},
	})
	next, next6 := netip.MustParseAddr("192.0.2.253"), netip.MustParseAddr("2001:db8:1::fd")
	h.SetRoutes([]nexthop.Route{
		{Dst: netip.MustParsePrefix("192.0.2.0/24"), Index: 1, Gateway: next},
		{Dst: netip.MustParsePrefix("203.0.113.128/25"), Index: 1, Gateway: next},
		{Dst: netip.MustParsePrefix("203.0.113.0/25"), Index: 2},
		{Dst: netip.MustParsePrefix("2001:db8:4::/48"), Index: 1, Gateway: next6},
		{Dst: netip.MustParsePrefix("2001:db8:3::/64"), Index: 2},
	})
	all := []nexthop.Neighbour{
		{Index: 1, Addr: next, MAC: clientMAC, State: nexthop.Pinned},
		{Index: 1, Addr: next6, MAC: clientMAC, State: nexthop.Pinned},
	}
	for n := 1; n <= 12; n++ {
		for _, ip := range []string{rsIP(n), rsIP6(n)} {
			all = append(all, nexthop.Neighbour{Index: 2, Addr: netip.MustParseAddr(ip), MAC: rsMAC(n), State: nexthop.Pinned})
		}
	}
	h.SetNeighbours(all)
	return h
}

// noNames is ipvsadm without names: recorded commands are numeric.
type noNames struct{}

func (noNames) HostName(netip.Addr) string                   { return "" }
func (noNames) HostAddr(string) (netip.Addr, bool)           { return netip.Addr{}, false }
func (noNames) PortName(uint16, service.Protocol) string     { return "" }
func (noNames) Port(string, service.Protocol) (uint16, bool) { return 0, false }

// command runs a recorded ipvsadm command; listings do nothing.
func (x *world) command(line string) {
	x.t.Helper()
	words := strings.Fields(line)
	req, err := ipvsadm.Parse(words[0], words[1:], noNames{})
	if err != nil {
		x.t.Fatalf("%s: %v", line, err)
	}
	if v := req.Timeouts; req.Command == ipvsadm.Set {
		if err := x.d.Timeouts().Set(v.TCP, v.TCPFin, v.UDP); err != nil {
			x.t.Fatal(err)
		}
	}
	if c, ok := req.Change(); ok {
		x.apply(c)
	}
}

// tcpFlags are the letters of TCP flags by bit, lowest first.
const tcpFlags = "FSRPAUEC"

// describe writes a frame as recordings do.
func describe(t testing.TB, frame []byte) string {
	d := wiretest.Decode(t, frame)
	src, dst := d.Ends()
	ends := fmt.Sprintf("%v>%v", src, dst)
	ports := fmt.Sprintf("%v>%v", netip.AddrPortFrom(src, d.SrcPort), netip.AddrPortFrom(dst, d.DstPort))
	switch {
	case d.TCP != nil:
		return "tcp " + ports + " " + letters(d.IPPayload[13])
	case d.UDP != nil:
		return "udp " + ports
	case d.SCTP != nil:
		return "sctp " + ports
	case d.ICMP != nil:
		text := fmt.Sprintf("icmp %s type=%d code=%d", ends, d.ICMP.TypeCode.Type(), d.ICMP.TypeCode.Code())
		if wire.ICMPTypeIsError(d.ICMP.TypeCode.Type()) {
			text += " [" + describe(t, frameOf(d.ICMPBody())) + "]"
		}
		return text
	case d.ICMP6 != nil:
		text := fmt.Sprintf("icmp6 %s type=%d code=%d", ends, d.ICMP6.TypeCode.Type(), d.ICMP6.TypeCode.Code())
		if wire.ICMP6TypeIsError(d.ICMP6.TypeCode.Type()) {
			text += " [" + describe(t, frameOf(d.ICMPBody())) + "]"
		}
		return text
	case d.Proto == wire.ProtoIPIP:
		return "ipip " + ends + " [" + describe(t, frameOf(d.IPPayload)) + "]"
	case d.Proto == wire.ProtoIPv6:
		return "ip6 " + ends + " [" + describe(t, frameOf(d.IPPayload)) + "]"
	}
	return fmt.Sprintf("%v %s", d.Proto, ends)
}

// frameOf puts an Ethernet header before an IP packet.
func frameOf(ip []byte) []byte {
	etherType := []byte{0x08, 0}
	if ip[0]>>4 == 6 {
		etherType = []byte{0x86, 0xdd}
	}
	return append(append(make([]byte, 12, 14+len(ip)), etherType...), ip...)
}

// letters are TCP flags in the order that recordings have.
func letters(flags byte) (s string) {
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
