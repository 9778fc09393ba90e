// Package conntrack is the connection table: connections and persistence
// templates, found from both directions, with their states, timeouts, expiry
// and eviction. It never reads a packet, a clock or a configuration, never
// chooses a real server and never counts at one; it tells the owner when a
// connection ends (Config.Expired).
//
// # Use
//
// One packet of a client:
//
//	k := conntrack.Key{Client: p.Src, ClientPort: p.SrcPort, Virtual: p.Dst, VirtualPort: p.DstPort, Proto: p.Proto}
//	s := table.Lock(table.HashKey(&k))
//	c := s.FindInbound(&k)
//	if c != nil && c.State() == conntrack.TimeWait && isSYN(p) {
//		s.Remove(c) // reschedule
//		c = nil
//	}
//	if c == nil {
//		spec := ... // pick a real server
//		spec.State = conntrack.TCPNext(conntrack.Inbound, conntrack.None, p.TCPFlags, secure)
//		c, result = s.Insert(&k, &spec, now, timeouts.Of(k.Proto, spec.State))
//		if c == nil { ... } // result is InsertFull
//		// count at the server by c.Has(conntrack.Inactive)
//	} else {
//		next := conntrack.TCPNext(c.Direction(false), c.State(), p.TCPFlags, secure)
//		switch s.SetState(c, next) { case conntrack.Activated: ... case conntrack.Deactivated: ... }
//		c.CountPacket()
//		s.Touch(c, now, timeouts.Of(k.Proto, next))
//	}
//	server, method, real := c.Server(), c.Method(), c.Real() // copy what is needed
//	s.Unlock()                                               // c is invalid from here on
//
// SCTP has SCTPNext in place of TCPNext, which takes the chunk that
// wire.SCTP.Signal names.
//
// A reply is looked up by the same hash, as its destination is the client's
// end:
//
//	k := conntrack.Key{Client: p.Dst, ClientPort: p.DstPort, Virtual: p.Src, VirtualPort: p.SrcPort, Proto: p.Proto}
//	s := table.Lock(table.HashKey(&k))
//	c := s.FindOutbound(&k) // Virtual is compared with the real server's end
//
// Picking a server may take the service's lock inside the shard's lock, never
// the other way round, and a goroutine never locks a second shard. A new
// connection of a persistent service therefore takes three steps: look the
// connection up and unlock; lock the template's shard, find or insert the
// template, ref := s.Hold(template), copy its server, Touch it, unlock; lock
// the connection's shard, look it up again (another worker may have made it:
// then table.Release(ref)), and Insert with Spec.Control = ref. From then on
// the reference is the connection's and goes with it. SetState to Established
// assures the template.
//
// # Threads
//
// Every method of Table may be called by any goroutine that holds no shard;
// Release, Assure, Hash, Used and Timeouts' methods also by one that does.
// Methods of Shard and Conn need the shard's lock. Tick is shared work: each
// worker calls it once in a while, and shards in use are passed over.
//
// # Memory
//
// Everything lies in one region without pointers that New allocates or the
// caller supplies: first the entries, then the index, the timers and the
// bookkeeping, which can be rebuilt from the entries. An entry is one cache line
// (IPv6: two); it describes itself, carries a layout version, and becomes valid
// by one last atomic store. A packet of a known connection reads a line of the
// index and the line of the entry and writes the latter.
//
// # Hostile traffic
//
// The client's end is hashed by xxhash over words masked with secrets, the
// other end is mixed in by a secret multiplication: without the seed nobody can
// aim at one slot. One client end, however many virtual ends it talks to, makes
// no chain (see index.go), but it stays within one shard, which bounds its share
// of the table. Shards are sized so that the capacity as a whole runs out first;
// then Insert ends what is overdue, evicts half-open connections, then closing
// ones, then UDP that never had a second packet and unused templates, oldest
// first about, and never a connection in use. If all are in use it refuses, and
// notes that so that refusing stays cheap.
package conntrack
