package sim

import "ulvs/sched"

// Scenario is one workload, as its file says it. docs/simulator.md explains the
// fields; their tags are what decode.go checks: yaml the name, is the rule,
// "needed" that it must be there.
type Scenario struct {
	Name string `yaml:"-" json:"name"` // the file's name without folder and ending
	File string `yaml:"-" json:"-"`

	Title    string `yaml:"title,needed" json:"title"`
	Question string `yaml:"question,needed" json:"question"`
	Seen     string `yaml:"seen" json:"seen,omitempty"` // what a run shows

	// The simulation ends with the last of Connections arrivals, or after Duration;
	// what happens before Warmup is not measured.
	Connections int     `yaml:"connections" is:"whole" json:"connections,omitempty"`
	Duration    Seconds `yaml:"duration" is:"positive" json:"duration,omitempty"`
	Warmup      Seconds `yaml:"warmup" is:"notnegative" json:"warmup,omitempty"`
	// Inactive is how long a connection stays in the table after its FIN. ip_vs
	// keeps it two minutes (kernel ip_vs_proto_tcp.c, tcp_timeouts: FIN_WAIT and
	// TIME_WAIT), which is the default.
	Inactive Seconds `yaml:"inactive" is:"notnegative" json:"inactive"`
	// Timeout is when a client gives up a server that does not answer: a minute,
	// as long as ip_vs waits in SYN_RECV.
	Timeout Seconds `yaml:"timeout" is:"positive" json:"timeout"`
	// Window is how long after a server has joined the rush to it is measured.
	Window Seconds `yaml:"window" is:"positive" json:"window"`

	Arrivals     Arrivals   `yaml:"arrivals,needed" json:"arrivals"`
	Service      Dist       `yaml:"service" json:"service,omitzero"`
	Servers      []Group    `yaml:"servers,needed" json:"servers"`
	Clients      Popularity `yaml:"clients" json:"clients,omitzero"`
	Destinations Popularity `yaml:"destinations" json:"destinations,omitzero"`
	// CacheHit is the part of its work that a request needs whose destination (or
	// client) the server has in its cache.
	CacheHit   float64   `yaml:"cache_hit" is:"fraction" json:"cacheHit,omitempty"`
	Directors  Directors `yaml:"directors" json:"directors"`
	Timeline   []Event   `yaml:"timeline" json:"timeline,omitempty"`
	Schedulers []string  `yaml:"schedulers" json:"schedulers,omitempty"` // those compared unless others are asked for
	Flags      []string  `yaml:"flags" json:"flags,omitempty"`           // as ipvsadm --sched-flags, for those that know them

	trace []arrival // of Arrivals.File
	lines lines     // for errors
}

// Seconds is a time in seconds; in a file it has a unit, 10ms.
type Seconds float64

// Arrivals say when connections begin.
type Arrivals struct {
	Kind string  `yaml:"kind,needed" is:"poisson|mmpp|diurnal|closed|trace|capture" json:"kind"`
	Rate float64 `yaml:"rate" is:"positive" json:"rate,omitempty"` // per second; of diurnal the mean

	States []State `yaml:"states" json:"states,omitempty"` // mmpp: one after the other, in a ring

	Period Seconds `yaml:"period" is:"positive" json:"period,omitempty"` // diurnal: rate*(1+swing*sin(2 pi t/period))
	Swing  float64 `yaml:"swing" is:"fraction" json:"swing,omitempty"`

	Clients int  `yaml:"clients" is:"whole" json:"clients,omitempty"` // closed: each waits for its answer, thinks, asks again
	Think   Dist `yaml:"think" json:"think,omitzero"`

	File string `yaml:"file" json:"file,omitempty"` // trace: CSV; capture: pcap or pcapng
}

// State is one state of an MMPP (Markov-modulated Poisson process): arrivals at
// Rate, for a time that is exponential with mean Stay.
type State struct {
	Rate float64 `yaml:"rate,needed" is:"notnegative" json:"rate"`
	Stay Seconds `yaml:"stay,needed" is:"positive" json:"stay"`
}

// Dist is a distribution of times: of the work of a request, at a server of
// speed 1, or of a client's thinking.
type Dist struct {
	Kind  string  `yaml:"kind,needed" is:"exponential|lognormal|pareto|deterministic" json:"kind"`
	Mean  Seconds `yaml:"mean,needed" is:"positive" json:"mean"`
	Sigma float64 `yaml:"sigma" is:"positive" json:"sigma,omitempty"` // lognormal: of the logarithm
	Shape float64 `yaml:"shape" is:"positive" json:"shape,omitempty"` // pareto: above 1, or there is no mean
}

// Group is Count equal servers: Name, or Name-1, Name-2 and so on.
type Group struct {
	Name   string  `yaml:"name,needed" json:"name"`
	Count  int     `yaml:"count" is:"whole" json:"count"`
	Weight int     `yaml:"weight" is:"weight" json:"weight"`
	Speed  float64 `yaml:"speed" is:"positive" json:"speed"` // work done per second and slot
	Slots  int     `yaml:"slots" is:"whole" json:"slots"`    // requests served at once; ps: processors
	// Discipline is fcfs, first come first served by Slots workers, or ps, all at
	// once sharing Slots processors.
	Discipline string `yaml:"discipline" is:"fcfs|ps" json:"discipline"`
	Queue      int    `yaml:"queue" is:"whole" json:"queue,omitempty"` // requests that may wait, the next is refused; 0 any number
	Cache      int    `yaml:"cache" is:"whole" json:"cache,omitempty"` // destinations, or clients if there are none, that fit in its LRU cache
	Absent     bool   `yaml:"absent" json:"absent,omitempty"`          // not in the service until it joins
}

// Popularity is how often each of Count clients or destinations is seen: number
// i in proportion to 1/i^Zipf. Zipf 0 is all alike.
type Popularity struct {
	Count int     `yaml:"count,needed" is:"whole" json:"count"`
	Zipf  float64 `yaml:"zipf" is:"notnegative" json:"zipf"`
}

// Directors are several balancers in front of the same servers; each flow goes
// to one at random, as ECMP sends it.
type Directors struct {
	Count int `yaml:"count" is:"whole" json:"count"`
	// Counts is what a director knows of connections: shared, all at once;
	// separate, its own; stale, all as they were at the last multiple of Every.
	Counts string  `yaml:"counts" is:"shared|separate|stale" json:"counts"`
	Every  Seconds `yaml:"every" is:"positive" json:"every,omitempty"`
}

// Event is something that happens to a server.
type Event struct {
	At     Seconds `yaml:"at,needed" is:"notnegative" json:"at"`
	Server string  `yaml:"server,needed" json:"server"` // a server, or a group: all of it
	// Do is one of: slow (to Speed, 1 for as before), weight (to Weight), leave
	// and join the service, fail (new and open connections get no answer, or are
	// refused, as How says; Detect later it leaves the service), recover (works
	// again, and joins if it has left).
	Do     string  `yaml:"do,needed" is:"slow|weight|leave|join|fail|recover" json:"do"`
	Speed  float64 `yaml:"speed" is:"positive" json:"speed,omitempty"` // of what it had
	Weight int     `yaml:"weight" is:"weight" json:"weight,omitempty"`
	How    string  `yaml:"how" is:"hang|refuse" json:"how,omitempty"`
	Detect Seconds `yaml:"detect" is:"notnegative" json:"detect,omitempty"`
}

// setDefaults fills in what a file may leave out.
func (s *Scenario) setDefaults() {
	s.Inactive, s.Timeout, s.Window = 120, 60, 5
	s.Directors = Directors{Count: 1, Counts: "shared"}
	s.CacheHit = 0.1
}

// setDefaults is called before a group is read.
func (g *Group) setDefaults() {
	*g = Group{Count: 1, Weight: 1, Speed: 1, Slots: 1, Discipline: "fcfs"}
}

// setDefaults is called before an event is read.
func (e *Event) setDefaults() { e.How, e.Speed, e.Weight = "hang", 1, 1 }

// Total is the number of servers.
func (s *Scenario) Total() (n int) {
	for _, g := range s.Servers {
		n += g.Count
	}
	return n
}

// Capacity is the work that all servers do in a second, at the beginning.
func (s *Scenario) Capacity() (sum float64) {
	for _, g := range s.Servers {
		if !g.Absent {
			sum += float64(g.Count*g.Slots) * g.Speed
		}
	}
	return sum
}

// DefaultSchedulers are those compared where neither the file nor the caller
// names any.
func (s *Scenario) DefaultSchedulers() []string {
	if len(s.Schedulers) > 0 {
		return s.Schedulers
	}
	return []string{"rr", "wrr", "lc", "wlc", "sed", "p2c"}
}

// AllSchedulers is every scheduler there is.
func AllSchedulers() []string { return sched.Names() }
