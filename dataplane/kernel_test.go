package dataplane_test

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"ulvs/conntrack"
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

// noNames is ipvsadm without names: recorded commands are numeric.
type noNames struct{}

func (noNames) HostName(netip.Addr) string                   { return "" }
func (noNames) HostAddr(string) (netip.Addr, bool)           { return netip.Addr{}, false }
func (noNames) PortName(uint16, service.Protocol) string     { return "" }
func (noNames) Port(string, service.Protocol) (uint16, bool) { return 0, false }

// command runs a recorded ipvsadm or iptables command; listings do nothing.
func (x *world) command(line string) {
	x.t.Helper()
	words := strings.Fields(line)
	if strings.HasPrefix(line, "iptables") {
		marks, err := service.EditMarksByIptables(x.d.Table().Marks(), words)
		if err != nil {
			x.t.Fatalf("%s: %v", line, err)
		}
		x.apply(service.Change{Op: service.SetMarks, Marks: marks})
		return
	}
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

// packet makes the packet of a recorded text such as
// "tcp 192.0.2.2:40000>198.51.100.1:80 SA".
func packet(t testing.TB, ev, text string) *wire.Packet {
	t.Helper()
	proto, rest, _ := strings.Cut(text, " ")
	ends, flags, _ := strings.Cut(rest, " ")
	src, dst, _ := strings.Cut(ends, ">")
	f := wiretest.Flow{Src: src, Dst: dst}
	opts := []wiretest.Option{wiretest.WithMACs(clientMAC, outMAC)}
	if strings.HasPrefix(ev, "s:") {
		opts = []wiretest.Option{wiretest.WithMACs(rsMAC(1), inMAC)}
	}
	switch {
	case strings.Contains(ev, "zero checksum"):
		opts = append(opts, wiretest.WithNoChecksum())
	case strings.Contains(ev, "bad") && !strings.Contains(ev, "bad ip"):
		opts = append(opts, wiretest.WithBadChecksum())
	}
	p := recordedPacket(t, proto, f, flags, opts)
	if strings.Contains(ev, "bad ip checksum") {
		p.Buf[p.L3+10] ^= 0x55
	}
	return p
}

func recordedPacket(t testing.TB, proto string, f wiretest.Flow, flags string, opts []wiretest.Option) *wire.Packet {
	switch proto {
	case "tcp":
		return wiretest.TCP(f, flagsOf(flags), nil, opts...)
	case "udp":
		return wiretest.UDP(f, []byte("hello"), opts...)
	case "icmp":
		return wiretest.ICMPEcho(f, 1, 1, nil, opts...)
	}
	t.Fatalf("recorded packet of protocol %q", proto)
	return nil
}

// tcpFlags are the letters of TCP flags in their recorded order.
const tcpFlags = "FSRPAUEC"

func flagsOf(s string) (flags uint8) {
	for _, c := range strings.Trim(s, "-") {
		flags |= 1 << strings.IndexRune(tcpFlags, c)
	}
	return flags
}

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

// kernelCounts are the counts of each service's servers as recordings write
// them: number, weight, active, inactive.
func (x *world) kernelCounts() map[string][][]any {
	all := map[string][][]any{}
	views, _, _ := x.d.Inspect()
	for _, v := range views {
		name := v.Key.String()
		all[name] = [][]any{}
		for _, r := range v.Servers {
			number := any(float64(r.Addr.As4()[3]))
			if r.Port != v.Port {
				number = fmt.Sprintf("%d:%d", r.Addr.As4()[3], r.Port)
			}
			all[name] = append(all[name], []any{number, float64(r.Weight), float64(r.Active), float64(r.Inactive)})
		}
	}
	return all
}

// kernelConns lists the connections as recordings do, without the seconds left,
// which come beside.
func (x *world) kernelConns() map[string]int {
	all := map[string]int{}
	x.d.Conns().Range(func(i *conntrack.Info) bool {
		left := (i.Deadline - x.now).Seconds()
		proto := "IP" // the template of a firewall mark
		if i.Proto != 0 {
			proto = service.Protocol(i.Proto).String()
		}
		line := fmt.Sprintf("%v %v:%d %v:%d %v:%d %s", proto, i.Client, i.ClientPort,
			i.Virtual, i.VirtualPort, i.Real, i.RealPort, i.Name())
		if left > 0 {
			all[line] = int(left)
		}
		return true
	})
	return all
}

// splitConn splits a recorded connection into its text and its seconds left.
func splitConn(line string) (text string, left int) {
	at := strings.LastIndexByte(line, ' ')
	left, _ = strconv.Atoi(line[at+1:])
	return line[:at], left
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
