package guard

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"time"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"
)

// Names of the sets, each with the family's suffix.
const (
	setServices = "services" // protocol . virtual address . port
	setAnyPort  = "anyport"  // protocol . virtual address: services on all ports
	setOwned    = "owned"    // virtual addresses that are not the host's
	setReals    = "natreals" // protocol . real address . port
	setAnyReals = "natany"   // protocol . real address: all ports
	setLocals   = "locals"   // addresses of the host
	setDirect   = "direct"   // client address . port . real address . port . protocol
	setCut      = "cut"      // source . destination . id . protocol of datagrams whose first fragment was dropped
)

// Bounds of the memory of direct conversations. When it is full, conversations
// with a real server's own address that begin then are cut off.
const (
	directSize    = 65536
	directTimeout = 15 * time.Minute
	// Later fragments pass to the host when too many datagrams came at once, or
	// when they come after this, and are of no use to it.
	cutSize    = 65536
	cutTimeout = 30 * time.Second
)

// family is what differs between IPv4 and IPv6, and the sets of one of them.
type family struct {
	suffix    string
	etherType uint16
	addr      nftables.SetDatatype
	addrLen   uint32
	src, dst  uint32 // offsets in the IP header
	icmp      uint8
	sets      map[string]*nftables.Set
	chains    map[string]*nftables.Chain // by name without suffix
}

// families returns both, without sets yet.
func families() []*family {
	return []*family{
		{suffix: "4", etherType: unix.ETH_P_IP, addr: nftables.TypeIPAddr, addrLen: 4, src: 12, dst: 16, icmp: unix.IPPROTO_ICMP},
		{suffix: "6", etherType: unix.ETH_P_IPV6, addr: nftables.TypeIP6Addr, addrLen: 16, src: 8, dst: 24, icmp: unix.IPPROTO_ICMPV6},
	}
}

// addSets prepares the family's sets in table t.
func (f *family) addSets(conn *nftables.Conn, t *nftables.Table) error {
	proto, port := nftables.TypeInetProto, nftables.TypeInetService
	f.sets = make(map[string]*nftables.Set)
	for name, key := range map[string][]nftables.SetDatatype{
		setServices: {proto, f.addr, port},
		setAnyPort:  {proto, f.addr},
		setOwned:    {f.addr},
		setReals:    {proto, f.addr, port},
		setAnyReals: {proto, f.addr},
		setLocals:   {f.addr},
		setDirect:   {f.addr, port, f.addr, port, proto},
		setCut:      {f.addr, f.addr, port, proto}, // an id is as wide as a port
	} {
		s := &nftables.Set{Table: t, Name: name + f.suffix, KeyType: key[0]}
		if len(key) > 1 {
			s.KeyType, s.Concatenation = nftables.MustConcatSetType(key...), true
		}
		switch name {
		case setDirect:
			s.Dynamic, s.HasTimeout, s.Timeout, s.Size = true, true, directTimeout, directSize
		case setCut:
			s.Dynamic, s.HasTimeout, s.Timeout, s.Size = true, true, cutTimeout, cutSize
		}
		if err := conn.AddSet(s, nil); err != nil {
			return err
		}
		f.sets[name] = s
	}
	return nil
}

// keys returns what each static set shall hold.
func (f *family) keys(r Rules) map[string][][]byte {
	out := map[string][][]byte{
		setServices: nil, setAnyPort: nil, setOwned: nil, setReals: nil, setAnyReals: nil, setLocals: nil,
	}
	add := func(e Endpoint, exact, anyPort string) {
		switch {
		case !f.has(e.Addr):
		case e.Port == 0:
			out[anyPort] = append(out[anyPort], key(e.Proto, e.Addr))
		default:
			out[exact] = append(out[exact], portKey(e))
		}
	}
	own := func(a netip.Addr) {
		if f.has(a) && !slices.Contains(r.Locals, a.Unmap()) {
			out[setOwned] = append(out[setOwned], a.Unmap().AsSlice())
		}
	}
	for _, e := range r.Services {
		add(e, setServices, setAnyPort)
		own(e.Addr)
	}
	for _, a := range r.Virtual {
		own(a)
	}
	for _, e := range r.NATReals {
		add(e, setReals, setAnyReals)
	}
	for _, a := range r.Locals {
		if f.has(a) {
			out[setLocals] = append(out[setLocals], a.Unmap().AsSlice())
		}
	}
	return out
}

// has reports whether a is of the family.
func (f *family) has(a netip.Addr) bool { return a.Unmap().BitLen() == int(f.addrLen)*8 }

// key is protocol . address. Each part of a concatenation fills whole 32-bit
// words.
func key(protocol uint8, a netip.Addr) []byte {
	return append([]byte{protocol, 0, 0, 0}, a.Unmap().AsSlice()...)
}

// portKey is protocol . address . port.
func portKey(e Endpoint) []byte {
	return append(binary.BigEndian.AppendUint16(key(e.Proto, e.Addr), e.Port), 0, 0)
}

// elementsPerMessage keeps a message well below the 64 KiB of a netlink
// attribute.
const elementsPerMessage = 256

// change prepares the step of a set from the elements it holds to others, both
// in order. held nil means that its content is not known.
func change(conn *nftables.Conn, s *nftables.Set, held, keys [][]byte) {
	if held == nil {
		conn.FlushSet(s)
	}
	for _, some := range chunks(without(held, keys)) {
		_ = conn.SetDeleteElements(s, some) // fails on anonymous sets only
	}
	for _, some := range chunks(without(keys, held)) {
		_ = conn.SetAddElements(s, some)
	}
}

// ordered sorts keys and leaves each in once; the result is not nil.
func ordered(keys [][]byte) [][]byte {
	slices.SortFunc(keys, slices.Compare)
	return append([][]byte{}, slices.CompactFunc(keys, slices.Equal)...)
}

// without returns the keys of a that are not in b; both are in order.
func without(a, b [][]byte) (out [][]byte) {
	for _, k := range a {
		if _, found := slices.BinarySearchFunc(b, k, slices.Compare); !found {
			out = append(out, k)
		}
	}
	return out
}

// chunks makes set elements of keys, as many as a message holds at a time.
func chunks(keys [][]byte) (out [][]nftables.SetElement) {
	for some := range slices.Chunk(keys, elementsPerMessage) {
		elements := make([]nftables.SetElement, len(some))
		for i, k := range some {
			elements[i].Key = k
		}
		out = append(out, elements)
	}
	return out
}
