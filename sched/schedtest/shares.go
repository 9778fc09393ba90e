package schedtest

import (
	"runtime"
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

// Rounds makes picks with 16 goroutines at once and fails unless after each
// round every server has got exactly its part of it again. Servers are given in
// the order of adding, round has one count per server, and the first skip picks
// belong to no round.
func Rounds(t *testing.T, make func() sched.Scheduler, weights []int32, skip int, round []int) {
	t.Helper()
	const workers, rounds = 16, 64
	size := 0
	for _, n := range round {
		size += n
	}
	got := order(newService(make(), weights...), workers, skip+rounds*size)[skip:]
	for i := 0; i < len(got); i += size {
		if counts := tally(got[i:i+size], len(weights)); !slices.Equal(counts, round) {
			t.Fatalf("weights %v, %d goroutines, round %d: got %v, want %v", weights, workers, i/size, counts, round)
		}
	}
}

// order lets the workers make n picks together, each as many as it gets, and
// returns the servers' numbers in the order of the picks.
func order(v *service, workers, n int) (got []uint32) {
	pick := func(i int) bool {
		v.mu.Lock()
		defer v.mu.Unlock()
		if len(got) == n {
			return false
		}
		s := v.s.Pick(flow(i))
		s.Bind()
		s.Activate()
		got = append(got, s.ID)
		return true
	}
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w; pick(i); i += workers {
				runtime.Gosched()
			}
		})
	}
	wg.Wait()
	return got
}

func tally(got []uint32, servers int) []int {
	counts := make([]int, servers)
	for _, id := range got {
		counts[id-1]++
	}
	return counts
}
