package dataplane

import "sync/atomic"

// Stats are the counters that ip_vs keeps for each virtual service, each real
// server and in total (kernel include/net/ip_vs.h, struct ip_vs_kstats). Bytes
// are lengths of IP packets without the Ethernet header.
type Stats struct {
	Conns    uint64
	InPkts   uint64
	OutPkts  uint64
	InBytes  uint64
	OutBytes uint64
}

// counters are Stats that every worker adds to. zero is what --zero set aside:
// the totals at that moment, subtracted from what is shown.
type counters struct {
	conns, inPkts, outPkts, inBytes, outBytes atomic.Uint64
	zero                                      atomic.Pointer[Stats]
}

// add adds one batch's worth of counts.
func (c *counters) add(s *Stats) {
	if s.Conns != 0 {
		c.conns.Add(s.Conns)
	}
	if s.InPkts != 0 {
		c.inPkts.Add(s.InPkts)
		c.inBytes.Add(s.InBytes)
	}
	if s.OutPkts != 0 {
		c.outPkts.Add(s.OutPkts)
		c.outBytes.Add(s.OutBytes)
	}
}

// raw returns the totals since the beginning.
func (c *counters) raw() Stats {
	return Stats{c.conns.Load(), c.inPkts.Load(), c.outPkts.Load(), c.inBytes.Load(), c.outBytes.Load()}
}

// shown returns the totals since the last reset.
func (c *counters) shown() Stats {
	s := c.raw()
	if z := c.zero.Load(); z != nil {
		s.Conns -= z.Conns
		s.InPkts -= z.InPkts
		s.OutPkts -= z.OutPkts
		s.InBytes -= z.InBytes
		s.OutBytes -= z.OutBytes
	}
	return s
}

// reset makes shown start again from zero.
func (c *counters) reset() {
	s := c.raw()
	c.zero.Store(&s)
}
