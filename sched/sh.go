package sched

// sourceHash takes the server of the client's address, so that a client keeps
// its server without a persistence template (kernel ip_vs_sh.c).
//
// 256 buckets are filled along the list, each server getting as many in a row
// as its weight says (one if it has none), round and round; again after every
// change.
//
//	i = bucket(client address + client port), bucket(x) = x * 0x61C88647 mod 2^32 >> 24
//
// The port counts under sh-port only; it is 0 where a protocol has none. If the
// server of bucket i is not usable there is none; under sh-fallback then the
// first usable one of the buckets (2i + offset) mod 256, offset 0 to 255, which
// spreads the clients of one server over many.
//
// A pick costs O(1), a fallback up to 256 looks, a change O(256). The table has
// 2 KiB. Where weights add up to more than 256 the last servers in the list get
// fewer buckets than due, or none.
type sourceHash struct {
	table    [buckets]*Server
	list     []*Server
	port     bool
	fallback bool
}

func newSourceHash(c *Config) Scheduler {
	return &sourceHash{
		port:     hasFlag(c.Flags, "sh-port", "flag-2"),
		fallback: hasFlag(c.Flags, "sh-fallback", "flag-1"),
	}
}

func (h *sourceHash) Name() string { return "sh" }

func (h *sourceHash) Init(list []*Server)                      { h.fill(list) }
func (h *sourceHash) Added(list []*Server, _ *Server)          { h.fill(list) }
func (h *sourceHash) Edited(list []*Server, _ *Server)         { h.fill(list) }
func (h *sourceHash) Removed(list []*Server, _ *Server, _ int) { h.fill(list) }

func (h *sourceHash) fill(list []*Server) {
	h.list = list
	clear(h.table[:])
	if len(list) == 0 {
		return
	}
	at, inRow := 0, int32(0)
	for b := range h.table {
		h.table[b] = list[at]
		if inRow++; inRow >= list[at].Weight.Load() {
			at, inRow = (at+1)%len(list), 0
		}
	}
}

// key is what is hashed of a client.
func (h *sourceHash) key(f *Flow) uint32 {
	key := fold(f.Client)
	if h.port {
		key += uint32(f.ClientPort)
	}
	return key
}

// probe returns the bucket that a fallback from bucket i looks at with an offset.
func probe(i uint8, offset int) uint8 { return 2*i + uint8(offset) }

func (h *sourceHash) Pick(f *Flow) *Server {
	i := bucket(h.key(f))
	if s := usableOrNil(h.table[i]); s != nil || !h.fallback {
		return s
	}
	for offset := range buckets {
		if s := usableOrNil(h.table[probe(i, offset)]); s != nil {
			return s
		}
	}
	return nil
}
