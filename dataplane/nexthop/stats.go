package nexthop

import "sync/atomic"

// Stats are the table's counts since it was made.
type Stats struct {
	Requests  uint64 // ARP requests and neighbour solicitations sent
	Resolved  uint64 // neighbours that became known
	Failed    uint64 // neighbours given up
	Changed   uint64 // neighbours whose MAC changed
	Refused   uint64 // ARP packets and advertisements not believed
	Queued    uint64 // frames taken by Queue
	QueueFull uint64 // frames Queue refused
	Flushed   uint64 // queued frames sent
	Dropped   uint64 // queued frames dropped: no answer, or the link went away
}

// counters are the live side of Stats.
type counters struct {
	requests, resolved, failed, changed, refused atomic.Uint64
	queued, queueFull, flushed, dropped          atomic.Uint64
}

// Stats returns the counts.
func (t *Table) Stats() Stats {
	c := &t.stats
	return Stats{
		Requests: c.requests.Load(), Resolved: c.resolved.Load(), Failed: c.failed.Load(),
		Changed: c.changed.Load(), Refused: c.refused.Load(),
		Queued: c.queued.Load(), QueueFull: c.queueFull.Load(), Flushed: c.flushed.Load(), Dropped: c.dropped.Load(),
	}
}
