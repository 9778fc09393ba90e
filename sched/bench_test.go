package sched_test

import (
	"fmt"
	"testing"
	"time"

	"ulvs/sched"
	"ulvs/sched/schedtest"
	"ulvs/wire"
)

// BenchmarkPick is a pick with the counting of the connection it opens and of
// one that ends, by number of servers.
func BenchmarkPick(b *testing.B) {
	for _, name := range sched.Names() {
		benchPick(b, name, maker(b, name), false)
	}
}

// BenchmarkPickRandom is the same where connections end in random order.
func BenchmarkPickRandom(b *testing.B) {
	for _, name := range ranked {
		benchPick(b, name, maker(b, name), true)
	}
}

// BenchmarkPickWalk is wlc as the kernel has it.
func BenchmarkPickWalk(b *testing.B) {
	benchPick(b, "wlc", func() sched.Scheduler { return sched.NewWalker("wlc") }, false)
}

func benchPick(b *testing.B, name string, make func() sched.Scheduler, random bool) {
	for _, n := range []int{10, 100, 1000, 10000} {
		b.Run(fmt.Sprintf("%s/servers=%d", name, n), func(b *testing.B) {
			schedtest.Cost(b, make(), n, random)
		})
	}
}

// BenchmarkWRRClosed is the walk past a closed server whose weight is far above
// the others.
func BenchmarkWRRClosed(b *testing.B) {
	list := servers(10)
	list[3].SetWeight(65535)
	list[3].SetOverloaded(true)
	s := maker(b, "wrr")()
	s.Init(list)
	b.ReportAllocs()
	for b.Loop() {
		s.Pick(nil)
	}
}

func servers(n int) []*sched.Server {
	list := make([]*sched.Server, n)
	for i := range list {
		list[i] = sched.NewServer(wire.AddrFrom4([4]byte{203, 0, 113, byte(i)}), 80, int32(1+i%7))
	}
	return list
}

// BenchmarkForget is the most that one check of lblc's upkeep can have to do:
// a sweep that drops all of as many destinations as there can be.
func BenchmarkForget(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		p := newPlace(b, "lblc", 10*time.Second)
		p.add(1)
		tick := p.fast.(sched.Upkeep).Tick
		tick(29 * time.Minute)
		for i := range 1 << 17 {
			p.fast.Pick(&sched.Flow{Virtual: destinationNumber(i), Now: 29 * time.Minute})
		}
		before := sched.Remembered(p.fast)
		b.StartTimer()
		tick(30 * time.Minute)
		if before != 1<<16 || sched.Remembered(p.fast) != 0 {
			b.Fatalf("%d destinations, then %d", before, sched.Remembered(p.fast))
		}
	}
}
