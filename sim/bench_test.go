package sim

import (
	"context"
	"fmt"
	"runtime"
	"testing"
)

// BenchmarkSimulate is one connection from arrival to expiry: 10 servers at 80 %
// load, two minutes in the table.
func BenchmarkSimulate(b *testing.B) {
	for _, name := range AllSchedulers() {
		b.Run(fmt.Sprintf("%s/servers=10", name), func(b *testing.B) {
			s := poisson(10, b.N, 0.8)
			s.Inactive = 120
			b.ReportAllocs()
			b.ResetTimer()
			if _, err := Simulate(context.Background(), s, name, 1); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "connections/s")
		})
	}
}

// TestMemory: a run ten times as long takes no more memory, and no event
// allocates.
func TestMemory(t *testing.T) {
	allocated := func(n int) uint64 {
		s := poisson(10, n, 0.8)
		s.Inactive = 7 // 5,600 connections: well below where the queue doubles
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		simulate(t, s, "rr", 1)
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	short, long := allocated(50_000), allocated(500_000)
	if long > short+short/10 {
		t.Errorf("500,000 connections allocate %d bytes, 50,000 %d", long, short)
	}
}
