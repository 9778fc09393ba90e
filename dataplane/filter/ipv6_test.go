package filter_test

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"testing"

	"ulvs/dataplane/filter"
)

// frame6 is an IPv6 frame of an IP header and 20 bytes.
func frame6(src, dst netip.Addr, next uint8) []byte {
	b := make([]byte, 14+40+20)
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
		endpoint(tcp, "[2001:db8:2:1::1]:80"), endpoint(tcp, "[2001:db8:2::2]:80"),
	},
	NATReals: []filter.Endpoint{endpoint(tcp, "[2001:db8:3::1]:8080")},
}

func TestWhatPasses6(t *testing.T) {
	const client, vip, rip = "2001:db8:4::1", "2001:db8:2::1", "2001:db8:3::1"
	vm := machine(t, rules6)
	for _, row := range []struct {
		name, src, dst string
		next           uint8
		want           bool
	}{
		{"to a service", client, vip, tcp, true},
		{"behind destination options", client, vip, 60, true},
		{"to the second of two that end alike", client, "2001:db8:2:1::1", tcp, true},
		{"to a third", client, "2001:db8:2:2::1", tcp, false},
		{"to another service", client, "2001:db8:2::2", udp, true},
		{"reply", rip, client, tcp, true},
		{"real server to a VIP", rip, vip, tcp, true},
		{"to a real server", client, rip, tcp, false},
		{"between others", client, "2001:db8:9::9", tcp, false},
		{"solicitation", "fe80::1", "ff02::1:ff00:1", 58, true},
		{"error from a router", "2001:db8:9::1", client, 58, true},
	} {
		if got := passes(t, vm, frame6(netip.MustParseAddr(row.src), netip.MustParseAddr(row.dst), row.next)); got != row.want {
			t.Errorf("%s: passes = %v, want %v", row.name, got, row.want)
		}
	}
	if !passes(t, vm, frame{src: "203.0.113.7", dst: "198.51.100.1", dport: 80, proto: tcp}.bytes()) {
		t.Error("IPv4 does not pass beside IPv6")
	}
	if !passes(t, machine(t, filter.Rules{AllIPv4: true, Services: rules6.Services}), frame6(netip.IPv6Loopback(), netip.IPv6Loopback(), tcp)) {
		t.Error("the coarsest program does not let IPv6 in")
	}
}

// TestAgainstOracle6 compares random tables on random packets of addresses that
// differ in one word of four.
func TestAgainstOracle6(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	random := func(size int) netip.Addr {
		b := [16]byte{0: 0x20, 1: 1}
		b[[]int{3, 7, 11, 15}[rng.IntN(4)]] = byte(rng.IntN(size + 1))
		return netip.AddrFrom16(b)
	}
	for _, size := range []int{1, 2, 5, 40, 100} {
		var r filter.Rules
		for range size {
			r.Services = append(r.Services, filter.Endpoint{Addr: random(size), Port: 80, Proto: tcp})
			r.NATReals = append(r.NATReals, filter.Endpoint{Addr: random(size), Port: 80, Proto: tcp})
		}
		_, precision := filter.Build(r)
		if precision != filter.Exact {
			t.Fatalf("%d endpoints: precision %v", size, precision)
		}
		vm := machine(t, r)
		for range 1500 {
			src, dst := random(size), random(size)
			want := false
			for i := range r.Services {
				want = want || r.Services[i].Addr == dst || r.NATReals[i].Addr == src
			}
			if got := passes(t, vm, frame6(src, dst, tcp)); got != want {
				t.Fatalf("size %d: %v to %v passes = %v", size, src, dst, got)
			}
		}
	}
}

// TestShortFrames6: loads beyond the frame end the program.
func TestShortFrames6(t *testing.T) {
	vm := machine(t, rules6)
	whole := frame6(netip.MustParseAddr("2001:db8:4::1"), netip.MustParseAddr("2001:db8:2::1"), tcp)
	for n := range whole {
		if got := passes(t, vm, whole[:n]); got != (n >= 14+40) {
			t.Errorf("%d bytes: passes = %v", n, got)
		}
	}
}
