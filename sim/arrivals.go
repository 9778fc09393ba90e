package sim

import "math"

// arrival is one connection that begins: what does not depend on the scheduler.
type arrival struct {
	at, work            float64 // seconds
	client, destination int32   // numbers; -1 none
}

// source gives the arrivals of one simulation in their order.
type source struct {
	sc    *Scenario
	seed  uint64
	left  int     // arrivals; -1 any number
	until float64 // no arrival later; infinite if there is no duration
	at    float64 // of the last one

	gaps, works, clients, objects stream
	work, think                   sampler
	client, object                zipf
	state                         int     // mmpp
	change                        float64 // mmpp: when it ends
	row                           int     // trace
	asleep                        wakes   // closed
	own                           []stream
}

func newSource(sc *Scenario, seed uint64) *source {
	s := &source{sc: sc, seed: seed, left: -1, until: math.Inf(1), work: newSampler(&sc.Service), think: newSampler(&sc.Arrivals.Think),
		gaps: newStream(seed, forArrivals, 0), works: newStream(seed, forWork, 0),
		clients: newStream(seed, forClients, 0), objects: newStream(seed, forDestinations, 0)}
	if sc.Connections > 0 {
		s.left = sc.Connections
	}
	if sc.Duration > 0 {
		s.until = float64(sc.Duration)
	}
	if sc.Clients.Count > 0 {
		s.client = newZipf(sc.Clients)
	}
	if sc.Destinations.Count > 0 {
		s.object = newZipf(sc.Destinations)
	}
	switch sc.Arrivals.Kind {
	case "mmpp":
		s.change = float64(sc.Arrivals.States[0].Stay) * s.gaps.exp()
	case "closed":
		s.own = make([]stream, sc.Arrivals.Clients)
		for i := range s.own {
			s.own[i] = newStream(seed, forThinking, uint64(i))
			s.sleep(int32(i), 0)
		}
	}
	return s
}

// next fills in the next arrival; none is left if it returns false. Closed-loop
// clients that are waiting for an answer have none.
func (s *source) next(a *arrival) bool {
	if s.left == 0 {
		return false
	}
	if !s.time(a) || a.at > s.until {
		return false
	}
	if s.left > 0 {
		s.left--
	}
	return true
}

// time draws the arrival by the kind of process.
func (s *source) time(a *arrival) bool {
	switch s.sc.Arrivals.Kind {
	case "mmpp":
		s.at = s.mmpp(s.at)
	case "diurnal":
		s.at = s.diurnal(s.at)
	case "closed":
		if len(s.asleep) == 0 {
			return false
		}
		w := s.asleep.pop()
		r := &s.own[w.client]
		*a = arrival{w.at, s.work.draw(r), w.client, -1}
		if s.sc.Destinations.Count > 0 {
			a.destination = int32(s.object.draw(r))
		}
		return true
	case "trace", "capture":
		if s.row == len(s.sc.trace) {
			return false
		}
		*a = s.sc.trace[s.row]
		s.row++
		if a.work < 0 {
			a.work = s.work.draw(&s.works)
		}
		return true
	default:
		s.at += s.gaps.exp() / s.sc.Arrivals.Rate
	}
	s.draw(a)
	return true
}

// draw fills in everything but the time's rule.
func (s *source) draw(a *arrival) {
	*a = arrival{s.at, s.work.draw(&s.works), -1, -1}
	if s.sc.Clients.Count > 0 {
		a.client = int32(s.client.draw(&s.clients))
	}
	if s.sc.Destinations.Count > 0 {
		a.destination = int32(s.object.draw(&s.objects))
	}
}

// mmpp goes on from at to the next arrival. What is left of a state's time has
// no memory, so an arrival that would come too late is drawn again in the next.
func (s *source) mmpp(at float64) float64 {
	states := s.sc.Arrivals.States
	for {
		next := math.Inf(1)
		if rate := states[s.state].Rate; rate > 0 {
			next = at + s.gaps.exp()/rate
		}
		if next <= s.change {
			return next
		}
		at = s.change
		s.state = (s.state + 1) % len(states)
		s.change += float64(states[s.state].Stay) * s.gaps.exp()
	}
}

// diurnal thins a Poisson process of the greatest rate (Lewis and Shedler, 1979).
func (s *source) diurnal(at float64) float64 {
	a := &s.sc.Arrivals
	for {
		at += s.gaps.exp() / (a.Rate * (1 + a.Swing))
		rate := 1 + a.Swing*math.Sin(2*math.Pi*at/float64(a.Period))
		if s.gaps.float()*(1+a.Swing) < rate {
			return at
		}
	}
}

// sleep lets a closed-loop client think, from now on.
func (s *source) sleep(client int32, now float64) {
	s.asleep.push(wake{now + s.think.draw(&s.own[client]), client})
}

// due is when the next closed-loop client asks, infinite if all wait for their
// answers; ok is false when no more may ask.
func (s *source) due() (at float64, ok bool) {
	if s.left == 0 {
		return 0, false
	}
	if len(s.asleep) == 0 {
		return math.Inf(1), true
	}
	return s.asleep[0].at, s.asleep[0].at <= s.until
}

// closed reports whether arrivals follow from answers.
func (s *source) closed() bool { return s.own != nil }

// keys is the number of destinations, if there are any, else of clients; 0 if
// each is new.
func (s *Scenario) keys() (n int, destinations bool) {
	clients, objects := s.Clients.Count, s.Destinations.Count
	if s.Arrivals.Kind == "closed" {
		clients = s.Arrivals.Clients
	}
	for i := range s.trace {
		clients = max(clients, int(s.trace[i].client)+1)
		objects = max(objects, int(s.trace[i].destination)+1)
	}
	if objects > 0 {
		return objects, true
	}
	return clients, false
}
