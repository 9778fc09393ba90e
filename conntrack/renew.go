package conntrack

import (
	"math"
	"time"
)

// Renew lets a template live from now on as long as when it was made, as a new
// connection of its client does: a later edit of its service does not change
// that, but one that ran out while it controlled connections has only the time
// it was prolonged by since then (kernel ip_vs_conn.c, ip_vs_conn_expire, which
// overwrites the timeout).
func (s *Shard) Renew(c *Conn, now time.Duration) {
	c.flags &^= waiting
	s.Touch(c, now, time.Duration(c.packets)*time.Millisecond)
}

// setLifetime notes how long a template is to live after each renewal. Other
// connections have their timeouts from their states.
func (c *Conn) setLifetime(d time.Duration) {
	if c.flags&Template != 0 {
		c.packets = uint32(min(d.Milliseconds(), math.MaxUint32))
	}
}

// RemoveIn is RemoveIf for one of so many equal parts of the table, so that a
// search can be spread over time.
func (t *Table) RemoveIn(part, parts int, match func(*Conn) bool) (removed int) {
	perShard := len(t.shards[0].blocks)
	all := len(t.shards) * perShard
	for b := part * all / parts; b < (part+1)*all/parts; b++ {
		removed += t.shards[b/perShard].removeIf(b%perShard, match)
	}
	return removed
}
