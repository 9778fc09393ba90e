package sched_test

import (
	"encoding/binary"
	"math"
	"testing"

	"ulvs/sched"
	"ulvs/wire"
)

// slowRDV writes out every score of the rule in the doc comment of rdv.go,
// with seed 0 and no flag.
type slowRDV struct{ noFlow }

func (*slowRDV) init([]*sched.Server)                          {}
func (*slowRDV) changed(_, _ []*sched.Server, _ *sched.Server) {}

func (*slowRDV) pickFor(list []*sched.Server, f *sched.Flow) (best *sched.Server) {
	least := math.Inf(1)
	for _, s := range usable(list) {
		h := splitMix(splitMix(rdvKey(f.Client, 0)) + rdvKey(s.Addr, s.Port))
		u := (float64(h>>12) + 0.5) / (1 << 52)
		if score := -math.Log(u) / float64(s.Weight.Load()); score < least {
			best, least = s, score
		}
	}
	return best
}

func rdvKey(a wire.Addr, port uint16) uint64 {
	b := a.As16()
	lower := splitMix(binary.LittleEndian.Uint64(b[:8])) + binary.LittleEndian.Uint64(b[8:])
	return splitMix(lower)<<16 + uint64(port)
}

// splitMix is the finisher of SplitMix64.
func splitMix(x uint64) uint64 {
	for _, step := range []struct {
		shift, factor uint64
	}{{30, 0xBF58476D1CE4E5B9}, {27, 0x94D049BB133111EB}, {31, 1}} {
		x = (x ^ x>>step.shift) * step.factor
	}
	return x
}

// TestRDVShares: over many clients each server has its share, also next to one
// that is much heavier.
func TestRDVShares(t *testing.T) {
	for _, weights := range [][]int32{{1, 1, 1, 1}, {1, 2, 3}, {1, 0, 65535, 3000}, numbers(40, func(i int) int32 { return int32(1 + i%9) })} {
		const clients = 40000
		list := servers(len(weights))
		for i, s := range list {
			s.SetWeight(weights[i])
		}
		got := owners(list, clients)
		counts := map[*sched.Server]int{}
		for _, s := range got {
			counts[s]++
		}
		for i, s := range list {
			p := weightOf(s) / sumOf(list)
			if off := math.Abs(float64(counts[s]) - clients*p); off > 5*math.Sqrt(clients*p*(1-p)) {
				t.Errorf("weights %v: server %d has %d clients, due %.1f", weights, i, counts[s], clients*p)
			}
		}
	}
}

// owners returns the server of each of n clients.
func owners(list []*sched.Server, n int) (out []*sched.Server) {
	s, err := sched.New("rdv", sched.Config{})
	if err != nil {
		panic(err)
	}
	s.Init(list)
	for i := range n {
		out = append(out, s.Pick(client(i)))
	}
	return out
}

// TestRDVStays: a change at one server moves clients from it or to it only,
// and the order of the list moves nobody.
func TestRDVStays(t *testing.T) {
	list := servers(7)
	before := owners(list, 5000)
	changed := list[3]
	for _, c := range []struct {
		name     string
		change   func()
		from, to bool // whether clients may leave it, or come
	}{
		{"overloaded", func() { changed.SetOverloaded(true) }, true, false},
		{"open again", func() { changed.SetOverloaded(false) }, false, true},
		{"lighter", func() { changed.SetWeight(2) }, true, false},
		{"heavier", func() { changed.SetWeight(9) }, false, true},
		{"quiesced", func() { changed.SetWeight(0) }, true, false},
		{"back", func() { changed.SetWeight(4) }, false, true},
		{"list turned round", func() { list = append(list[4:], list[:4]...) }, false, false},
	} {
		c.change()
		moved := 0
		after := owners(list, 5000)
		for i := range after {
			if after[i] == before[i] {
				continue
			}
			moved++
			if before[i] == changed && !c.from || after[i] == changed && !c.to || before[i] != changed && after[i] != changed {
				t.Fatalf("%s: client %d moved from %s to %s", c.name, i, before[i].Addr, after[i].Addr)
			}
		}
		if moved == 0 && (c.from || c.to) {
			t.Errorf("%s: nobody moved", c.name)
		}
		before = after
	}
}

// TestRDVPort: the port counts under flag-2 only.
func TestRDVPort(t *testing.T) {
	for _, c := range []struct {
		flags []string
		many  bool
	}{{nil, false}, {[]string{"flag-1"}, false}, {[]string{"flag-2"}, true}} {
		s, err := sched.New("rdv", sched.Config{Flags: c.flags})
		if err != nil {
			t.Fatal(err)
		}
		s.Init(servers(5))
		seen := map[*sched.Server]bool{}
		f := client(1)
		for ; f.ClientPort < 100; f.ClientPort++ {
			seen[s.Pick(f)] = true
		}
		if (len(seen) > 1) != c.many {
			t.Errorf("flags %v: one client's ports have %d servers", c.flags, len(seen))
		}
	}
}
