package schedtest

import (
	"testing"

	"ulvs/sched"
	"ulvs/wire"
)

// Cost measures one pick in a service of n servers at a steady state of two
// connections a server: a connection of random age ends, one is opened, and both
// are counted. Weights are 1 to 7, clients change with every pick, destinations
// are three.
func Cost(b *testing.B, s sched.Scheduler, n int) {
	list := make([]*sched.Server, n)
	for i := range list {
		list[i] = sched.NewServer(wire.AddrFrom4([4]byte{203, 0, byte(i >> 8), byte(i)}), 80, int32(1+i%7))
	}
	s.Init(list)
	var flows [600]sched.Flow
	for i := range flows {
		flows[i] = *flow(i)
	}
	open := make([]*sched.Server, 2*n)
	random, next := uint32(1), 0
	turn := func() {
		random = random*1664525 + 1013904223
		at := uint64(random) * uint64(len(open)) >> 32
		if old := open[at]; old != nil {
			old.Unbind(true)
		}
		if next++; next == len(flows) {
			next = 0
		}
		if open[at] = s.Pick(&flows[next]); open[at] != nil {
			open[at].Bind()
			open[at].Activate()
		}
	}
	for range 10 * len(open) {
		turn()
	}
	b.ReportAllocs()
	for b.Loop() {
		turn()
	}
}
