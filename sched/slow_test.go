package sched_test

import (
	"math/big"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"ulvs/sched"
	"ulvs/wire"
)

// slow is a scheduler written to be obviously right: it searches where the
// real one computes, and points at servers where the real one counts indexes.
type slow interface {
	init(list []*sched.Server)
	changed(before, list []*sched.Server, removed *sched.Server)
	pick(list []*sched.Server) *sched.Server
}

func usable(list []*sched.Server) (out []*sched.Server) {
	for _, s := range list {
		if s.Usable() {
			out = append(out, s)
		}
	}
	return out
}

// slowRR remembers the last server itself.
type slowRR struct{ last *sched.Server }

func (m *slowRR) init([]*sched.Server) { m.last = nil }

func (m *slowRR) changed(before, _ []*sched.Server, removed *sched.Server) {
	if removed == nil || removed != m.last {
		return
	}
	m.last = nil
	if i := slices.Index(before, removed); i > 0 {
		m.last = before[i-1]
	}
}

func (m *slowRR) pick(list []*sched.Server) *sched.Server {
	i := slices.Index(list, m.last) + 1
	u := usable(slices.Concat(list[i:], list[:i]))
	if len(u) == 0 {
		return nil
	}
	m.last = u[0]
	return u[0]
}

// slowWRR visits (server, level) pairs one after the other and leaves out none.
type slowWRR struct {
	at               int
	level, top, step int64
}

func (m *slowWRR) init(list []*sched.Server) {
	m.level = 0
	m.changed(nil, list, nil)
	m.level = m.top
}

func (m *slowWRR) changed(_, list []*sched.Server, _ *sched.Server) {
	weights := []int64{0}
	step := new(big.Int)
	for _, s := range list {
		weights = append(weights, int64(s.Weight.Load()))
		step.GCD(nil, nil, step, big.NewInt(int64(s.Weight.Load())))
	}
	m.at, m.step = -1, max(step.Int64(), 1)
	m.top = slices.Max(weights) - (m.step - 1)
	if m.level > m.top {
		m.level = m.top
	} else if m.step > 1 {
		m.level = m.level - m.level%m.step + 1
	}
}

func (m *slowWRR) pick(list []*sched.Server) *sched.Server {
	if m.top == 0 {
		return nil
	}
	refused, laps := map[int]bool{}, 0
	for at := m.at; ; {
		if at++; at >= len(list) {
			at = 0
			if m.level -= m.step; m.level <= 0 {
				m.level = m.top
				laps++
			}
			if len(refused) == len(list) {
				return nil
			}
		}
		if s := list[at]; s.Usable() && int64(s.Weight.Load()) >= m.level {
			m.at = at
			return s
		}
		if m.level <= m.step {
			if refused[at] = true; len(refused) == len(list) && laps > 0 {
				return nil
			}
		}
	}
}

// slowLeast sorts by an exact fraction.
type slowLeast struct {
	load     func(*sched.Server) int64
	weighted bool
}

func overhead(s *sched.Server) int64 {
	return 256*int64(s.Active.Load()) + int64(s.Inactive.Load())
}

func delay(s *sched.Server) int64 { return int64(s.Active.Load()) + 1 }

func noQueue(s *sched.Server) int64 {
	if s.Active.Load() == 0 {
		return 0
	}
	return delay(s)
}

func (m *slowLeast) init([]*sched.Server)                          {}
func (m *slowLeast) changed(_, _ []*sched.Server, _ *sched.Server) {}

func (m *slowLeast) pick(list []*sched.Server) *sched.Server {
	load := func(s *sched.Server) *big.Rat {
		weight := int64(1)
		if m.weighted {
			weight = int64(s.Weight.Load())
		}
		return big.NewRat(m.load(s), weight)
	}
	u := usable(list)
	slices.SortStableFunc(u, func(a, b *sched.Server) int { return load(a).Cmp(load(b)) })
	if len(u) == 0 {
		return nil
	}
	return u[0]
}

func slowOf(name string) slow {
	return map[string]slow{
		"rr": &slowRR{}, "wrr": &slowWRR{}, "lc": &slowLeast{overhead, false}, "wlc": &slowLeast{overhead, true},
		"sed": &slowLeast{delay, true}, "nq": &slowLeast{noQueue, true},
		"dh": &slowDH{}, "sh": &slowSH{}, "mh": &slowMH{}, "fo": &slowByWeight{}, "ovf": &slowByWeight{limited: true},
		"rdv": &slowRDV{},
	}[name]
}

// modelled are the schedulers with a slow model here.
func modelled() (names []string) {
	for _, name := range sched.Names() {
		if slowOf(name) != nil {
			names = append(names, name)
		}
	}
	return names
}

// machine gives one history to a scheduler and its slow model.
type machine struct {
	fast   sched.Scheduler
	slow   slow
	list   []*sched.Server
	weight *rapid.Generator[int32]
	ids    uint32
}

// any returns a server of the list, a new one if it is empty.
func (m *machine) any(t *rapid.T) *sched.Server {
	if len(m.list) == 0 {
		m.add(t)
	}
	return rapid.SampledFrom(m.list).Draw(t, "server")
}

func (m *machine) add(t *rapid.T) {
	m.ids++
	s := sched.NewServer(wire.AddrFrom4([4]byte{203, 0, 113, byte(m.ids)}), 80, m.weight.Draw(t, "weight"))
	s.ID = m.ids
	before := m.list
	m.list = sched.Insert(m.list, s)
	m.fast.Added(m.list, s)
	m.slow.changed(before, m.list, nil)
}

func (m *machine) remove(t *rapid.T) {
	s, before := m.any(t), m.list
	list, at := sched.Remove(before, s)
	m.list = list
	m.fast.Removed(list, s, at)
	m.slow.changed(before, list, s)
}

func (m *machine) edit(t *rapid.T) {
	s := m.any(t)
	s.SetWeight(m.weight.Draw(t, "weight"))
	m.fast.Edited(m.list, s)
	m.slow.changed(m.list, m.list, nil)
}

func (m *machine) overload(t *rapid.T) {
	s := m.any(t)
	s.SetOverloaded(!s.Overloaded.Load())
}

// overloadAll closes or opens every server, so that picks fail and the place
// where a failed search stops shows in the next picks.
func (m *machine) overloadAll(t *rapid.T) {
	to := rapid.Bool().Draw(t, "to")
	for _, s := range m.list {
		s.SetOverloaded(to)
	}
}

func (m *machine) counts(t *rapid.T) {
	s := m.any(t)
	s.SetCounts(rapid.Int32Range(0, 3).Draw(t, "active"), rapid.Int32Range(0, 1000).Draw(t, "inactive"))
}

func (m *machine) restart(*rapid.T) {
	m.fast.Init(m.list)
	m.slow.init(m.list)
}

func (m *machine) picks(t *rapid.T) {
	for range rapid.IntRange(1, 20).Draw(t, "picks") {
		f := anyFlow(t)
		got, want := m.fast.Pick(f), pickSlow(m.slow, m.list, f)
		if got != want {
			t.Fatalf("picked %v, want %v", id(got), id(want))
		}
		if got != nil {
			got.Bind()
			got.Activate()
		}
	}
}

func id(s *sched.Server) uint32 {
	if s == nil {
		return 0
	}
	return s.ID
}

// TestSlowModels compares each scheduler with its slow model over random
// histories; weights are drawn so that common divisors, zeros and large gaps
// are frequent.
func TestSlowModels(t *testing.T) {
	weight := rapid.OneOf(
		rapid.Int32Range(0, 6),
		rapid.SampledFrom([]int32{0, 10, 15, 20, 300}),
	)
	for _, name := range modelled() {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				compare(t, &machine{fast: maker(t, name)(), slow: slowOf(name), weight: weight})
			})
		})
	}
}

// compare lets m live through a random history.
func compare(t *rapid.T, m *machine) {
	m.restart(t)
	t.Repeat(map[string]func(*rapid.T){
		"add": m.add, "remove": m.remove, "edit": m.edit, "overload": m.overload,
		"overload all": m.overloadAll, "counts": m.counts, "restart": m.restart, "pick": m.picks,
	})
}

// TestFailedSearch compares who is next after searches that found nothing, from
// any place of the walk.
func TestFailedSearch(t *testing.T) {
	for _, name := range modelled() {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				m := &machine{fast: maker(t, name)(), slow: slowOf(name), weight: rapid.Int32Range(0, 6)}
				for range rapid.IntRange(1, 5).Draw(t, "servers") {
					m.add(t)
				}
				m.restart(t)
				for range 4 {
					m.picks(t)
					for _, s := range m.list {
						s.SetOverloaded(true)
					}
					m.picks(t)
					for _, s := range m.list {
						s.SetOverloaded(rapid.Bool().Draw(t, "still overloaded"))
					}
				}
			})
		})
	}
}

// TestWRRCycle: in a whole round each server is taken weight/gcd times.
func TestWRRCycle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		weights := append(rapid.SliceOfN(rapid.Int32Range(0, 40), 0, 12).Draw(t, "weights"),
			rapid.Int32Range(1, 40).Draw(t, "last weight"))
		var list []*sched.Server
		step, sum := int32(0), int32(0)
		for _, w := range weights {
			list = append(list, sched.NewServer(wire.Addr{}, 80, w))
			step = int32(new(big.Int).GCD(nil, nil, big.NewInt(int64(step)), big.NewInt(int64(w))).Int64())
			sum += w
		}
		s := maker(t, "wrr")()
		s.Init(list)
		for range sum / step {
			s.Pick(nil).Bind()
		}
		for i, srv := range list {
			if int32(srv.Total()) != weights[i]/step {
				t.Fatalf("weights %v: server %d was taken %d times", weights, i, srv.Total())
			}
		}
	})
}
