package filter_test

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"testing"

	"ulvs/dataplane/filter"
)

// inRange is the plain statement of what ranges let pass.
func inRange(list []filter.Range, addr netip.Addr, proto uint8, frag, port uint16) bool {
	for _, r := range list {
		if r.Prefix.IsValid() && !r.Prefix.Contains(addr) || r.Proto != proto {
			continue
		}
		if frag&0x3fff != 0 || r.First <= port && port <= r.Last {
			return true
		}
	}
	return false
}

// wantRanges is want with ranges and virtual addresses.
func wantRanges(r filter.Rules, b []byte) bool {
	ip := b[14:]
	frag := binary.BigEndian.Uint16(ip[6:])
	src, dst := netip.AddrFrom4([4]byte(ip[12:])), netip.AddrFrom4([4]byte(ip[16:]))
	l4 := ip[4*int(ip[0]&15):]
	sport, dport := binary.BigEndian.Uint16(l4), binary.BigEndian.Uint16(l4[2:])
	for _, a := range r.Virtual {
		if a == dst && (ip[9] == icmp || frag&0x3fff != 0) {
			return true
		}
	}
	return want(r, b) || inRange(r.ServiceRanges, dst, ip[9], frag, dport) || inRange(r.ReplyRanges, src, ip[9], frag, sport)
}

func randomRanges(rng *rand.Rand, n int, third byte) []filter.Range {
	out := make([]filter.Range, n)
	for i := range out {
		r := filter.Range{Proto: protos[1+rng.IntN(3)], Last: 65535}
		if rng.IntN(5) > 0 {
			r.Prefix = netip.PrefixFrom(randomAddr(rng, n, third), 22+rng.IntN(11)).Masked()
		}
		if rng.IntN(4) > 0 {
			r.First, r.Last = uint16(rng.IntN(4)), uint16(3+rng.IntN(3))
		}
		out[i] = r
	}
	return out
}

// TestRangesAgainstOracle compares random ranges beside endpoints on random
// packets.
func TestRangesAgainstOracle(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, size := range []int{0, 1, 2, 5, 30} {
		for round := range 10 {
			r := filter.Rules{
				Services: randomEndpoints(rng, size, 1), NATReals: randomEndpoints(rng, size, 2),
				ServiceRanges: randomRanges(rng, min(size, 3+round), 1), ReplyRanges: randomRanges(rng, min(size, 1+round), 2),
			}
			for range size {
				r.Virtual = append(r.Virtual, randomAddr(rng, size, 1))
			}
			if _, precision := filter.Build(r); precision != filter.Exact {
				t.Fatalf("size %d: precision %v", size, precision)
			}
			vm := machine(t, r)
			for range 500 {
				b := randomFrame(rng, size)
				if got := passes(t, vm, b); got != wantRanges(r, b) {
					t.Fatalf("size %d round %d: passes = %v, want %v\n%+v\n%x", size, round, got, !got, r, b)
				}
			}
		}
	}
}

// TestManyRanges: with more than fit, the program is coarser and shuts nothing
// out.
func TestManyRanges(t *testing.T) {
	for n, want := range map[int]filter.Precision{100: filter.Exact, 700: filter.Addresses, 2000: filter.All} {
		var r filter.Rules
		for i := range n {
			p := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 0}), 24)
			r.ServiceRanges = append(r.ServiceRanges, filter.Range{Prefix: p, Proto: tcp, First: 80, Last: 90})
		}
		r.ServiceRanges = append(r.ServiceRanges, filter.Range{Prefix: netip.MustParsePrefix("2001:db8::/32"), Proto: tcp, Last: 65535})
		prog, got := filter.Build(r)
		if got != want {
			t.Errorf("%d ranges: precision %v, want %v (%d instructions)", n, got, want, len(prog))
		}
		vm := machine(t, r)
		for _, i := range []int{0, n / 2, n - 1} {
			f := frame{src: "203.0.113.1", dst: netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 9}).String(), dport: 85, proto: tcp}
			if !passes(t, vm, f.bytes()) {
				t.Errorf("%d ranges: a packet to range %d does not pass", n, i)
			}
		}
	}
}
