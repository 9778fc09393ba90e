package nexthop

import (
	"net/netip"
	"testing"
	"time"

	"ulvs/wire"
)

func addr(s string) wire.Addr        { return wire.AddrFrom(netip.MustParseAddr(s)) }
func prefix(s string) netip.Prefix   { return netip.MustParsePrefix(s) }
func mac(last byte) wire.MAC         { return wire.MAC{2, 0, 0, 0, 0, last} }
func sec(n float64) time.Duration    { return time.Duration(n * float64(time.Second)) }
func ip(s string) (a netip.Addr)     { return netip.MustParseAddr(s) }
func onLink(dst string, i int) Route { return Route{Dst: prefix(dst), Index: i} }
func via(dst, gw string, i int) Route {
	return Route{Dst: prefix(dst), Gateway: ip(gw), Index: i}
}

// world is a table with what it sent; eth0 is index 2 and port 0, eth1 index
// 3 and port 1.
type world struct {
	*Table
	t    *testing.T
	sent []sent
}

type sent struct {
	port uint16
	p    *wire.Packet
}

var testLinks = []Link{
	{Index: 2, Port: 0, Name: "eth0", MAC: mac(0xa0), MTU: 1500, Up: true},
	{Index: 3, Port: 1, Name: "eth1", MAC: mac(0xa1), MTU: 1400, Up: true},
}

func newWorld(t *testing.T) *world {
	w := &world{Table: New(Config{Seed: 7}), t: t}
	w.SetLinks(testLinks)
	w.SetAddresses([]Address{
		{Index: 1, Prefix: prefix("127.0.0.1/8")},
		{Index: 2, Prefix: prefix("192.0.2.1/24")},
		{Index: 3, Prefix: prefix("198.51.100.1/24")},
	})
	w.SetRoutes([]Route{onLink("192.0.2.0/24", 2), onLink("198.51.100.0/24", 3), via("0.0.0.0/0", "192.0.2.254", 2)})
	return w
}

// tick runs Tick and returns what it sent.
func (w *world) tick(now time.Duration) []sent {
	w.sent = nil
	w.Tick(now, func(port uint16, p *wire.Packet) { w.sent = append(w.sent, sent{port, p}) })
	return w.sent
}

// frame is a packet with n bytes of IP packet behind 14 of Ethernet header.
func frame(n int) *wire.Packet {
	p := &wire.Packet{Buf: make([]byte, wire.Headroom+14+n), Start: wire.Headroom, EtherType: wire.EtherTypeIPv4}
	p.End, p.L3 = len(p.Buf), p.Start+14
	p.L4, p.IPEnd = p.L3+20, p.End
	for i := range p.Frame() {
		p.Buf[p.Start+i] = byte(i)
	}
	return p
}

// wantStatus checks the status toward dst.
func (w *world) wantStatus(dst string, want Status) {
	w.t.Helper()
	if h, got := w.Lookup(addr(dst)); got != want || (h != nil) != (want == Ready) {
		w.t.Errorf("lookup %s: %v %+v, want %v", dst, got, h, want)
	}
}

// wantHop checks that dst is ready by the given MAC and returns the hop.
func (w *world) wantHop(dst string, want wire.MAC) *Hop {
	w.t.Helper()
	h, got := w.Lookup(addr(dst))
	if got != Ready {
		w.t.Fatalf("lookup %s: %v, want ready", dst, got)
	}
	if h.Dst != want || h.Gen != w.Gen() {
		w.t.Errorf("lookup %s: %+v, want MAC %v and generation %d", dst, h, want, w.Gen())
	}
	return h
}

// wantRequest checks that exactly one ARP request was sent.
func wantRequest(t *testing.T, got []sent, port uint16, source, target string, to wire.MAC) {
	t.Helper()
	if len(got) != 1 {
		t.Fatalf("%d frames sent, want one ARP request: %+v", len(got), got)
	}
	p, link := got[0].p, testLinks[port]
	e, a := wire.Ethernet(p.Frame()), p.ARP()
	if got[0].port != port || e.Dst() != to || e.Src() != link.MAC || e.EtherType() != wire.EtherTypeARP {
		t.Errorf("port %d, Ethernet %x, want port %d to %v", got[0].port, e[:14], port, to)
	}
	want := wire.BuildARP(make([]byte, 64), 1, link.MAC, addr(source), to, addr(target))[14:]
	if string(a) != string(want) {
		t.Errorf("ARP % x, want % x", []byte(a), want)
	}
}

// pass checks how many frames were sent.
func wantNothing(t *testing.T, got []sent) {
	t.Helper()
	if len(got) != 0 {
		t.Fatalf("sent %d frames, want none", len(got))
	}
}
