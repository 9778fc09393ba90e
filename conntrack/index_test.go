package conntrack

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestIndexModel drives a tiny index, where every probe collides and wraps, and
// a plain list with the same calls.
func TestIndexModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &Shard{slots: make([]uint64, rapid.IntRange(4, 40).Draw(t, "slots"))}
		tags := rapid.SliceOfN(rapid.Uint32(), 1, 6).Draw(t, "tags")
		type pair struct{ tag, n uint32 }
		var in []pair
		next := uint32(0)
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				if len(in) >= len(s.slots)-1 {
					t.Skip("full")
				}
				next++
				p := pair{rapid.SampledFrom(tags).Draw(t, "tag"), next}
				in = append(in, p)
				s.put(p.tag, p.n)
			},
			"del": func(t *rapid.T) {
				if len(in) == 0 {
					s.del(tags[0], 1)
					return
				}
				i := rapid.IntRange(0, len(in)-1).Draw(t, "which")
				s.del(in[i].tag, in[i].n)
				in = slices.Delete(in, i, i+1)
			},
			"": func(t *rapid.T) {
				for _, tag := range tags {
					var got, want []uint32
					for i := s.home(tag); uint32(s.slots[i]) != 0; i = s.next(i) {
						if uint32(s.slots[i]>>32) == tag {
							got = append(got, uint32(s.slots[i]))
						}
					}
					for _, p := range in {
						if p.tag == tag {
							want = append(want, p.n)
						}
					}
					slices.Sort(got)
					if !slices.Equal(got, want) {
						t.Fatalf("tag %x: %v, want %v in %x", tag, got, want, s.slots)
					}
				}
			},
		})
	})
}

// TestHashSpread: neighbouring addresses and ports fall evenly on shards, and
// different seeds place them differently.
func TestHashSpread(t *testing.T) {
	const n, shards = 1 << 16, 64
	a, b := newSecrets(1), newSecrets(2)
	var load [shards]int
	same := 0
	for i := range n {
		k := flow(i)
		x, y := a.hash(&k.Client, k.ClientPort, k.Proto), b.hash(&k.Client, k.ClientPort, k.Proto)
		load[x>>58]++
		if x>>58 == y>>58 {
			same++
		}
		if x == y {
			t.Fatal("the seed does not matter")
		}
	}
	const mean = n / shards // standard deviation 32
	for i, l := range load {
		if l < mean-6*32 || l > mean+6*32 {
			t.Errorf("shard %d has %d of %d", i, l, n)
		}
	}
	if same > n/shards+6*32 {
		t.Errorf("%d keys share the shard under two seeds", same)
	}
	if a.inbound == a.reply || a.client[0] == a.client[1] {
		t.Error("secrets repeat")
	}
}

// TestTagSpread: the virtual ends of one client end have different tags.
func TestTagSpread(t *testing.T) {
	s := newSecrets(3)
	k := flow(1)
	h := s.hash(&k.Client, k.ClientPort, k.Proto)
	seen := map[uint32]bool{}
	for host := range 16 {
		for port := range 4096 {
			v := poke(k.Virtual, 15, byte(host))
			seen[tag(h, &v, uint16(port), s.inbound)] = true
		}
	}
	// 2^16 values in 2^32: about half a collision expected.
	if len(seen) < 1<<16-8 {
		t.Errorf("%d tags for %d ends", len(seen), 1<<16)
	}
}
