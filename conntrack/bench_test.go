package conntrack

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"ulvs/service"
	"ulvs/wire"
)

// benchKeys returns n keys from n clients to one virtual service, in an order
// that has nothing to do with where the table puts them.
func benchKeys(n int) []Key {
	r := rand.New(rand.NewPCG(1, 2))
	virtual := wire.AddrFrom4([4]byte{198, 51, 100, 1})
	keys := make([]Key, n)
	for i := range keys {
		keys[i] = Key{
			Client:     wire.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}),
			ClientPort: uint16(r.Uint32()), Virtual: virtual, VirtualPort: 80, Proto: wire.ProtoTCP,
		}
	}
	r.Shuffle(n, func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	return keys
}

var benchReal = wire.AddrFrom4([4]byte{203, 0, 113, 1})

func benchSpec() *Spec {
	return &Spec{Real: benchReal, RealPort: 8080, Method: service.NAT, State: Established}
}

func benchTable(tb testing.TB, capacity int, keys []Key) *Table {
	t, err := New(Config{Capacity: capacity, Seed: 1})
	if err != nil {
		tb.Fatal(err)
	}
	sp := benchSpec()
	for i := range keys {
		s := t.Lock(t.HashKey(&keys[i]))
		if c, _ := s.Insert(&keys[i], sp, 0, time.Minute); c == nil {
			tb.Fatal("full")
		}
		s.Unlock()
	}
	return t
}

var sizes = []int{10_000, 1_000_000}

// BenchmarkHit is what a packet of a known connection costs in the table: hash,
// lock, find, new deadline, unlock.
func BenchmarkHit(b *testing.B) {
	for _, n := range sizes {
		keys := benchKeys(n)
		t := benchTable(b, max(n, 1<<20), keys)
		b.Run(fmt.Sprintf("inbound/%d", n), func(b *testing.B) { benchHit(b, t, keys, false) })
		reply := append([]Key(nil), keys...)
		for i := range reply {
			reply[i].Virtual, reply[i].VirtualPort = benchReal, 8080
		}
		b.Run(fmt.Sprintf("outbound/%d", n), func(b *testing.B) { benchHit(b, t, reply, true) })
	}
}

func benchHit(b *testing.B, t *Table, keys []Key, reply bool) {
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		k := &keys[i]
		if i++; i == len(keys) {
			i = 0
		}
		s := t.Lock(t.HashKey(k))
		var c *Conn
		if reply {
			c = s.FindOutbound(k)
		} else {
			c = s.FindInbound(k)
		}
		s.Touch(c, time.Second, time.Minute)
		s.Unlock()
	}
}

// BenchmarkMiss is a packet without a connection.
func BenchmarkMiss(b *testing.B) {
	for _, n := range sizes {
		keys := benchKeys(n)
		t := benchTable(b, max(n, 1<<20), keys)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			i := 0
			for b.Loop() {
				k := keys[i]
				k.VirtualPort = 81
				if i++; i == len(keys) {
					i = 0
				}
				s := t.Lock(t.HashKey(&k))
				if s.FindInbound(&k) != nil {
					b.Fatal("found")
				}
				s.Unlock()
			}
		})
	}
}

// BenchmarkInsert makes and removes a connection, with 10,000 or 1,000,000 others.
func BenchmarkInsert(b *testing.B) {
	for _, n := range sizes {
		keys := benchKeys(n + 10_000)
		t := benchTable(b, max(n+10_000, 1<<20), keys[:n])
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			sp := benchSpec()
			b.ReportAllocs()
			i := n
			for b.Loop() {
				k := &keys[i]
				if i++; i == len(keys) {
					i = n
				}
				s := t.Lock(t.HashKey(k))
				c := s.FindInbound(k)
				if c == nil {
					c, _ = s.Insert(k, sp, 0, time.Minute)
				}
				s.Remove(c)
				s.Unlock()
			}
		})
	}
}

// BenchmarkFull is a new connection when a table of a million is full: with
// half-open ones to evict, with closing ones only, and with nothing to evict.
func BenchmarkFull(b *testing.B) {
	const n = 1_000_000
	for _, c := range []struct {
		name   string
		others State
		state  State
	}{{"half-open", Established, SynRecv}, {"closing", TimeWait, TimeWait}, {"refuse", Established, Established}} {
		b.Run(c.name, func(b *testing.B) {
			keys := benchKeys(n)
			t := benchTable(b, n, nil)
			sp := benchSpec()
			for i := range keys {
				if sp.State = c.others; i%10 == 0 {
					sp.State = c.state
				}
				s := t.Lock(t.HashKey(&keys[i]))
				s.Insert(&keys[i], sp, 0, time.Hour)
				s.Unlock()
			}
			sp.State = c.state
			i := 0
			b.ReportAllocs()
			for b.Loop() {
				i++
				k := keys[0]
				k.Client, k.ClientPort = wire.AddrFrom4([4]byte{11, byte(i >> 24), byte(i >> 16), 1}), uint16(i)
				s := t.Lock(t.HashKey(&k))
				s.Insert(&k, sp, 0, time.Hour)
				s.Unlock()
			}
		})
	}
}

// BenchmarkExpire ends a million connections that are all due at once, in Ticks
// of 256 looks: ns/conn is the work, p99.9-µs a long Tick, max-µs the longest.
func BenchmarkExpire(b *testing.B) {
	const n = 1_000_000
	keys := benchKeys(n)
	t := benchTable(b, n, nil)
	sp := benchSpec()
	var ticks []time.Duration
	var total time.Duration
	now := time.Duration(0)
	for b.Loop() {
		b.StopTimer()
		for i := range keys {
			s := t.Lock(t.HashKey(&keys[i]))
			s.Insert(&keys[i], sp, now, time.Minute)
			s.Unlock()
		}
		now += time.Minute
		b.StartTimer()
		for t.Used() > 0 {
			start := time.Now()
			t.Tick(now, 256)
			d := time.Since(start)
			total += d
			ticks = append(ticks, d)
		}
	}
	slices.Sort(ticks)
	b.ReportMetric(float64(total.Nanoseconds())/float64(b.N)/n, "ns/conn")
	b.ReportMetric(float64(ticks[len(ticks)*999/1000].Nanoseconds())/1e3, "p99.9-µs")
	b.ReportMetric(float64(ticks[len(ticks)-1].Nanoseconds())/1e3, "max-µs")
}

// BenchmarkTickIdle is a Tick with nothing due in a full table.
func BenchmarkTickIdle(b *testing.B) {
	t := benchTable(b, 1_000_000, benchKeys(1_000_000))
	for b.Loop() {
		t.Tick(time.Second, 256)
	}
}
