package conntrack

import (
	"testing"
	"time"
)

// TestAhead: a look-up begun ahead has the hash that locks the right shard, and
// reaches the entry of nearly every connection, in both directions.
func TestAhead(t *testing.T) {
	const conns = 1000
	table, err := New(Config{Capacity: 1 << 14, Seed: 5})
	if err != nil {
		t.Fatal(err)
	}
	real := addr("203.0.113.1")
	reached := [2]int{}
	for i := range conns {
		k := flow(i)
		s := table.Lock(table.HashKey(&k))
		s.Insert(&k, &Spec{Real: real, RealPort: 8080}, 0, time.Minute)
		s.Unlock()
		var in, out Ahead
		table.AimInbound(&in, &k.Client, &k.Virtual, k.ClientPort, k.VirtualPort, k.Proto)
		table.AimOutbound(&out, &k.Client, &real, k.ClientPort, 8080, k.Proto)
		for d, a := range []*Ahead{&in, &out} {
			if a.Hash != table.HashKey(&k) {
				t.Fatalf("flow %d: hash %#x, want %#x", i, a.Hash, table.HashKey(&k))
			}
			table.Look(a)
			if table.Reach(a) {
				reached[d]++
			}
		}
	}
	if reached[0] < conns*9/10 || reached[1] < conns*9/10 {
		t.Errorf("reached %d and %d entries of %d at the first slot", reached[0], reached[1], conns)
	}
	k := flow(conns)
	var none Ahead
	table.AimInbound(&none, &k.Client, &k.Virtual, k.ClientPort, k.VirtualPort, k.Proto)
	table.Look(&none)
	if table.Reach(&none) {
		t.Error("reached an entry of a connection that is not there")
	}
}
