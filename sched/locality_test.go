package sched_test

import (
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ulvs/sched"
	"ulvs/wire"
)

// slowLocality is lblc or lblcr as a map and plain walks; servers are known by
// their port, so that one that comes back is the one that was.
type slowLocality struct {
	set   bool // lblcr
	life  time.Duration
	known map[wire.Addr]*slowSet
	ticks int
}

type slowSet struct {
	ports         []uint16 // newest first
	used, changed time.Duration
}

func overloadedIn(s *sched.Server, list []*sched.Server) bool {
	return s.Active.Load() > s.Weight.Load() && slices.ContainsFunc(list, func(o *sched.Server) bool {
		return 2*o.Active.Load() < o.Weight.Load()
	})
}

// members returns the servers of a set that are in list.
func (e *slowSet) members(list []*sched.Server) (in []*sched.Server) {
	for _, port := range e.ports {
		if i := slices.IndexFunc(list, func(s *sched.Server) bool { return s.Port == port }); i >= 0 {
			in = append(in, list[i])
		}
	}
	return in
}

// pick picks in list; idle has the servers that were removed.
func (m *slowLocality) pick(list, idle []*sched.Server, f *sched.Flow) *sched.Server {
	e := m.known[f.Virtual]
	if e != nil {
		e.used = f.Now
		s := m.among(e.members(list))
		if len(e.ports) > 1 && f.Now-e.changed > m.life {
			m.shrink(e, e.members(slices.Concat(list, idle)), f.Now)
		}
		if s != nil && !overloadedIn(s, list) {
			return s
		}
	}
	s := sched.Walk("wlc", list)
	if s == nil || e != nil && m.set && slices.Contains(e.ports, s.Port) {
		return s
	}
	if e == nil || !m.set {
		e = &slowSet{used: f.Now}
		m.known[f.Virtual] = e
	}
	e.ports, e.changed = append([]uint16{s.Port}, e.ports...), f.Now
	return s
}

// among picks in a set; the one of lblc is taken even when it is closed.
func (m *slowLocality) among(in []*sched.Server) *sched.Server {
	if m.set {
		return sched.Walk("wlc", in)
	}
	if len(in) > 0 && in[0].Weight.Load() > 0 {
		return in[0]
	}
	return nil
}

func (m *slowLocality) shrink(e *slowSet, in []*sched.Server, now time.Duration) {
	var most *sched.Server
	ratio := func(s *sched.Server) float64 { return float64(overhead(s)) / float64(s.Weight.Load()) }
	for _, s := range in {
		if s.Weight.Load() > 0 && (most == nil || ratio(s) > ratio(most)) {
			most = s
		}
	}
	if most != nil {
		e.ports = slices.DeleteFunc(e.ports, func(p uint16) bool { return p == most.Port })
		e.changed = now
	}
}

// minute is one check of the upkeep.
func (m *slowLocality) minute(now time.Duration) {
	if m.ticks++; m.ticks%30 == 0 {
		for a, e := range m.known {
			if now-e.used >= m.life {
				delete(m.known, a)
			}
		}
	}
}

// place is a service with lblc or lblcr and its model.
type place struct {
	fast     sched.Scheduler
	slow     *slowLocality
	list     []*sched.Server
	idle     []*sched.Server
	now, due time.Duration
}

func newPlace(t interface{ Fatal(...any) }, name string, life time.Duration) *place {
	tunables := sched.NewTunables()
	tunables.LBLCExpiration.Store(int64(life))
	tunables.LBLCRExpiration.Store(int64(life))
	s, err := sched.New(name, sched.Config{Tunables: tunables})
	if err != nil {
		t.Fatal(err)
	}
	p := &place{fast: s, slow: &slowLocality{set: name == "lblcr", life: life, known: map[wire.Addr]*slowSet{}}}
	s.Init(nil)
	p.wait(0)
	return p
}

// wait lets time pass, as the director does: a call a second or so.
func (p *place) wait(d time.Duration) {
	if p.due == 0 {
		p.due = p.now + time.Minute
	}
	p.now += d
	for ; p.due <= p.now; p.due += time.Minute {
		p.slow.minute(p.due)
	}
	p.fast.(sched.Upkeep).Tick(p.now)
}

func (p *place) add(weight int32) {
	s := sched.NewServer(wire.Addr{}, uint16(len(p.list)), weight)
	if len(p.idle) > 0 { // comes back: the same one, or one of the same address
		if s, p.idle = p.idle[0], p.idle[1:]; s.Total() == 0 {
			s = sched.NewServer(s.Addr, s.Port, weight)
		}
		s.SetDeleted(false)
		s.SetWeight(weight)
	}
	p.list = sched.Insert(p.list, s)
	p.fast.Added(p.list, s)
}

func (p *place) remove(s *sched.Server) {
	list, at := sched.Remove(p.list, s)
	p.list = list
	p.fast.Removed(list, s, at)
	s.SetDeleted(true)
	p.idle = append(p.idle, s)
}

// TestLocalityModel compares lblc and lblcr with their slow model.
func TestLocalityModel(t *testing.T) {
	for _, name := range []string{"lblc", "lblcr"} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				p := newPlace(t, name, 10*time.Minute)
				server := func() *sched.Server {
					if len(p.list) == 0 {
						p.add(2)
					}
					return rapid.SampledFrom(p.list).Draw(t, "server")
				}
				weight := rapid.Int32Range(0, 3)
				waits := rapid.OneOf(rapid.SampledFrom([]time.Duration{10 * time.Minute, 20 * time.Minute}),
					rapid.Map(rapid.Int64Range(1, int64(29*time.Minute)), func(n int64) time.Duration { return time.Duration(n) }))
				t.Repeat(map[string]func(*rapid.T){
					"add": func(t *rapid.T) {
						if len(p.list) < 6 && len(p.list)+len(p.idle) < 20 {
							p.add(weight.Draw(t, "weight"))
						}
					},
					"remove":   func(*rapid.T) { p.remove(server()) },
					"edit":     func(t *rapid.T) { server().SetWeight(weight.Draw(t, "weight")) },
					"overload": func(*rapid.T) { s := server(); s.SetOverloaded(!s.Overloaded.Load()) },
					"counts": func(t *rapid.T) {
						server().SetCounts(rapid.Int32Range(0, 4).Draw(t, "active"), rapid.Int32Range(0, 300).Draw(t, "inactive"))
					},
					"wait": func(t *rapid.T) {
						p.wait(waits.Draw(t, "time"))
					},
					"pick": p.picks, "pick more": p.picks, "pick even more": p.picks,
				})
			})
		})
	}
}

func (p *place) picks(t *rapid.T) {
	for range rapid.IntRange(1, 8).Draw(t, "picks") {
		f := &sched.Flow{Virtual: destinationNumber(rapid.IntRange(1, 4).Draw(t, "destination")), Now: p.now}
		got, want := p.fast.Pick(f), p.slow.pick(p.list, p.idle, f)
		if got != want {
			t.Fatalf("picked %d, the model %d", slices.Index(p.list, got), slices.Index(p.list, want))
		}
		if got != nil {
			got.Bind()
			got.Activate()
		}
	}
}

// destinationNumber is one of 2^64 addresses.
func destinationNumber(n int) wire.Addr {
	a := [16]byte{0x20, 0x01, 0x0d, 0xb8}
	binary.BigEndian.PutUint64(a[8:], uint64(n))
	return wire.AddrFrom16(a)
}

// TestLocalitySize: what is remembered grows up to a bound; a check makes room
// when it is too much, of what was not used for six minutes; the sweep of all
// goes by the setting.
func TestLocalitySize(t *testing.T) {
	for _, name := range []string{"lblc", "lblcr"} {
		p := newPlace(t, name, 24*time.Hour)
		p.add(1)
		fill := func(from, n int) {
			for i := range n {
				p.fast.Pick(&sched.Flow{Virtual: destinationNumber(from + i), Now: p.now})
			}
		}
		check := func(what string, want int) {
			t.Helper()
			if got := sched.Remembered(p.fast); got != want {
				t.Fatalf("%s: %s: %d destinations, want %d", name, what, got, want)
			}
		}
		const limit = 16 * 1024
		fill(1, limit+300)
		p.wait(time.Minute)
		check("too many, all in use", limit+300)
		p.wait(4*time.Minute + 30*time.Second)
		fill(1, limit)
		p.wait(time.Minute)
		check("300 unused for six minutes", limit)
		p.wait(time.Hour)
		check("not too many", limit)
		fill(1, 5*limit)
		check("bounded", 4*limit)
		p.wait(6 * time.Minute)
		check("3 times too many unused, half at a time", 4*limit-limit/2)
		p.wait(time.Minute)
		check("again", 4*limit-limit)
		p.wait(24 * time.Hour)
		p.wait(time.Hour)
		check("a day later", 0)
		fill(1, 100)
		check("afresh", 100)
	}
}
