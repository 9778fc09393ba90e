package nexthop

import "ulvs/wire"

// Pending returns what is known of the hop toward dst while its MAC is not: a
// Hop without Dst and not to be cached, for shaping the packet that is then
// given to Queue. It is nil unless Lookup says Unresolved.
func (t *Table) Pending(dst wire.Addr) *Hop {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.neighbourToward(dst)
	if n == nil {
		return nil
	}
	l := t.link(n.link)
	if l == nil {
		return nil
	}
	return &Hop{Port: l.Port, Src: l.MAC, MTU: l.MTU, Source: t.sourceOf(t.snap.Load(), n), Gen: t.gen.Load()}
}
