package sched

import (
	"sync/atomic"
	"time"
)

// locality is what lblc and lblcr have in common: wlc's ranking, and the
// destinations that they remember.
type locality struct {
	ranking
	known destinations
}

func newLocality(life *atomic.Int64) locality {
	return locality{newRanking(scoreWLC), destinations{life: life}}
}

// Init forgets all destinations.
func (l *locality) Init(list []*Server) {
	l.ranking.Init(list)
	l.known = destinations{life: l.known.life}
}

// Added gives s back what it had before it was removed: its destinations, or
// its place in their sets.
func (l *locality) Added(list []*Server, s *Server) {
	l.ranking.Added(list, s)
	l.known.back(s, &l.ranking)
}

// Tick drops destinations nobody asks for.
func (l *locality) Tick(now time.Duration) { l.known.tick(now) }
