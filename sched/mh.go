package sched

import "math/bits"

// Sizes and keys of the kernel's default build (ip_vs_mh.c).
const (
	mhPlaces    = 4093 // a prime
	mhTurnBits  = 6    // most turns of a server: 2^6 - 1
	mhStartKey  = 2654435761
	mhStrideKey = 2654446892
)

// maglev is sh with a table that hardly changes for the clients of the other
// servers when a server comes or goes, and that is the same on every director
// whatever happened before (kernel ip_vs_mh.c; Eisenbud and others, "Maglev: A
// Fast and Reliable Software Network Load Balancer", NSDI 2016, section 3.4).
//
// Every server has its own order of the 4093 places: from start in strides.
// In list order each takes its next free places, as many as it has turns,
// round and round until none is free.
//
//	start  = h(server address + port, key 2654435761) mod 4093
//	stride = h(server address + port, key 2654446892) mod 4092 + 1
//	turns  = max(1, weight/g >> max(0, bits(largest weight/g) - 6)), g the gcd of all weights
//	place  = h(client address + client port, key 2654435761) mod 4093
//
// h is SipHash-1-3. The weight is the last one above 0: a server set to weight 0
// keeps its places, its clients get no server, and nobody else's change. A server
// added with weight 0 has none until it gets one. The port counts under mh-port only. Under
// mh-fallback a client whose server is not usable tries the places of
// h(client + offset), offset = place, place+1, ... mod 4093.
//
// A pick costs O(1): one hash and one look. A fallback takes some more, at worst
// 4093 when the usable servers have no places. A change costs O(4093 + n). The
// table has 32 KiB, which many services together push out of the caches.
//
// The kernel folds a server's address by the service's family; here it is the
// server's own, which differs for IPv6 servers of an IPv4 service (tunnels).
type maglev struct {
	table    [mhPlaces]*Server
	list     []*Server
	weights  map[*Server]int32   // the last one above 0
	known    func(*Server) int32 // Config.LastWeight
	port     bool
	fallback bool
}

func newMaglev(c *Config) Scheduler {
	return &maglev{
		known:    c.LastWeight,
		weights:  map[*Server]int32{},
		port:     hasFlag(c.Flags, "mh-port", "flag-2"),
		fallback: hasFlag(c.Flags, "mh-fallback", "flag-1"),
	}
}

func (m *maglev) Name() string { return "mh" }

// Init takes over weights from before: a server that is quiesced when the
// service is edited to use mh, or to use other flags, has places too.
func (m *maglev) Init(list []*Server) {
	m.weights = make(map[*Server]int32, len(list))
	if m.known != nil {
		for _, s := range list {
			if w := m.known(s); w > 0 {
				m.weights[s] = w
			}
		}
	}
	m.changed(list)
}

// Added forgets the weights that s had before it was removed.
func (m *maglev) Added(list []*Server, s *Server) {
	delete(m.weights, s)
	m.changed(list)
}

func (m *maglev) Edited(list []*Server, _ *Server) { m.changed(list) }

func (m *maglev) Removed(list []*Server, s *Server, _ int) {
	delete(m.weights, s)
	m.changed(list)
}

func (m *maglev) changed(list []*Server) {
	m.list = list
	for _, s := range list {
		if w := s.Weight.Load(); w > 0 {
			m.weights[s] = w
		}
	}
	m.fill(m.rows(list))
}

// mhRow is how one server goes through the table.
type mhRow struct {
	server        *Server
	place, stride uint32
	turns         int32
}

// rows returns the servers that get places, in list order.
func (m *maglev) rows(list []*Server) []mhRow {
	var g, largest int64
	for _, w := range m.weights {
		g, largest = gcd(g, int64(w)), max(largest, int64(w))
	}
	if g == 0 {
		return nil
	}
	shift := max(0, bits.Len64(uint64(largest/g))-mhTurnBits)
	rows := make([]mhRow, 0, len(m.weights))
	for _, s := range list {
		w, ok := m.weights[s]
		if !ok {
			continue
		}
		key := fold(s.Addr) + uint32(s.Port)
		rows = append(rows, mhRow{
			server: s,
			place:  sipHash13(key, mhStartKey) % mhPlaces,
			stride: sipHash13(key, mhStrideKey)%(mhPlaces-1) + 1,
			turns:  int32(max(1, int64(w)/g>>shift)),
		})
	}
	return rows
}

// fill lets the rows take their turns until every place is taken.
func (m *maglev) fill(rows []mhRow) {
	clear(m.table[:])
	if len(rows) == 0 {
		return
	}
	free := mhPlaces
	for i := 0; ; i = (i + 1) % len(rows) {
		for range rows[i].turns {
			m.take(&rows[i])
			if free--; free == 0 {
				return
			}
		}
	}
}

// take gives r its next free place; there must be one.
func (m *maglev) take(r *mhRow) {
	for m.table[r.place] != nil {
		r.place = (r.place + r.stride) % mhPlaces
	}
	m.table[r.place] = r.server
}

// key is what is hashed of a client.
func (m *maglev) key(f *Flow) uint32 {
	key := fold(f.Client)
	if m.port {
		key += uint32(f.ClientPort)
	}
	return key
}

func (m *maglev) Pick(f *Flow) *Server {
	key := m.key(f)
	place := sipHash13(key, mhStartKey) % mhPlaces
	if s := usableOrNil(m.table[place]); s != nil || !m.fallback {
		return s
	}
	return m.pickFallback(key, place)
}

// pickFallback first makes sure that there is something to be found: the way
// through all offsets is long, and with no server every packet would take it.
func (m *maglev) pickFallback(key, place uint32) *Server {
	if !anyUsable(m.list) {
		return nil
	}
	for i := range uint32(mhPlaces) {
		if s := usableOrNil(m.table[mhProbe(key, mhOffset(place, i))]); s != nil {
			return s
		}
	}
	return nil
}

// mhOffset and mhProbe return the i-th offset of a fallback and the place that it
// looks at.
func mhOffset(place, i uint32) uint32   { return (place + i) % mhPlaces }
func mhProbe(key, offset uint32) uint32 { return sipHash13(key+offset, mhStartKey) % mhPlaces }

func anyUsable(list []*Server) bool {
	for _, s := range list {
		if s.Usable() {
			return true
		}
	}
	return false
}
