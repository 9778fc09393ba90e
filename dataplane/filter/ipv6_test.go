package filter_test

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"testing"

	"ulvs/dataplane/filter"
)

// frame6 is an IPv6 frame of an IP header and 20 bytes, which begin with ports.
func frame6(src, dst netip.Addr, next uint8, sport, dport uint16) []byte {
	b := make([]byte, 14+40+20)
	binary.BigEndian.PutUint16(b[54:], sport)
	binary.BigEndian.PutUint16(b[56:], dport)
	binary.BigEndian.PutUint16(b[12:], 0x86dd)
	b[14], b[20] = 0x60, next
	s, d := src.As16(), dst.As16()
	copy(b[22:], s[:])
	copy(b[38:], d[:])
	return b
}

var rules6 = filter.Rules{
	Services: []filter.Endpoint{
		endpoint(tcp, "198.51.100.1:80"), endpoint(tcp, "[2001:db8:2::1]:80"), endpoint(udp, "[2001:db8:2::1]:53"),
		endpoint(tcp, "[2001:db8:2:1::1]:80"), endpoint(tcp, "[2001:db8:2::2]:0"),
	},
	NATReals: []filter.Endpoint{endpoint(tcp, "[2001:db8:3::1]:8080")},
}

func TestWhatPasses6(t *testing.T) {
	const client, vip, rip = "2001:db8:4::1", "2001:db8:2::1", "2001:db8:3::1"
	vm := machine(t, rules6)
	for _, row := range []struct {
		name, src, dst string
		next           uint8
		sport, dport   uint16
		want           bool
	}{
		{"to a service", client, vip, tcp, 1, 80, true},
		{"to another port of the VIP", client, vip, tcp, 1, 22, false},
		{"to the port of the other protocol", client, vip, udp, 1, 80, false},
		{"udp service", client, vip, udp, 1, 53, true},
		{"behind destination options", client, vip, 60, 0, 0, true},
		{"behind hop-by-hop options", client, vip, 0, 0, 0, true},
		{"behind a routing header", client, vip, 43, 0, 0, true},
		{"fragment", client, vip, 44, 0, 0, true},
		{"fragment between others", client, "2001:db8:9::9", 44, 0, 0, false},
		{"fragment from a NAT server", rip, client, 44, 0, 0, true},
		{"GRE to the VIP", client, vip, 47, 1, 80, false},
		{"ESP to the VIP", client, vip, 50, 1, 80, false},
		{"to the second of two that end alike", client, "2001:db8:2:1::1", tcp, 1, 80, true},
		{"its port of the first", client, "2001:db8:2:1::1", udp, 1, 53, false},
		{"to a third", client, "2001:db8:2:2::1", tcp, 1, 80, false},
		{"all ports", client, "2001:db8:2::2", tcp, 1, 9999, true},
		{"all ports of another protocol", client, "2001:db8:2::2", udp, 1, 9999, false},
		{"reply", rip, client, tcp, 8080, 1, true},
		{"from another port of the server", rip, client, tcp, 22, 1, false},
		{"real server to a VIP", rip, vip, tcp, 8080, 1, true},
		{"to a real server", client, rip, tcp, 1, 8080, false},
		{"between others", client, "2001:db8:9::9", tcp, 1, 80, false},
		{"solicitation", "fe80::1", "ff02::1:ff00:1", 58, 0, 0, true},
		{"error from a router", "2001:db8:9::1", client, 58, 0, 0, true},
	} {
		if got := passes(t, vm, frame6(netip.MustParseAddr(row.src), netip.MustParseAddr(row.dst), row.next, row.sport, row.dport)); got != row.want {
			t.Errorf("%s: passes = %v, want %v", row.name, got, row.want)
		}
	}
	if !passes(t, vm, frame{src: "203.0.113.7", dst: "198.51.100.1", dport: 80, proto: tcp}.bytes()) {
		t.Error("IPv4 does not pass beside IPv6")
	}
	if !passes(t, machine(t, filter.Rules{AllIPv4: true, Services: rules6.Services}), frame6(netip.IPv6Loopback(), netip.IPv6Loopback(), tcp, 1, 1)) {
		t.Error("the coarsest program does not let IPv6 in")
	}
}

// want6 is the slow obvious statement of what an exact program does with a frame
// of frame6.
func want6(r filter.Rules, src, dst netip.Addr, next uint8, sport, dport uint16) bool {
	blind := next == 0 || next == 43 || next == 44 || next == 60
	match := func(list []filter.Endpoint, ranges []filter.Range, a netip.Addr, port uint16) bool {
		for _, e := range list {
			if e.Addr == a && (blind || e.Proto == next && (e.Port == 0 || e.Port == port)) {
				return true
			}
		}
		for _, x := range ranges {
			if (!x.Prefix.IsValid() || x.Prefix.Contains(a)) && (blind || x.Proto == next && x.First <= port && port <= x.Last) {
				return true
			}
		}
		return false
	}
	for _, a := range r.Virtual {
		if a == dst && blind {
			return true
		}
	}
	return next == 58 && (len(r.Services) > 0 || len(r.ServiceRanges) > 0) ||
		match(r.Services, r.ServiceRanges, dst, dport) || match(r.NATReals, r.ReplyRanges, src, sport)
}

// few6 are addresses that differ in one word of four.
func few6(rng *rand.Rand, size int) netip.Addr {
	b := [16]byte{0: 0x20, 1: 1}
	b[[]int{3, 7, 11, 15}[rng.IntN(4)]] = byte(rng.IntN(size + 1))
	return netip.AddrFrom16(b)
}

// random6 are rules of endpoints, and of ranges if there are to be any.
func random6(rng *rand.Rand, size, ranges int) (r filter.Rules) {
	end := func() filter.Endpoint {
		return filter.Endpoint{Addr: few6(rng, size), Port: uint16(rng.IntN(5)), Proto: protos[1+rng.IntN(3)]}
	}
	span := func() filter.Range {
		x := filter.Range{Proto: protos[1+rng.IntN(3)], Last: 65535}
		if rng.IntN(5) > 0 {
			x.Prefix = netip.PrefixFrom(few6(rng, size), rng.IntN(129)).Masked()
		}
		if rng.IntN(4) > 0 {
			x.First, x.Last = uint16(rng.IntN(4)), uint16(3+rng.IntN(3))
		}
		return x
	}
	for range size {
		r.Services, r.NATReals = append(r.Services, end()), append(r.NATReals, end())
	}
	for range ranges {
		r.ServiceRanges, r.ReplyRanges = append(r.ServiceRanges, span()), append(r.ReplyRanges, span())
		r.Virtual = append(r.Virtual, few6(rng, size))
	}
	return r
}

// TestAgainstOracle6 compares random tables on random packets whose values are
// drawn from few.
func TestAgainstOracle6(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, size := range []struct{ endpoints, ranges int }{{1, 0}, {2, 0}, {5, 2}, {0, 1}, {0, 5}, {40, 0}, {100, 0}, {20, 20}} {
		for range 5 {
			r := random6(rng, size.endpoints, size.ranges)
			if _, precision := filter.Build(r); precision != filter.Exact {
				t.Fatalf("%v: precision %v", size, precision)
			}
			vm := machine(t, r)
			for range 800 {
				src, dst := few6(rng, size.endpoints), few6(rng, size.endpoints)
				next := []uint8{tcp, udp, sctp, 0, 43, 44, 60, 47, 50, 58}[rng.IntN(10)]
				sport, dport := uint16(rng.IntN(7)), uint16(rng.IntN(7))
				want := want6(r, src, dst, next, sport, dport)
				if got := passes(t, vm, frame6(src, dst, next, sport, dport)); got != want {
					t.Fatalf("%v: %v:%d to %v:%d of %d passes = %v\n%+v", size, src, sport, dst, dport, next, got, r)
				}
			}
		}
	}
}

// TestMany6: with more than fit, the program is coarser and shuts nothing out.
func TestMany6(t *testing.T) {
	for n, want := range map[int]filter.Precision{50: filter.Exact, 250: filter.Addresses, 2000: filter.All} {
		var r filter.Rules
		for i := range n {
			a := netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 14: byte(i >> 8), 15: byte(i)})
			r.Services = append(r.Services, filter.Endpoint{Addr: a, Port: uint16(i + 1), Proto: tcp})
		}
		prog, got := filter.Build(r)
		if got != want {
			t.Errorf("%d services: %v, want %v (%d instructions)", n, got, want, len(prog))
		}
		vm := machine(t, r)
		for _, e := range []filter.Endpoint{r.Services[0], r.Services[n/2], r.Services[n-1]} {
			if !passes(t, vm, frame6(netip.IPv6Loopback(), e.Addr, tcp, 1, e.Port)) {
				t.Errorf("%d services: a packet to %v does not pass", n, e)
			}
		}
	}
}

// TestShortFrames6: loads beyond the frame end the program.
func TestShortFrames6(t *testing.T) {
	vm := machine(t, rules6)
	whole := frame6(netip.MustParseAddr("2001:db8:4::1"), netip.MustParseAddr("2001:db8:2::1"), tcp, 1, 80)
	for n := range whole {
		if got := passes(t, vm, whole[:n]); got != (n >= 14+40+4) {
			t.Errorf("%d bytes: passes = %v", n, got)
		}
	}
}
