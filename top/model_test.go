package top

import (
	"math"
	"net/netip"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ulvs/control/api"
	"ulvs/sched"
	"ulvs/service"
	"ulvs/wire"
)

// TestPromised: what each scheduler promises to servers of weights 3, 1, 0 and
// one of weight 2 over its upper threshold, with room or not.
func TestPromised(t *testing.T) {
	all := []api.ServerState{server("203.0.113.1", 3, 1), server("203.0.113.2", 1, 1), server("203.0.113.3", 0, 1), server("203.0.113.4", 2, 1)}
	all[3].Upper, all[3].Active, all[3].Inactive = 10, 4, 6
	for _, c := range []struct {
		schedulers string
		active     uint32 // of the first
		want       []float64
	}{
		{"wrr wlc sed nq lblc lblcr sh mh twos p2c random rdv", 0, []float64{.75, .25, 0, 0}},
		{"rr lc dh", 0, []float64{.5, .5, 0, 0}},
		{"fo", 9, []float64{1, 0, 0, 0}},
		{"ovf", 3, []float64{1, 0, 0, 0}},
		{"ovf", 4, []float64{0, 1, 0, 0}},
	} {
		for name := range strings.FieldsSeq(c.schedulers) {
			all[0].Active = c.active
			for i, got := range promised(name, all) {
				if got != c.want[i] {
					t.Errorf("%s promises server %d %v, want %v", name, i, got, c.want[i])
				}
			}
		}
	}
	if none := promised("wlc", all[2:]); !math.IsNaN(none[0]) || !math.IsNaN(none[1]) {
		t.Errorf("without a usable server %v is promised", none)
	}
}

// TestPromiseIsKept: what wrr and rr do over many picks is what is promised.
func TestPromiseIsKept(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom([]string{"rr", "wrr"}).Draw(t, "scheduler")
		weights := rapid.SliceOfN(rapid.IntRange(0, 5), 1, 6).Draw(t, "weights")
		s, err := sched.New(name, sched.Config{})
		if err != nil {
			t.Fatal(err)
		}
		var states []api.ServerState
		var list []*sched.Server
		sum := 0
		s.Init(nil)
		for i, w := range weights {
			states = append(states, api.ServerState{RealServer: service.RealServer{Weight: w}})
			list = append(list, sched.NewServer(wire.AddrFrom(netip.AddrFrom4([4]byte{203, 0, 113, byte(i)})), 80, int32(w)))
			s.Added(list, list[i])
			sum += w
		}
		if sum == 0 {
			return
		}
		rounds := 60 * sum // every number of servers up to 6 divides it
		got := map[*sched.Server]int{}
		for range rounds {
			got[s.Pick(&sched.Flow{})]++
		}
		for i, want := range promised(name, states) {
			if diff := math.Abs(float64(got[list[i]]) - want*float64(rounds)); diff > 1 {
				t.Fatalf("%s, weights %v: server %d got %d of %d, promised %v", name, weights, i, got[list[i]], rounds, want)
			}
		}
	})
}

// TestBetween: what cannot be a pair of looks, and which counters cannot be
// compared, gives no rate instead of a wrong one.
func TestBetween(t *testing.T) {
	one := func(at time.Duration, conns uint64) *Look {
		return lookAt(at, tcpService("198.51.100.1", 80, "rr", server("203.0.113.1", 1, conns)))
	}
	other := one(time.Second, 30)
	other.Info.PID++
	young := one(2*time.Second, 30)
	young.Info.Uptime = time.Second
	for _, c := range []struct {
		name        string
		before, now *Look
		want        float64 // connections/s of the server
	}{
		{"two looks", one(0, 10), one(2*time.Second, 30), 10},
		{"one look", nil, one(0, 10), math.NaN()},
		{"no time between", one(time.Second, 10), one(time.Second, 10), math.NaN()},
		{"another daemon", one(0, 10), other, math.NaN()},
		{"another daemon of the same number", one(0, 10), young, math.NaN()},
		{"counters were set to zero", one(0, 10), one(time.Second, 3), math.NaN()},
		{"a server is new", lookAt(0), one(2*time.Second, 30), 15},
	} {
		got := Between(c.before, c.now).Services[0].Servers[0].Conns
		if got != c.want && !(math.IsNaN(got) && math.IsNaN(c.want)) {
			t.Errorf("%s: %v connections/s, want %v", c.name, got, c.want)
		}
	}
}

// TestShares: the shares of a service's servers are one in sum, whatever they
// are, if there was a new connection at all.
func TestShares(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var was, is []api.ServerState
		for i, n := range rapid.SliceOfN(rapid.Uint64Range(0, 1e6), 1, 20).Draw(t, "new") {
			addr := netip.AddrFrom4([4]byte{203, 0, 113, byte(i)}).String()
			was, is = append(was, server(addr, 1, 5)), append(is, server(addr, 1, 5+n))
		}
		table := Between(lookAt(0, tcpService("198.51.100.1", 80, "rr", was...)), lookAt(time.Second, tcpService("198.51.100.1", 80, "rr", is...)))
		sum, due := 0.0, 0.0
		for _, r := range table.Services[0].Servers {
			sum, due = sum+r.Share, due+r.Promised
		}
		if table.Services[0].New == 0 != math.IsNaN(sum) || !math.IsNaN(sum) && math.Abs(sum-1) > 1e-9 || math.Abs(due-1) > 1e-9 {
			t.Fatalf("shares are %v, promises %v in sum", sum, due)
		}
	})
}

// TestTopReasons: what is dropped or lost does not hide behind what goes well.
func TestTopReasons(t *testing.T) {
	list := Reasons(api.Reasons{}, api.Reasons{"forwarded-dr": 900, "passed-arp": 80, "passed-icmp": 70, "dropped-no-route": 6, "port-ring-full": 5}, time.Second, false)
	var names []string
	for _, r := range topReasons(list, 2) {
		names = append(names, r.Name)
	}
	if got := strings.Join(names, " "); got != "forwarded-dr dropped-no-route" {
		t.Errorf("the top two are %s", got)
	}
	if all := topReasons(list, 9); len(all) != 5 || len(topReasons(list, 0)) != 0 {
		t.Errorf("%d of 5, and %d", len(all), len(topReasons(list, 0)))
	}
}

// TestText: numbers take five columns at most, and nothing reaches the terminal
// that could move its cursor.
func TestText(t *testing.T) {
	for v, want := range map[float64]string{0: "0", .01: "<0.1", 7.25: "7.2", 9.96: "10", 9999: "9999", 9999.6: "10.0k", 99949: "99.9k",
		99951: "100k", 1.5e6: "1.5M", 2e19: "20.0E", 1e30: "huge"} {
		if got := short(v); got != want {
			t.Errorf("%v reads %s, want %s", v, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		if s := short(rapid.Float64Range(0, math.MaxFloat64).Draw(t, "v")); len(s) > 5 {
			t.Fatalf("%q", s)
		}
		text, n := Clean(rapid.String().Draw(t, "text")), rapid.IntRange(0, 40).Draw(t, "n")
		if got := fit(text, n); len(got) != n || strings.ContainsFunc(got, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Fatalf("%q in %d columns is %q", text, n, got)
		}
		if got := cut(text, n); len(got) > n {
			t.Fatalf("%q cut to %d is %q", text, n, got)
		}
	})
	if got := grouped(1234567); got != "1,234,567" || grouped(12) != "12" {
		t.Error(got)
	}
}
