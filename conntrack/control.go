package conntrack

// Control links a connection to its template. The two lie in different shards,
// as their clients' ends differ, and no worker locks two shards. So the count
// in the template is atomic, with two rules that make it safe:
//
//   - it is raised only under the template's shard lock (Hold), and
//   - an entry with a count is never freed, under the same lock.
//
// A Ref therefore names a live entry for as long as it is held, and lowering
// the count (Release) or assuring the template (Assure) needs no lock.

// Hold takes a reference to c, to be stored in the connection that c is going
// to control (Spec.Control), or to be given back by Release.
func (s *Shard) Hold(c *Conn) Ref {
	c.holders.Add(1)
	return Ref(c.unit + 1)
}

// Release gives a reference back. Connections give back their own when they
// end. r may be 0. Any lock may be held.
func (t *Table) Release(r Ref) {
	if r == 0 {
		return
	}
	if t.conns[r-1].holders.Add(^uint32(0)) == 0 {
		t.wet()
	}
}

// Assure marks a held template as of proven use: it is listed as ASSURED and
// not evicted any more. r may be 0. Any lock may be held.
func (t *Table) Assure(r Ref) {
	if r == 0 {
		return
	}
	if h := &t.conns[r-1].holders; h.Load()&assuredBit == 0 {
		h.Or(assuredBit)
	}
}
