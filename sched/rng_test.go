package sched

import "testing"

// TestNext: the first numbers of the seed 1234567, as every implementation of
// SplitMix64 gives them.
func TestNext(t *testing.T) {
	r := random{1234567}
	for i, want := range []uint64{6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431} {
		if got := r.next(); got != want {
			t.Errorf("number %d is %d, want %d", i, got, want)
		}
	}
}

func TestBelow(t *testing.T) {
	for _, n := range []uint64{1, 2, 3, 1000, 1<<63 + 1, 1<<64 - 1} {
		r, least, most := random{1}, n, uint64(0)
		for range 10000 {
			x := r.below(n)
			least, most = min(least, x), max(most, x)
		}
		if most >= n || most < n-1-n/100 || least > n/100 {
			t.Errorf("below(%d) gives %d to %d", n, least, most)
		}
	}
}
