package sched_test

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"ulvs/sched"
	"ulvs/sched/schedtest"
)

// maker returns a function that makes the named scheduler.
func maker(t interface{ Fatal(...any) }, name string) func() sched.Scheduler {
	return func() sched.Scheduler {
		s, err := sched.New(name, sched.Config{})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
}

func TestSuite(t *testing.T) {
	for _, name := range sched.Names() {
		t.Run(name, func(t *testing.T) { schedtest.Run(t, maker(t, name)) })
	}
}

func TestNew(t *testing.T) {
	if want := strings.Fields("rr wrr lc wlc sed nq lblc lblcr dh sh mh fo ovf twos p2c random rdv"); !slices.Equal(sched.Names(), want) {
		t.Errorf("names %v, want %v", sched.Names(), want)
	}
	for _, name := range sched.Names() {
		if got := maker(t, name)().Name(); got != name {
			t.Errorf("New(%q) is called %q", name, got)
		}
	}
	if _, err := sched.New("wlc", sched.Config{Flags: []string{"flag-1", "flag-3"}}); err != nil {
		t.Errorf("numbered flags, which ip_vs takes: %v", err)
	}
	for _, c := range []struct {
		name  string
		flags []string
		want  error
		text  string
	}{
		{"", nil, sched.ErrUnknown, "rr, wrr, lc, wlc"},
		{"nosuch", nil, sched.ErrUnknown, `"nosuch"`},
		{"RR", nil, sched.ErrUnknown, `"RR"`},
		{"wlc", []string{"sh-port"}, sched.ErrFlag, `"sh-port"`},
		{"sh", []string{"sh-fallback", "mh-port"}, sched.ErrFlag, `"mh-port"`},
		{"mh", []string{"flag-4"}, sched.ErrFlag, `"flag-4"`},
	} {
		_, err := sched.New(c.name, sched.Config{Flags: c.flags})
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("New(%q, %q): %v, want %v with %s", c.name, c.flags, err, c.want, c.text)
		}
	}
}

// TestOracle holds the schedulers to every recorded pick of a real kernel. The
// number of picks is checked so that a file that lost its contents shows.
func TestOracle(t *testing.T) {
	recordings := os.DirFS("../testdata/oracle")
	for names, want := range map[string]int{
		"a-rr/*": 413, "a-wrr/*": 1076, "a-lc/*": 413, "a-wlc/*": 413, "a-misc/thresh-*": 43,
		"a-dh/*": 658, "a-sh/*": 1891, "a-mh/*": 2691, "a-fo/*": 408, "a-ovf/*": 412,
		"a-sed/*": 413, "a-nq/*": 413, "a-lblc/*": 795, "a-lblcr/*": 876, "a-misc/lblc*-expiry-*": 33,
	} {
		t.Run(names, func(t *testing.T) {
			if got := schedtest.Replay(t, recordings, names); got != want {
				t.Errorf("compared %d picks, want %d", got, want)
			}
		})
	}
}

func TestShares(t *testing.T) {
	for _, c := range []struct {
		name    string
		weights []int32
		want    []int
	}{
		{"rr", []int32{1, 2, 3}, []int{100, 100, 100}},
		{"rr", []int32{1, 0, 3, 1}, []int{50, 0, 50, 50}},
		{"lc", []int32{1, 2, 3}, []int{100, 100, 100}},
		{"wlc", []int32{1, 2, 3}, []int{50, 100, 150}},
		{"wlc", []int32{10, 0, 30}, []int{25, 0, 75}},
		{"sed", []int32{1, 2, 3}, []int{50, 100, 150}},
		{"nq", []int32{10, 0, 30}, []int{25, 0, 75}},
		// The first round takes each server once, and 300 picks later it is even.
		{"wrr", []int32{1, 2, 3}, []int{50, 100, 150}},
		{"wrr", []int32{5, 1, 1, 1}, []int{100, 20, 20, 20}},
		{"fo", []int32{1, 3, 2}, []int{0, 60, 0}},
		{"ovf", []int32{10, 0, 30}, []int{11, 0, 31}},
		{"ovf", []int32{10, 20, 30}, []int{0, 9, 31}},
	} {
		t.Run(c.name, func(t *testing.T) { schedtest.Shares(t, maker(t, c.name), c.weights, c.want) })
	}
}

// TestRounds: of 16 goroutines that pick at once, rr and wrr keep each round
// exact. The first pass of wrr takes each usable server once.
func TestRounds(t *testing.T) {
	for _, c := range []struct {
		name    string
		weights []int32
		skip    int
		round   []int
	}{
		{"rr", []int32{1, 2, 3}, 0, []int{1, 1, 1}},
		{"rr", []int32{1, 0, 3, 1}, 0, []int{1, 0, 1, 1}},
		{"wrr", []int32{1, 2, 3}, 3, []int{1, 2, 3}},
		{"wrr", []int32{4, 0, 8, 2, 2}, 4, []int{2, 0, 4, 1, 1}},
		{"lc", []int32{1, 2, 3}, 0, []int{1, 1, 1}},
		{"wlc", []int32{1, 2, 3}, 0, []int{1, 2, 3}},
		{"sed", []int32{1, 2, 3}, 0, []int{1, 2, 3}},
	} {
		t.Run(c.name, func(t *testing.T) { schedtest.Rounds(t, maker(t, c.name), c.weights, c.skip, c.round) })
	}
}
