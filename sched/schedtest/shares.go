package schedtest

import (
	"slices"
	"sync"
	"testing"

	"ulvs/sched"
)

// Shares makes picks with 1 to 16 workers and fails unless each server got
// exactly its share. Servers are given in the order of adding, all connections
// stay open, and want has one count per server. The number of workers makes no
// difference: they share one scheduler behind one lock.
func Shares(t *testing.T, make func() sched.Scheduler, weights []int32, want []int) {
	t.Helper()
	total := 0
	for _, n := range want {
		total += n
	}
	for _, workers := range []int{1, 2, 3, 8, 16} {
		got := spread(newService(make(), weights...), workers, total)
		if !slices.Equal(got, want) {
			t.Errorf("weights %v, %d picks by %d workers: got %v, want %v", weights, total, workers, got, want)
		}
	}
}

// spread lets the workers make total picks together and returns the picks of
// each server in the order of adding.
func spread(v *service, workers, total int) []int {
	jobs := make(chan int)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for i := range jobs {
				v.open(flow(i))
			}
		})
	}
	for i := range total {
		jobs <- i
	}
	close(jobs)
	wg.Wait()
	counts := make([]int, len(v.list))
	for _, s := range v.list {
		counts[s.ID-1] = s.Total()
	}
	return counts
}
