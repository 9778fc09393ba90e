package bench

import (
	"testing"
	"time"
)

func TestCollectionsBetween(t *testing.T) {
	const trace = `level=INFO msg="gc 1 @1.5s of another"
gc 1 @0.004s 3%: 0.010+0.53+0.002 ms clock, 4->4->1 MB, 4 MB goal, 2 P
gc 2 @1.500s 0%: 0.010+0.53+0.002 ms clock, 4->4->1 MB, 4 MB goal, 2 P
gc 3 @121.7s 0%: 0.010+0.53+0.002 ms clock, 4->4->1 MB, 4 MB goal, 2 P (forced)
`
	if n := collectionsBetween(trace, time.Second, 2*time.Second); n != 1 {
		t.Errorf("%d collections in the second second, want 1", n)
	}
	if n := collectionsBetween(trace, 2*time.Second, 3*time.Second); n != 0 {
		t.Errorf("%d collections in the third second, want none", n)
	}
}
