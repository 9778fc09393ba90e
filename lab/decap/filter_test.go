package decap

import (
	"bytes"
	"net/netip"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"ulvs/wire"
)

var (
	director = netip.MustParseAddr("192.0.2.1")
	clientIP = netip.MustParseAddr("192.0.2.10")
	rip      = netip.MustParseAddr("192.0.2.11")
	vip      = netip.MustParseAddr("198.51.100.100")
)

// ipHeader builds an IPv4 header of gopacket's.
func ipHeader(src, dst netip.Addr, tos uint8, proto layers.IPProtocol) *layers.IPv4 {
	return &layers.IPv4{Version: 4, IHL: 5, TTL: 64, TOS: tos, Protocol: proto, SrcIP: src.AsSlice(), DstIP: dst.AsSlice()}
}

// bytesOf serialises layers with lengths and checksums.
func bytesOf(t testing.TB, ls ...gopacket.SerializableLayer) []byte {
	t.Helper()
	buf := gopacket.NewSerializeBuffer()
	options := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	if err := gopacket.SerializeLayers(buf, options, ls...); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// tunnelled is an IPIP packet with a UDP datagram from src to dst inside.
func tunnelled(t testing.TB, outerSrc, src, dst netip.Addr, outerTOS, tos uint8) []byte {
	t.Helper()
	inner := ipHeader(src, dst, tos, layers.IPProtocolUDP)
	udp := &layers.UDP{SrcPort: 1000, DstPort: 9}
	if err := udp.SetNetworkLayerForChecksum(inner); err != nil {
		t.Fatal(err)
	}
	return bytesOf(t, ipHeader(outerSrc, rip, outerTOS, layers.IPProtocolIPv4), inner, udp, gopacket.Payload("hello"))
}

func testFilter(t testing.TB) *filter {
	t.Helper()
	f, err := newFilter([]netip.Addr{director}, []netip.Addr{vip})
	if err != nil {
		t.Fatal(err)
	}
	return &f
}

// unwrapIP unwraps a whole packet, as a raw socket gets it.
func unwrapIP(f *filter, b []byte) (wire.IPv4, Reason) {
	a, ok := fromIP(b)
	if !ok {
		return nil, Malformed
	}
	return f.unwrap(a)
}

// edit changes a byte of the packet and, if fix is true, makes the checksum of
// the inner header right again.
func edit(p []byte, at int, value byte, fix bool) []byte {
	p = bytes.Clone(p)
	p[at] = value
	if fix {
		wire.IPv4(p[20:]).FillChecksum()
	}
	return p
}

func TestUnwrap(t *testing.T) {
	f := testFilter(t)
	good := tunnelled(t, director, clientIP, vip, 0, 0)
	padded := append(bytes.Clone(good), 1, 2, 3)
	other := netip.MustParseAddr("203.0.113.9")
	for _, tt := range []struct {
		name string
		in   []byte
		want Reason
	}{
		{"good", good, Delivered},
		{"bytes after the inner packet", padded, Delivered},
		{"from another than the director", tunnelled(t, other, clientIP, vip, 0, 0), NotDirector},
		{"for another address", tunnelled(t, director, clientIP, other, 0, 0), NotVIP},
		{"from the virtual address itself", tunnelled(t, director, vip, vip, 0, 0), Martian},
		{"from loopback", tunnelled(t, director, netip.MustParseAddr("127.0.0.1"), vip, 0, 0), Martian},
		{"from multicast", tunnelled(t, director, netip.MustParseAddr("224.0.0.1"), vip, 0, 0), Martian},
		{"empty", nil, Malformed},
		{"outer header alone", good[:20], Malformed},
		{"inner header short of a byte", good[:39], Malformed},
		{"inner packet short of a byte", good[:len(good)-1], Malformed},
		{"inner version 6", edit(good, 20, 0x65, true), Malformed},
		{"inner header length 4", edit(good, 20, 0x44, false), Malformed},
		{"inner header beyond the end", edit(good, 20, 0x4f, false), Malformed},
		{"inner total length below the header", edit(good, 23, 19, true), Malformed},
		{"inner checksum wrong", edit(good, 30, good[30]+1, false), Malformed},
		{"outer header beyond the end", edit(good[:30], 0, 0x4f, false), Malformed},
	} {
		inner, got := unwrapIP(f, tt.in)
		if got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
		if got == Delivered && !bytes.Equal(inner, good[20:]) {
			t.Errorf("%s: inner packet changed to %x, was %x", tt.name, []byte(inner), good[20:])
		}
	}
}

// TestECN holds every cell of RFC 6040 section 4.2, figure 4.
func TestECN(t *testing.T) {
	const drop = 255
	f := testFilter(t)
	table := map[uint8][4]uint8{ // inner -> by outer: not-ECT, ECT(1), ECT(0), CE
		0: {0, 0, 0, drop},
		1: {1, 1, 1, 3},
		2: {2, 1, 2, 3},
		3: {3, 3, 3, 3},
	}
	for own, row := range table {
		for mark, want := range row {
			inner, reason := unwrapIP(f, tunnelled(t, director, clientIP, vip, 0x28|uint8(mark), 0x48|own))
			switch {
			case want == drop:
				if reason != Congested {
					t.Errorf("inner %d outer %d: %v, want a drop", own, mark, reason)
				}
			case reason != Delivered:
				t.Errorf("inner %d outer %d: %v", own, mark, reason)
			case inner.TOS() != 0x48|want || !inner.ChecksumOK():
				t.Errorf("inner %d outer %d: TOS %#x, checksum right %v, want %#x", own, mark, inner.TOS(), inner.ChecksumOK(), 0x48|want)
			}
		}
	}
}

func TestFilterNeedsAddresses(t *testing.T) {
	four, six := []netip.Addr{vip}, []netip.Addr{netip.MustParseAddr("2001:db8::1")}
	for _, tt := range []struct {
		directors, vips []netip.Addr
		want            string
	}{
		{nil, four, "director: at least one IPv4 address is needed"},
		{four, nil, "virtual address: at least one IPv4 address is needed"},
		{six, four, "director 2001:db8::1: not an IPv4 address"},
		{four, six, "virtual address 2001:db8::1: not an IPv4 address"},
	} {
		_, err := Open(Options{Directors: tt.directors, VIPs: tt.vips})
		if err == nil || err.Error() != tt.want {
			t.Errorf("error %v, want %s", err, tt.want)
		}
	}
}

func TestStatsText(t *testing.T) {
	var s Stats
	if got := s.String(); got != "delivered=0" {
		t.Errorf("empty stats are %q", got)
	}
	s[Delivered], s[NotVIP] = 3, 2
	if got := s.String(); got != "delivered=3 not-vip=2" {
		t.Errorf("stats are %q", got)
	}
}

// TestUnwrapTypes: GRE and GUE are unpacked if they are as directors send them.
func TestUnwrapTypes(t *testing.T) {
	packet := tunnelled(t, director, clientIP, vip, 0, 0)[20:]
	summed := append(make([]byte, wire.GREChecksumLen), packet...)
	wire.PutGRE(summed, wire.EtherTypeIPv4, true)
	for _, tt := range []struct {
		name   string
		kind   Type
		header string
		want   Reason
	}{
		{"gre", GRE, "\x00\x00\x08\x00", Delivered},
		{"gre with checksum", GRE, string(summed[:8]), Delivered},
		{"gre with a wrong checksum", GRE, "\x80\x00\x08\x00\x12\x34\x00\x00", Malformed},
		{"gre with a key", GRE, "\x20\x00\x08\x00\x00\x00\x00\x01", Malformed},
		{"gre of IPv6", GRE, "\x00\x00\x86\xdd", Malformed},
		{"nothing as gre", GRE, "", Malformed},
		{"gue", GUE, "\x00\x04\x00\x00", Delivered},
		{"gue of IPv6", GUE, "\x00\x29\x00\x00", Malformed},
		{"gue with a flag", GUE, "\x00\x04\x00\x01", Malformed},
		{"gue with an extension", GUE, "\x01\x04\x00\x00\x00\x00\x00\x00", Malformed},
		{"gue control", GUE, "\x20\x04\x00\x00", Malformed},
		{"gre as ipip", IPIP, "\x00\x00\x08\x00", Malformed},
	} {
		f := testFilter(t)
		f.kind = tt.kind
		inner, got := f.unwrap(arrived{src: director.As4(), body: append([]byte(tt.header), packet...)})
		if got != tt.want || got == Delivered && !bytes.Equal(inner, packet) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestParseType(t *testing.T) {
	for _, name := range append(Types(), "") {
		if got, err := ParseType(name); err != nil || name != "" && got.String() != name {
			t.Errorf("%q: %v, %v", name, got, err)
		}
	}
	if _, err := ParseType("sit"); err == nil || err.Error() != `"sit" is not one of ipip, gre, gue` {
		t.Errorf("sit: %v", err)
	}
}

// FuzzUnwrap: whatever comes by any type of tunnel, what is delivered is a whole
// packet for the virtual address with a right checksum.
func FuzzUnwrap(f *testing.F) {
	good := tunnelled(f, director, clientIP, vip, 1, 2)
	f.Add(good)
	f.Add(good[:41])
	f.Add(edit(good, 0, 0x4f, false))
	f.Add(tunnelled(f, director, clientIP, vip, 3, 0))
	for _, header := range headers {
		f.Add(append(append(bytes.Clone(good[:20]), header...), good[20:]...))
	}
	flt := testFilter(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		for flt.kind = range Type(len(typeNames)) {
			inner, reason := unwrapIP(flt, bytes.Clone(b))
			if reason == Delivered && (!whole(inner) || len(inner) != inner.TotalLen() || inner.Dst() != vip.As4()) {
				t.Errorf("%s: delivered %x", flt.kind, []byte(inner))
			}
		}
	})
}
