package sched_test

import (
	"math"
	"testing"

	"ulvs/sched"
	"ulvs/wire"
)

// chance is the probability of each server of a list to be picked.
type chance map[*sched.Server]float64

// chances are the rules of the schedulers that choose at random, written as
// the sum over all draws.
var chances = map[string]func(usable []*sched.Server) chance{
	"random": func(u []*sched.Server) chance {
		c := chance{}
		for _, s := range u {
			c[s] = weightOf(s) / sumOf(u)
		}
		return c
	},
	"p2c": func(u []*sched.Server) chance {
		c := chance{}
		for _, a := range u {
			for _, b := range u {
				if a != b {
					c[less(a, b)] += weightOf(a) / sumOf(u) * weightOf(b) / (sumOf(u) - weightOf(a))
				}
			}
		}
		if len(u) == 1 {
			c[u[0]] = 1
		}
		return c
	},
	"twos": func(u []*sched.Server) chance {
		c := chance{}
		var drawn []*sched.Server // by r
		for i, s := range u {
			for range int(weightOf(s)) + max(0, 1-i) {
				drawn = append(drawn, s)
			}
		}
		for _, a := range drawn {
			for _, b := range drawn {
				c[less(a, b)] += 1 / float64(len(drawn)*len(drawn))
			}
		}
		return c
	},
}

func weightOf(s *sched.Server) float64 { return float64(s.Weight.Load()) }

func sumOf(list []*sched.Server) (sum float64) {
	for _, s := range list {
		sum += weightOf(s)
	}
	return sum
}

func less(a, b *sched.Server) *sched.Server {
	load := func(s *sched.Server) float64 {
		return (256*float64(s.Active.Load()) + float64(s.Inactive.Load())) / weightOf(s)
	}
	if load(b) < load(a) {
		return b
	}
	return a
}

// numbers returns f(0) to f(n-1).
func numbers(n int, f func(i int) int32) (out []int32) {
	for i := range n {
		out = append(out, f(i))
	}
	return out
}

// TestChances holds the schedulers that choose at random to the probability of
// each server. With a fixed seed there is nothing random about the outcome.
func TestChances(t *testing.T) {
	for _, c := range []struct {
		name                              string
		weights, active, inactive, closed []int32
	}{
		{"equal", []int32{1, 1, 1, 1}, nil, nil, nil},
		{"weights", []int32{1, 2, 3}, nil, nil, nil},
		{"weight 0", []int32{0, 5, 0, 3, 0}, nil, nil, nil},
		{"one heavy", []int32{1, 100, 1}, nil, nil, nil},
		{"loads", []int32{1, 2, 3}, []int32{1, 3, 3}, nil, nil},
		{"inactive", []int32{3, 3, 3}, nil, []int32{1, 0, 2}, nil},
		{"equal loads", []int32{1, 2, 3}, []int32{1, 2, 3}, nil, nil},
		{"one closed", []int32{1, 2, 3, 2}, []int32{5, 0, 1, 7}, nil, []int32{0, 1, 0, 0}},
		{"one open", []int32{1, 2, 3}, nil, nil, []int32{1, 0, 1}},
		{"little open", []int32{1, 2, 2000}, []int32{3, 0, 0}, nil, []int32{0, 0, 1}},
		{"fifty", numbers(50, func(i int) int32 { return int32(i) }), numbers(50, func(i int) int32 { return int32(i * i % 11) }), nil, nil},
	} {
		for name, rule := range chances {
			t.Run(c.name+"/"+name, func(t *testing.T) {
				// With little open p2c takes what it finds.
				if name == "p2c" && c.name == "little open" {
					rule = chances["random"]
				}
				list := servers(len(c.weights))
				for i, s := range list {
					s.SetWeight(c.weights[i])
					s.SetCounts(at(c.active, i), at(c.inactive, i))
					s.SetOverloaded(at(c.closed, i) == 1)
				}
				hold(t, maker(t, name)(), list, rule(usable(list)))
			})
		}
	}
}

func at(list []int32, i int) int32 {
	if list == nil {
		return 0
	}
	return list[i]
}

// hold fails if a server is picked more or less often than five standard
// deviations from what is due.
func hold(t *testing.T, s sched.Scheduler, list []*sched.Server, due chance) {
	t.Helper()
	const picks = 40000
	s.Init(list)
	got := map[*sched.Server]int{}
	for range picks {
		got[s.Pick(&sched.Flow{})]++
	}
	for i, srv := range append(list, nil) {
		p := due[srv]
		if off := math.Abs(float64(got[srv]) - picks*p); off > 5*math.Sqrt(picks*p*(1-p)) {
			t.Errorf("server %d: picked %d times of %d, due %.1f", i, got[srv], picks, picks*p)
		}
	}
}

// TestSeed: the same seed gives the same picks, Init begins again, another
// seed gives others.
func TestSeed(t *testing.T) {
	for _, name := range []string{"twos", "p2c", "random", "rdv"} {
		t.Run(name, func(t *testing.T) {
			if !sched.Seeded(name) {
				t.Error("not called seeded")
			}
			run := func(seed uint64) (out []uint32) {
				s, err := sched.New(name, sched.Config{Seed: seed})
				if err != nil {
					t.Fatal(err)
				}
				list := servers(5)
				for i := range list {
					list[i].ID = uint32(i)
				}
				s.Init(list)
				for i := range 100 {
					out = append(out, s.Pick(client(i)).ID)
				}
				s.Init(list)
				for i, id := range out {
					if got := s.Pick(client(i)).ID; got != id {
						t.Fatalf("seed %d, pick %d after Init: %d, before %d", seed, i, got, id)
					}
				}
				return out
			}
			a, b, other := run(7), run(7), run(8)
			same := 0
			for i := range a {
				if a[i] != b[i] {
					t.Fatalf("pick %d: %d and %d", i, a[i], b[i])
				}
				if a[i] == other[i] {
					same++
				}
			}
			if same > 60 {
				t.Errorf("another seed gives %d of 100 the same", same)
			}
		})
	}
	if sched.Seeded("wlc") || sched.Seeded("mh") {
		t.Error("wlc or mh is called seeded")
	}
}

// client returns the flow of the n-th of many clients.
func client(n int) *sched.Flow {
	return &sched.Flow{Client: wire.AddrFrom4([4]byte{203, byte(n >> 16), byte(n >> 8), byte(n)}), Proto: wire.ProtoTCP}
}

// TestEvenness is what docs/schedulers.md says of p2c: how far the fullest of
// 100 equal servers is above the mean of 100 open connections.
func TestEvenness(t *testing.T) {
	for _, c := range []struct {
		name        string
		least, most int
	}{{"wlc", 100, 100}, {"p2c", 101, 103}, {"twos", 101, 104}, {"random", 115, 140}} {
		list := servers(100)
		for _, s := range list {
			s.SetWeight(1)
		}
		s := maker(t, c.name)()
		s.Init(list)
		fullest := 0
		for range 100 * len(list) {
			srv := s.Pick(&sched.Flow{})
			srv.Bind()
			srv.Activate()
			fullest = max(fullest, srv.Total())
		}
		t.Logf("%s: %d", c.name, fullest)
		if fullest < c.least || fullest > c.most {
			t.Errorf("%s: the fullest server has %d connections, want %d to %d", c.name, fullest, c.least, c.most)
		}
	}
}
