package conntrack

import "time"

// Renew lets a template live for timeout from now on, as a new connection of its
// client does. One that ran out while it controlled connections has only the
// time that it was prolonged by since then (kernel ip_vs_conn.c,
// ip_vs_conn_expire, which overwrites the timeout).
func (s *Shard) Renew(c *Conn, now, timeout time.Duration) {
	if c.flags&prolonged != 0 {
		timeout = grace
	}
	s.Touch(c, now, timeout)
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
