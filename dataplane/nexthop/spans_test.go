package nexthop

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"pgregory.net/rapid"

	"ulvs/wire"
)

// drawAddr draws an address of a small world, so that prefixes nest and meet.
func drawAddr(t *rapid.T) netip.Addr {
	edge := rapid.SampledFrom([]uint16{0, 1, 0x7f00, 0x7fff, 0x8000, 0xfffe, 0xffff}).Draw(t, "edge")
	if rapid.Bool().Draw(t, "v4") {
		var b [4]byte
		binary.BigEndian.PutUint16(b[:], 0xc000|rapid.Uint16Range(0, 3).Draw(t, "net"))
		binary.BigEndian.PutUint16(b[2:], edge)
		return netip.AddrFrom4(b)
	}
	b := [16]byte{0: 0x20, 1: 0x01, 2: 0x0d, 3: 0xb8}
	b[7] = rapid.ByteRange(0, 3).Draw(t, "net")
	binary.BigEndian.PutUint16(b[14:], edge)
	return netip.AddrFrom16(b)
}

// drawPrefix draws a prefix of any length.
func drawPrefix(t *rapid.T) netip.Prefix {
	a := drawAddr(t)
	p, _ := a.Prefix(rapid.IntRange(0, a.BitLen()).Draw(t, "bits"))
	return p
}

// slowRoute is the obvious answer: local first, then the longest prefix.
func slowRoute(routes []Route, dst netip.Addr) (best *Route) {
	for _, wantLocal := range []bool{true, false} {
		for i := range routes {
			r := &routes[i]
			if (r.Type == Local || r.Type == Broadcast) != wantLocal || !r.Dst.Contains(dst) {
				continue
			}
			if best == nil || r.Dst.Bits() > best.Dst.Bits() || r.Dst.Bits() == best.Dst.Bits() && !wantLocal && r.Metric < best.Metric {
				best = r
			}
		}
		if best != nil {
			return best
		}
	}
	return nil
}

func TestLongestPrefixAgainstSlowSearch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		routes := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Route {
			return Route{
				Dst: drawPrefix(t), Type: RouteType(rapid.IntRange(0, 3).Draw(t, "type")),
				Index: rapid.IntRange(2, 9).Draw(t, "index"), Metric: rapid.Uint32Range(0, 2).Draw(t, "metric"),
			}
		}), 0, 12).Draw(t, "routes")
		table := New(Config{})
		table.SetRoutes(routes)
		for range 20 {
			dst := drawAddr(t)
			want := slowRoute(routes, dst)
			got := table.snap.Load().path(wire.AddrFrom(dst)).status
			if g, w := got, slowStatus(want); g != w {
				t.Fatalf("%v by %+v: %v, want %v", dst, want, g, w)
			}
		}
	})
}

// slowStatus is the status of a route in a table without links.
func slowStatus(r *Route) Status {
	switch {
	case r == nil || r.Type == Unicast:
		return NoRoute
	case r.Type == Local:
		return LocalHost
	}
	return Blackhole
}

func TestSpansFindTheRightLink(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		table := New(Config{})
		var links []Link
		var routes []Route
		seen := map[netip.Prefix]bool{}
		for i := range rapid.IntRange(1, 12).Draw(t, "n") {
			p := drawPrefix(t)
			if seen[p] {
				continue
			}
			seen[p] = true
			links = append(links, Link{Index: i + 1, Port: uint16(i), Up: true})
			routes = append(routes, Route{Dst: p, Index: i + 1})
		}
		table.SetLinks(links)
		table.SetRoutes(routes)
		for range 20 {
			dst := drawAddr(t)
			want := slowRoute(routes, dst)
			got := table.snap.Load().path(wire.AddrFrom(dst))
			if want == nil && got.status != NoRoute || want != nil && (got.status != Ready || got.link != want.Index) {
				t.Fatalf("%v: %+v, want %+v", dst, got, want)
			}
		}
	})
}
