//go:build amd64 || arm64

package conntrack

// The processor's prefetches, for which Go has no words: they begin to bring a
// cache line near and wait for nothing. They read nothing that could be used,
// so that no lock is needed.

// nearSlot begins to fetch the line of a slot.
//
//go:noescape
func nearSlot(p *uint64)

// nearConn begins to fetch an entry.
//
//go:noescape
func nearConn(c *Conn)

// nearDue begins to fetch the line of a timer.
//
//go:noescape
func nearDue(p *uint32)
