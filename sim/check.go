package sim

import (
	"fmt"
	"slices"
	"strings"

	"ulvs/sched"
)

// Bounds of what is simulated: more would not fit in memory.
const (
	maxServers    = 10000
	maxDirectors  = 100
	maxPopularity = 10_000_000
	maxClosed     = 10_000_000
	maxCaching    = 100_000_000 // servers with a cache, times destinations
)

// checker finds what no single field shows.
type checker struct {
	s   *Scenario
	err *Error // the first
}

// check returns what is wrong with a scenario as a whole.
func (s *Scenario) check() error {
	c := &checker{s: s}
	c.end()
	c.arrivals()
	c.servers()
	c.popularity()
	c.schedulers()
	for i := range s.Timeline {
		c.event(fmt.Sprintf("timeline[%d]", i+1), &s.Timeline[i])
	}
	if c.err != nil {
		return c.err
	}
	return nil
}

// wrong notes a problem, at the line of field or of what holds it.
func (c *checker) wrong(bad bool, field, format string, args ...any) {
	if !bad || c.err != nil {
		return
	}
	line, at := 0, field
	for line == 0 && at != "" {
		line = c.s.lines[at]
		at = at[:max(strings.LastIndexByte(at, '.'), 0)]
	}
	c.err = &Error{c.s.File, max(line, 1), field, fmt.Sprintf(format, args...)}
}

func (c *checker) end() {
	s := c.s
	ends := s.Connections > 0 || s.Duration > 0
	recorded := s.Arrivals.Kind == "trace" || s.Arrivals.Kind == "capture"
	c.wrong(!ends && !recorded, "connections", "is missing: a whole number above 0, or a duration")
	c.wrong(s.Duration > 0 && s.Warmup >= s.Duration, "warmup", "%gs is not below duration, %gs", s.Warmup, s.Duration)
}

func (c *checker) arrivals() {
	a := &c.s.Arrivals
	has := func(name string) bool { return c.s.lines["arrivals."+name] > 0 }
	needs := map[string][]string{"poisson": {"rate"}, "mmpp": {"states"}, "diurnal": {"rate", "period", "swing"},
		"closed": {"clients", "think"}, "trace": {"file"}, "capture": {"file"}}[a.Kind]
	for _, name := range []string{"rate", "states", "period", "swing", "clients", "think", "file"} {
		needed := slices.Contains(needs, name)
		c.wrong(needed && !has(name), "arrivals."+name, "is missing: %s needs %s", a.Kind, strings.Join(needs, ", "))
		c.wrong(!needed && has(name), "arrivals."+name, "not with %s, which takes %s", a.Kind, strings.Join(needs, ", "))
	}
	c.wrong(a.Clients > maxClosed, "arrivals.clients", "%d is not from 1 to %d", a.Clients, maxClosed)
	busy := a.Kind != "mmpp" || slices.ContainsFunc(a.States, func(s State) bool { return s.Rate > 0 })
	c.wrong(!busy, "arrivals.states", "no state has a rate above 0")
	c.wrong(a.Kind != "trace" && c.s.lines["service"] == 0, "service", "is missing: fields kind, mean, sigma, shape")
	c.dist("service", &c.s.Service)
	c.dist("arrivals.think", &a.Think)
}

func (c *checker) dist(field string, d *Dist) {
	has := func(name string) bool { return c.s.lines[field+"."+name] > 0 }
	c.wrong(d.Kind == "lognormal" && !has("sigma"), field+".sigma", "is missing: a number above 0")
	c.wrong(d.Kind != "lognormal" && has("sigma"), field+".sigma", "only with lognormal")
	c.wrong(d.Kind == "pareto" && d.Shape <= 1, field+".shape", "%g is not a number above 1: without it there is no mean", d.Shape)
	c.wrong(d.Kind != "pareto" && has("shape"), field+".shape", "only with pareto")
}

func (c *checker) servers() {
	var names []string
	for i, g := range c.s.Servers {
		field := fmt.Sprintf("servers[%d].name", i+1)
		c.wrong(slices.Contains(names, g.Name), field, "%q is there twice", g.Name)
		c.wrong(g.Name == "" || strings.ContainsAny(g.Name, "\n,"), field, "%q is not a name: no comma, no second line", g.Name)
		names = append(names, g.Name)
	}
	c.wrong(c.s.Total() > maxServers, "servers", "%d servers, not from 1 to %d", c.s.Total(), maxServers)
	c.wrong(c.s.Capacity() == 0, "servers", "all are absent at the beginning")
	d := &c.s.Directors
	c.wrong(d.Count > maxDirectors, "directors.count", "%d is not from 1 to %d", d.Count, maxDirectors)
	c.wrong(d.Counts == "stale" && d.Every == 0, "directors.every", "is missing: a time above 0 with its unit, such as 10ms")
	c.wrong(d.Counts != "stale" && d.Every != 0, "directors.every", "only with counts: stale")
}

func (c *checker) popularity() {
	for field, p := range map[string]Popularity{"clients": c.s.Clients, "destinations": c.s.Destinations} {
		c.wrong(p.Count > maxPopularity, field+".count", "%d is not from 1 to %d", p.Count, maxPopularity)
	}
	caches := 0
	for _, g := range c.s.Servers {
		if g.Cache > 0 {
			caches += g.Count
		}
	}
	c.wrong(caches*max(c.s.Destinations.Count, c.s.Clients.Count) > maxCaching, "servers",
		"%d caches times %d clients or destinations is over %d", caches, max(c.s.Destinations.Count, c.s.Clients.Count), maxCaching)
}

func (c *checker) schedulers() {
	for i, name := range c.s.Schedulers {
		c.wrong(!slices.Contains(sched.Names(), name), fmt.Sprintf("schedulers[%d]", i+1), "%q is not one of %s", name, strings.Join(sched.Names(), ", "))
	}
}

func (c *checker) event(field string, e *Event) {
	var known []string
	for _, g := range c.s.Servers {
		known = append(known, g.Name)
	}
	c.wrong(len(c.s.find(e.Server)) == 0, field+".server", "%q is no server; there are the groups %s, and their servers NAME-1, NAME-2, ...", e.Server, strings.Join(known, ", "))
	for name, only := range map[string]string{"speed": "slow", "weight": "weight", "how": "fail", "detect": "fail"} {
		there := c.s.lines[field+"."+name] > 0
		c.wrong(there && e.Do != only, field+"."+name, "only with do: %s", only)
	}
	c.wrong(e.Do == "weight" && c.s.lines[field+".weight"] == 0, field+".weight", "is missing: a whole number from 0 to 65535")
	c.wrong(e.Do == "slow" && c.s.lines[field+".speed"] == 0, field+".speed", "is missing: a number above 0, the part of its speed that is left")
}

// serverName is the name of server number i, from 0, of a group.
func (g *Group) serverName(i int) string {
	if g.Count == 1 {
		return g.Name
	}
	return fmt.Sprintf("%s-%d", g.Name, i+1)
}

// find returns the numbers of the servers that name means.
func (s *Scenario) find(name string) (at []int) {
	n := 0
	for _, g := range s.Servers {
		for i := range g.Count {
			if g.Name == name || g.serverName(i) == name {
				at = append(at, n)
			}
			n++
		}
	}
	return at
}
