package sched_test

import (
	"reflect"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"ulvs/sched"
	"ulvs/wire"
)

// TestServerSize: a server fills exactly one cache line, since all workers
// write its counts.
func TestServerSize(t *testing.T) {
	if size := reflect.TypeFor[sched.Server]().Size(); size != 64 {
		t.Errorf("Server has %d bytes, want 64", size)
	}
}

// TestThresholds is the rule of ip_vs step by step: open or closed after n
// more (or fewer) connections.
func TestThresholds(t *testing.T) {
	type step struct {
		change     int
		overloaded bool
	}
	for _, c := range []struct {
		name         string
		upper, lower uint32
		steps        []step
	}{
		{"none", 0, 0, []step{{1000, false}, {-1000, false}}},
		{"closes at upper", 3, 0, []step{{2, false}, {1, true}, {5, true}}},
		{"opens below three quarters", 8, 0, []step{{8, true}, {-1, true}, {-1, true}, {-1, false}, {2, false}, {1, true}}},
		{"opens below lower", 4, 2, []step{{4, true}, {-1, true}, {-1, true}, {-1, false}}},
		{"lower equals upper", 4, 4, []step{{4, true}, {-1, false}, {1, true}}},
		{"one connection", 1, 0, []step{{1, true}, {-1, false}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := sched.NewServer(wire.Addr{}, 80, 1)
			s.SetThresholds(c.upper, c.lower)
			for i, step := range c.steps {
				bind(s, step.change)
				if s.Overloaded.Load() != step.overloaded || s.Usable() == step.overloaded {
					t.Fatalf("step %d: %d connections, overloaded %v", i, s.Total(), s.Overloaded.Load())
				}
			}
		})
	}
}

// bind makes n connections begin, or -n end.
func bind(s *sched.Server, n int) {
	for ; n > 0; n-- {
		s.Bind()
		s.Activate()
	}
	for ; n < 0; n++ {
		s.Unbind(true)
	}
}

func TestSetThresholds(t *testing.T) {
	for _, c := range []struct {
		name       string
		from, to   uint32
		overloaded bool
	}{
		{"raised opens at once", 5, 6, false},
		{"removed opens at once", 5, 0, false},
		{"same stays closed", 5, 5, true},
		{"lowered stays closed", 5, 2, true},
		{"lowered does not close yet", 9, 2, false},
		{"introduced does not close yet", 0, 2, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := sched.NewServer(wire.Addr{}, 80, 1)
			s.SetThresholds(c.from, 0)
			bind(s, 5)
			s.SetThresholds(c.to, 0)
			if s.Overloaded.Load() != c.overloaded {
				t.Errorf("overloaded %v, want %v", s.Overloaded.Load(), c.overloaded)
			}
			s.Bind()
			if want := c.to != 0 && 6 >= c.to; s.Overloaded.Load() != want {
				t.Errorf("after the next connection: overloaded %v, want %v", s.Overloaded.Load(), want)
			}
		})
	}
}

// TestTemplates: templates are counted apart, do not close a server by their
// number, but make it look at its threshold.
func TestTemplates(t *testing.T) {
	s := sched.NewServer(wire.Addr{}, 80, 1)
	s.SetThresholds(2, 0)
	for range 5 {
		s.BindTemplate()
	}
	if s.Overloaded.Load() || s.Total() != 0 || s.Persistent.Load() != 5 {
		t.Errorf("5 templates: overloaded %v, total %d, persistent %d", s.Overloaded.Load(), s.Total(), s.Persistent.Load())
	}
	bind(s, 2)
	s.UnbindTemplate()
	if !s.Overloaded.Load() || s.Persistent.Load() != 4 {
		t.Errorf("2 connections: overloaded %v, persistent %d", s.Overloaded.Load(), s.Persistent.Load())
	}
}

// TestThresholdsTogether lets connections begin and end on many workers at
// once. However they cross, an empty server must end up open.
func TestThresholdsTogether(t *testing.T) {
	for _, lower := range []uint32{0, 1, 3} {
		s := sched.NewServer(wire.Addr{}, 80, 1)
		s.SetThresholds(4, lower)
		for range 200 {
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() {
					for range 10 {
						s.Bind()
						s.Activate()
						s.Unbind(true)
					}
				})
			}
			wg.Wait()
			if !s.Usable() || s.Total() != 0 {
				t.Fatalf("lower %d: closed with %d connections", lower, s.Total())
			}
		}
	}
}

// TestThresholdsModel: whatever happens, a server is open below its lower mark
// and closed by the connection that reaches the upper one.
func TestThresholdsModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		upper := rapid.Uint32Range(1, 20).Draw(t, "upper")
		lower := rapid.Uint32Range(0, upper).Draw(t, "lower")
		s := sched.NewServer(wire.Addr{}, 80, 1)
		s.SetThresholds(upper, lower)
		closed, total := false, 0
		for _, up := range rapid.SliceOf(rapid.Bool()).Draw(t, "binds") {
			switch {
			case up:
				bind(s, 1)
				total++
				closed = closed || total >= int(upper)
			case total > 0:
				bind(s, -1)
				total--
				opens := total < int(lower)
				if lower == 0 {
					opens = 4*total < 3*int(upper)
				}
				closed = closed && !opens
			}
			if s.Overloaded.Load() != closed || s.Total() != total {
				t.Fatalf("%d connections: overloaded %v, want %v", s.Total(), s.Overloaded.Load(), closed)
			}
		}
	})
}

func TestServerAllocs(t *testing.T) {
	s := sched.NewServer(wire.Addr{}, 80, 1)
	s.SetThresholds(2, 1)
	n := testing.AllocsPerRun(1000, func() {
		s.Bind()
		s.Activate()
		s.Deactivate()
		s.Unbind(false)
		s.BindTemplate()
		s.UnbindTemplate()
	})
	if n != 0 {
		t.Errorf("counting a connection allocates %v times", n)
	}
}

func TestList(t *testing.T) {
	a, b, c := new(sched.Server), new(sched.Server), new(sched.Server)
	one := sched.Insert(nil, a)
	two := sched.Insert(one, b)
	three := sched.Insert(two, c)
	rest, at := sched.Remove(three, b)
	if at != 1 || len(rest) != 2 || rest[0] != c || rest[1] != a {
		t.Errorf("without the middle: %v at %d", rest, at)
	}
	if len(one) != 1 || len(two) != 2 || three[1] != b {
		t.Error("an older list has changed")
	}
	if same, at := sched.Remove(rest, b); at != -1 || len(same) != 2 {
		t.Errorf("remove what is not there: %v at %d", same, at)
	}
}
