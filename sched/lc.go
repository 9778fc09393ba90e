package sched

// leastConn takes the usable server with the least overhead, whatever its
// weight; the first in the list of equals (kernel ip_vs_lc.c).
type leastConn struct{ stateless }

func (l *leastConn) Name() string { return "lc" }

func (l *leastConn) Pick(*Flow) *Server {
	var best *Server
	var least uint64
	for _, s := range l.list {
		if !s.Usable() {
			continue
		}
		if o := s.overhead(); best == nil || o < least {
			best, least = s, o
		}
	}
	return best
}

// overhead is what lc, wlc and lblc weigh a server's connections with: an
// active one as much as 256 inactive ones (kernel include/net/ip_vs.h,
// ip_vs_dest_conn_overhead). Counts are read one by one, so a connection that
// just changes sides may be seen twice or not at all; never less than 0.
func (s *Server) overhead() uint64 {
	return uint64(max(s.Active.Load(), 0))<<8 + uint64(max(s.Inactive.Load(), 0))
}
