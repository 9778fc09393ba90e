package sim

import (
	"context"
	"fmt"
	"math"
	"sync"
	"testing"
)

// poisson is a scenario without anything special: connections at rho times the
// capacity of n servers of one slot, which serve an exponential time of 10 ms.
func poisson(n, connections int, rho float64) *Scenario {
	s := &Scenario{Name: "test", Connections: connections}
	s.setDefaults()
	s.Arrivals = Arrivals{Kind: "poisson", Rate: rho * float64(n) / 0.01}
	s.Service = Dist{Kind: "exponential", Mean: 0.01}
	g := Group{}
	g.setDefaults()
	g.Name, g.Count = "s", n
	s.Servers, s.Inactive = []Group{g}, 0
	return s
}

func simulate(t testing.TB, s *Scenario, scheduler string, seed uint64) *Result {
	t.Helper()
	r, err := Simulate(context.Background(), s, scheduler, seed)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// near reports an error if got is further from want than by the part within.
func near(t testing.TB, what string, got, want, within float64) {
	t.Helper()
	if math.Abs(got-want) > within*math.Abs(want) || math.IsNaN(got) {
		t.Errorf("%s: %g, want %g within %g %%", what, got, want, 100*within)
	}
}

// TestMM1: one server, Poisson arrivals, exponential work: the mean response
// time is 1/(mu-lambda), the number in the system by Little's law lambda times
// that, and response times are exponential, first come first served. Processor
// sharing has the same mean.
func TestMM1(t *testing.T) {
	for _, discipline := range []string{"fcfs", "ps"} {
		for _, rho := range []float64{0.3, 0.5, 0.7, 0.8} {
			t.Run(fmt.Sprintf("%s/%g", discipline, rho), func(t *testing.T) {
				s := poisson(1, int(1_000_000/(1-rho)/(1-rho)/8)+500_000, rho)
				s.Servers[0].Discipline, s.Warmup = discipline, 10
				r := simulate(t, s, "rr", 1)
				want := 1 / (100 - 100*rho)
				near(t, "mean response time", r.Response.Mean, want, 0.01)
				near(t, "number in system", r.Servers[0].InSystem, rho/(1-rho), 0.015)
				near(t, "use", r.Servers[0].Use, rho, 0.01)
				if discipline == "fcfs" {
					near(t, "median", r.Response.P50, want*math.Ln2, 0.015)
					near(t, "p99", r.Response.P99, want*math.Log(100), 0.02)
				}
			})
		}
	}
}

// TestMMc: several slots at one queue, by Erlang's C formula.
func TestMMc(t *testing.T) {
	const c, rho = 4, 0.8
	s := poisson(1, 2_000_000, rho)
	s.Servers[0].Slots, s.Arrivals.Rate, s.Warmup = c, rho*c/0.01, 10
	r := simulate(t, s, "rr", 2)
	a, sum, term := rho*c, 0.0, 1.0
	for k := range c {
		sum += term
		term *= a / float64(k+1)
	}
	wait := term / (1 - rho) / (sum + term/(1-rho)) // probability
	near(t, "mean response time", r.Response.Mean, 0.01+wait*0.01/(c-a), 0.01)
}

// TestMG1: the waiting time grows with the variance of the work, by Pollaczek
// and Khinchine: W = lambda*E[S^2] / (2*(1-rho)).
func TestMG1(t *testing.T) {
	const rho, mean = 0.7, 0.01
	for _, x := range []struct {
		dist   Dist
		second float64 // E[S^2] / mean^2
	}{
		{Dist{Kind: "deterministic", Mean: mean}, 1},
		{Dist{Kind: "lognormal", Mean: mean, Sigma: 0.5}, math.Exp(0.25)},
		{Dist{Kind: "pareto", Mean: mean, Shape: 4}, 9.0 / 8},
	} {
		s := poisson(1, 2_000_000, rho)
		s.Service, s.Warmup = x.dist, 10
		r := simulate(t, s, "rr", 3)
		near(t, x.dist.Kind, r.Response.Mean, mean+rho/mean*mean*mean*x.second/(2*(1-rho)), 0.01)
	}
}

// crowd is the use of the supermarket's servers.
const crowd = 0.9

// twoChoices is 500 servers whose scheduler compares two, simulated once.
func twoChoices(t testing.TB) *Result {
	t.Helper()
	r, err := supermarket()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

var supermarket = sync.OnceValues(func() (*Result, error) {
	s := poisson(500, 6_000_000, crowd)
	s.Warmup = 2
	return Simulate(context.Background(), s, "p2c", 4)
})

// TestSupermarket: where each connection goes to the shorter of two random
// queues, the share of servers with k or more is rho^(2^k-1) (Mitzenmacher,
// 1996; Vvedenskaya, Dobrushin and Karpelevich, 1996), for very many servers.
func TestSupermarket(t *testing.T) {
	r := twoChoices(t)
	for k := 1; k <= 4; k++ {
		near(t, fmt.Sprintf("share with %d or more", k), r.Tail[k], math.Pow(crowd, math.Pow(2, float64(k))-1), 0.02)
	}
}

// TestRoundRobin: every server gets exactly its turn.
func TestRoundRobin(t *testing.T) {
	s := poisson(7, 70_003, 0.5)
	r := simulate(t, s, "rr", 5)
	for i := range r.Servers {
		want := 10_000.0
		if i >= 4 { // newest first: the last of the list begin
			want++
		}
		if r.Servers[i].Picks != want {
			t.Errorf("server %d was picked %g times, want %g", i+1, r.Servers[i].Picks, want)
		}
	}
	if r.Answered != 70_003 || r.Connections != 70_003 || r.Failed != 0 || r.Unserved != 0 {
		t.Errorf("%d of %d answered, %d failed, %d unserved", r.Answered, r.Connections, r.Failed, r.Unserved)
	}
}

// TestWeights: wrr keeps the weights to the connection.
func TestWeights(t *testing.T) {
	s := poisson(3, 60_000, 0.1)
	g := s.Servers[0]
	s.Servers = nil
	for i := range 3 {
		g.Name, g.Count, g.Weight = fmt.Sprint("s", i), 1, i+1
		s.Servers = append(s.Servers, g)
	}
	r := simulate(t, s, "wrr", 6)
	for i := range r.Servers {
		if want := 10_000 * float64(i+1); r.Servers[i].Picks != want {
			t.Errorf("weight %d: picked %g times, want %g", i+1, r.Servers[i].Picks, want)
		}
	}
}
