package sched

// destinationHash takes the server of the destination address: for caches
// behind one service of many addresses (a firewall mark), each of which then
// always serves the same destinations (kernel ip_vs_dh.c).
//
// The kernel fills 256 buckets round and round with the list, whatever the
// weights, after every change. Bucket b then holds server b mod n, which needs
// no table:
//
//	list[bucket(destination) mod n], bucket(x) = x * 0x61C88647 mod 2^32 >> 24
//
// If that server is not usable there is none, also when others are. Servers
// beyond the first 256 of the list get nothing. A pick costs O(1).
type destinationHash struct{ stateless }

func (d *destinationHash) Name() string { return "dh" }

func (d *destinationHash) Pick(f *Flow) *Server {
	if len(d.list) == 0 {
		return nil
	}
	return usableOrNil(d.list[int(bucket(fold(f.Virtual)))%len(d.list)])
}

// usableOrNil returns s if it may get a new connection. s may be nil.
func usableOrNil(s *Server) *Server {
	if s == nil || !s.Usable() {
		return nil
	}
	return s
}
