package wire_test

import (
	"net/netip"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"ulvs/wire"
	"ulvs/wire/wiretest"
)

func TestAddr(t *testing.T) {
	rows := []struct {
		in, out string
		is4     bool
	}{
		{"192.0.2.1", "192.0.2.1", true},
		{"::ffff:192.0.2.1", "192.0.2.1", true},
		{"2001:db8::1%eth0", "2001:db8::1", false},
		{"0.0.0.0", "0.0.0.0", true},
	}
	for _, c := range rows {
		a := wire.AddrFrom(netip.MustParseAddr(c.in))
		if a.String() != c.out || a.Is4() != c.is4 || a.IsZero() || a.Netip().String() != c.out {
			t.Errorf("%s: %v, IPv4 %v", c.in, a, a.Is4())
		}
		if c.is4 && wire.AddrFrom4(a.As4()) != a {
			t.Errorf("%s: %v does not come back", c.in, a.As4())
		}
	}
	zero := wire.AddrFrom(netip.Addr{})
	if !zero.IsZero() || zero.Netip().IsValid() || zero.String() != "unset" {
		t.Errorf("the zero address is %v", zero)
	}
}

func TestMAC(t *testing.T) {
	m := wire.MAC{0x02, 0xab, 0, 0x10, 0xff, 0x09}
	if m.String() != "02:ab:00:10:ff:09" || m.IsGroup() || m.IsZero() {
		t.Errorf("%v group %v zero %v", m, m.IsGroup(), m.IsZero())
	}
	if !wire.Broadcast.IsGroup() || !(wire.MAC{1}).IsGroup() || !(wire.MAC{}).IsZero() {
		t.Error("broadcast, multicast or zero not known")
	}
}

func TestOffloadRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.SliceOfN(rapid.Byte(), wire.OffloadLen, wire.OffloadLen).Draw(t, "header")
		var o wire.Offload
		o.Decode(in)
		out := make([]byte, wire.OffloadLen)
		o.Encode(out)
		if string(in) != string(out) {
			t.Fatalf("%x came back as %x", in, out)
		}
	})
	o := wire.Offload{Flags: wire.NeedsCsum, GSOType: wire.GSOTCPv4 | wire.GSOECN}
	if !o.Partial() || o.GSO() != wire.GSOTCPv4 {
		t.Errorf("partial %v, GSO %d", o.Partial(), o.GSO())
	}
}

// TestSizes pins what the data path holds many of. An Addr is two words; a
// Packet fits three cache lines.
func TestSizes(t *testing.T) {
	for _, c := range []struct {
		of   any
		want uintptr
	}{{wire.Addr{}, 16}, {wire.Offload{}, wire.OffloadLen}, {wire.Packet{}, 144}, {wire.Delta(0), 4}} {
		if got := reflect.TypeOf(c.of).Size(); got != c.want {
			t.Errorf("%T has %d bytes, want %d", c.of, got, c.want)
		}
	}
}

// TestNoAllocs runs what the data path calls.
func TestNoAllocs(t *testing.T) {
	tcp, frag := wiretest.TCP(flow, wire.ACK, nil), wiretest.Raw(fragment(wire.ProtoUDP, 16, 64, true))
	opts, arp := wiretest.UDP(flow, nil, wiretest.WithIPOptions(7, 7, 4, 0, 0, 0, 0)), wiretest.ARP(1, wiretest.ClientMAC, "192.0.2.1", wire.Broadcast, "192.0.2.2")
	tcp6, ext := wiretest.TCP(flow6, wire.ACK, nil), extensions(wiretest.HopByHop, wiretest.Destination)
	question := samples()["question"]
	buf := make([]byte, 96)
	for name, f := range map[string]func(){
		"Parse":   func() { wire.Parse(tcp); wire.Parse(frag); wire.Parse(opts); wire.Parse(arp) },
		"Parse6":  func() { wire.Parse(tcp6); wire.Parse(ext) },
		"ReadNDP": func() { wire.ReadNDP(question) },
		"BuildNDP": func() {
			n := wire.Neighbour{Type: wire.ICMP6NeighbourAnswer, Target: tcp6.Src, MAC: wiretest.ClientMAC}
			wire.BuildNDP(buf, &n, wiretest.ClientMAC, tcp6.Src, wiretest.ClientMAC, tcp6.Dst)
		},
		"String":   func() { _ = wire.FaultShortTCP.String() },
		"Martian":  func() { wire.Martian(tcp) },
		"Checksum": func() { wire.Checksum(tcp.IP(), wire.PseudoSum(tcp.Src, tcp.Dst, 6, 20)) },
		"Delta":    func() { _ = (wire.DiffAddr(tcp.Src, tcp.Dst) + wire.Diff16(1, 2)).UpdateUDP(9) },
		"BuildARP": func() { wire.BuildARP(buf, 1, wiretest.ClientMAC, tcp.Src, wire.Broadcast, tcp.Dst) },
		"Put": func() {
			h := wire.IPv4Header{TotalLen: 40, TTL: 64, Src: tcp.Src.As4(), Dst: tcp.Dst.As4()}
			h.Put(buf)
		},
		"views": func() {
			tcp.Ethernet().SetDst(wiretest.ClientMAC)
			tcp.IPv4().FillChecksum()
			tcp.TCP().SetSrcPort(tcp.TCP().SrcPort())
		},
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}
