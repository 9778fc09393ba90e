package nexthop

import (
	"encoding/binary"
	"net/netip"
	"sync"
	"testing"
	"time"

	"ulvs/wire"
)

// crowded is a table with the given number of routes and 250 neighbours.
func crowded(routes int) *Table {
	t := New(Config{Seed: 99})
	t.SetLinks(testLinks)
	t.SetAddresses([]Address{{Index: 2, Prefix: prefix("192.0.2.1/24")}, {Index: 3, Prefix: prefix("198.51.100.1/24")}})
	all := []Route{onLink("192.0.2.0/24", 2), onLink("198.51.100.0/24", 3), via("0.0.0.0/0", "192.0.2.254", 2)}
	for i := range routes - len(all) {
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], 10<<24|uint32(i)<<8)
		all = append(all, Route{Dst: netip.PrefixFrom(netip.AddrFrom4(b), 24), Gateway: ip("192.0.2.253"), Index: 2})
	}
	t.SetRoutes(all)
	var known []Neighbour
	for i := range 250 {
		known = append(known, Neighbour{2, netip.AddrFrom4([4]byte{192, 0, 2, byte(i + 4)}), mac(byte(i)), Reachable})
	}
	t.SetNeighbours(known)
	return t
}

func BenchmarkLookup(b *testing.B) {
	for name, tt := range map[string]struct {
		routes int
		dst    func(i int) wire.Addr
	}{
		"neighbour":         {3, func(i int) wire.Addr { return wire.AddrFrom4([4]byte{192, 0, 2, byte(4 + i%250)}) }},
		"gateway":           {3, func(i int) wire.Addr { return wire.AddrFrom4([4]byte{203, 0, byte(i >> 8), byte(i)}) }},
		"gateway/1k-routes": {1000, func(i int) wire.Addr { return wire.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 1}) }},
	} {
		table := crowded(tt.routes)
		var dsts [1 << 12]wire.Addr
		for i := range dsts {
			dsts[i] = tt.dst(i)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if _, s := table.Lookup(dsts[i&(len(dsts)-1)]); s > Unresolved {
					b.Fatal(s)
				}
				i++
			}
		})
	}
}

func BenchmarkTickNothingDue(b *testing.B) {
	table := crowded(3)
	table.Tick(0, func(uint16, *wire.Packet) {})
	b.ReportAllocs()
	for b.Loop() {
		table.Tick(1, nil)
	}
}

func TestReadersBesideWriters(t *testing.T) {
	table := crowded(10)
	var readers, writers sync.WaitGroup
	stop := make(chan struct{})
	for i := range 2 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				for _, dst := range []wire.Addr{addr("192.0.2.9"), addr("203.0.113.9"), addr("198.51.100.9")} {
					if h, s := table.Lookup(dst); s == Ready && h.Port > 1 || s > Unresolved {
						t.Errorf("%v %+v", s, h)
					}
				}
				table.Learn(time.Duration(i), 0, addr("192.0.2.9"), mac(byte(i)))
				table.Queue(addr("198.51.100.9"), frame(10))
			}
		})
	}
	writers.Go(func() {
		for i := range 200 {
			table.SetVirtual([]wire.Addr{addr("192.0.2.100")})
			table.UpdateNeighbour(Neighbour{2, ip("192.0.2.254"), mac(byte(i)), Reachable})
		}
	})
	writers.Go(func() {
		for i := range 200 {
			table.Tick(time.Duration(i)*time.Second, func(uint16, *wire.Packet) {})
		}
	})
	writers.Wait()
	close(stop)
	readers.Wait()
}
