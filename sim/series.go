package sim

// maxPoints bounds a Series; then pairs are joined, and the interval doubles.
const maxPoints = 240

// maxSeries is how many servers a Series shows one by one.
const maxSeries = 40

// Series is the load over time: how many requests each server had, in the mean
// of each interval. Scenarios of more than 40 servers have none.
type Series struct {
	Interval float64     `json:"interval"` // seconds
	Servers  [][]float64 `json:"servers"`  // by server, then by interval
}

func newSeries(sc *Scenario, servers int) Series {
	s := Series{Interval: 0.01}
	if sc.Duration > 0 {
		s.Interval = float64(sc.Duration) / maxPoints * 1.001
	}
	if servers <= maxSeries {
		s.Servers = make([][]float64, servers)
		for i := range s.Servers {
			s.Servers[i] = make([]float64, 0, maxPoints)
		}
	}
	return s
}

// sample ends an interval.
func (e *engine) sample() {
	for i := range e.series.Servers {
		s := &e.servers[i]
		s.advance(e.now)
		e.series.Servers[i] = append(e.series.Servers[i], (s.meter.inSystem-e.sampled[i])/e.series.Interval)
		e.sampled[i] = s.meter.inSystem
	}
	if len(e.series.Servers) > 0 && len(e.series.Servers[0]) == maxPoints {
		e.series.halve()
	}
}

func (s *Series) halve() {
	s.Interval *= 2
	for i, points := range s.Servers {
		for j := range len(points) / 2 {
			points[j] = (points[2*j] + points[2*j+1]) / 2
		}
		s.Servers[i] = points[:len(points)/2]
	}
}
