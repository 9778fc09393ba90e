package sched_test

import (
	"encoding/binary"
	"math/big"
	"math/bits"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"ulvs/sched"
	"ulvs/sched/schedtest"
	"ulvs/wire"
)

// The slow models of the schedulers that look at the flow. They keep the
// tables literally, address their bytes by arithmetic on whole numbers, and
// work on copies of what they were told.

// forFlow is a slow scheduler that looks at the flow.
type forFlow interface {
	pickFor(list []*sched.Server, f *sched.Flow) *sched.Server
}

func pickSlow(m slow, list []*sched.Server, f *sched.Flow) *sched.Server {
	if m, ok := m.(forFlow); ok {
		return m.pickFor(list, f)
	}
	return m.pick(list)
}

// noFlow is the part of a slow model that is never asked without a flow.
type noFlow struct{}

func (noFlow) pick([]*sched.Server) *sched.Server { panic("pick without a flow") }

// foldText XORs the address in units of four bytes.
func foldText(a wire.Addr) uint32 {
	bytes := a.Netip().AsSlice()
	var x uint32
	for len(bytes) > 0 {
		x ^= binary.BigEndian.Uint32(bytes)
		bytes = bytes[4:]
	}
	return x
}

// golden is floor(x * 0x61C88647 mod 2^32 / 2^24).
func golden(x uint32) int {
	p := new(big.Int).Mul(big.NewInt(int64(x)), big.NewInt(0x61C88647))
	p.Mod(p, big.NewInt(1<<32))
	return int(p.Div(p, big.NewInt(1<<24)).Int64())
}

// slowDH keeps the 256 buckets.
type slowDH struct {
	noFlow
	table [256]*sched.Server
}

func (m *slowDH) init(list []*sched.Server) { m.changed(nil, list, nil) }

func (m *slowDH) changed(_, list []*sched.Server, _ *sched.Server) {
	m.table = [256]*sched.Server{}
	rest := list
	for i := 0; i < 256 && len(list) > 0; i++ {
		m.table[i] = rest[0]
		if rest = rest[1:]; len(rest) == 0 {
			rest = list
		}
	}
}

func (m *slowDH) pickFor(_ []*sched.Server, f *sched.Flow) *sched.Server {
	return ifUsable(m.table[golden(foldText(f.Virtual))])
}

func ifUsable(s *sched.Server) *sched.Server {
	if u := usable(slices.DeleteFunc([]*sched.Server{s}, func(s *sched.Server) bool { return s == nil })); len(u) == 1 {
		return u[0]
	}
	return nil
}

// slowSH writes the list out with repetitions and cuts it.
type slowSH struct {
	noFlow
	port, fallback bool
	table          []*sched.Server
}

func (m *slowSH) init(list []*sched.Server) { m.changed(nil, list, nil) }

func (m *slowSH) changed(_, list []*sched.Server, _ *sched.Server) {
	m.table = nil
	for len(list) > 0 && len(m.table) < 256 {
		for _, s := range list {
			m.table = append(m.table, slices.Repeat([]*sched.Server{s}, int(max(s.Weight.Load(), 1)))...)
		}
	}
}

func (m *slowSH) pickFor(_ []*sched.Server, f *sched.Flow) *sched.Server {
	if len(m.table) == 0 {
		return nil
	}
	x := foldText(f.Client)
	if m.port {
		x += uint32(f.ClientPort)
	}
	first := golden(x)
	if s := ifUsable(m.table[first]); s != nil || !m.fallback {
		return s
	}
	for offset := range 256 {
		roving := (offset + first) % 256
		if s := ifUsable(m.table[(roving+golden(x))%256]); s != nil {
			return s
		}
	}
	return nil
}

// slowMH writes out each server's whole order of the places.
type slowMH struct {
	noFlow
	port, fallback bool
	last           map[*sched.Server]int64
	list           []*sched.Server
	table          map[int]*sched.Server // nil: to be filled
}

const places = 4093

func (m *slowMH) init(list []*sched.Server) {
	m.last = nil
	m.changed(nil, list, nil)
}

func (m *slowMH) changed(before, list []*sched.Server, removed *sched.Server) {
	if m.last == nil {
		m.last = map[*sched.Server]int64{}
	}
	delete(m.last, removed)
	for _, s := range list {
		if w := int64(s.Weight.Load()); w > 0 || !slices.Contains(before, s) {
			m.last[s] = w
		}
	}
	m.list, m.table = list, nil
}

func (m *slowMH) fill() {
	m.table = map[int]*sched.Server{}
	g, largest := new(big.Int), int64(0)
	for _, s := range m.list {
		g.GCD(nil, nil, g, big.NewInt(m.last[s]))
		largest = max(largest, m.last[s])
	}
	if largest == 0 {
		return
	}
	cut := int64(1)
	for largest/g.Int64()/cut >= 64 {
		cut *= 2
	}
	orders := map[*sched.Server][]int{}
	for _, s := range m.list {
		key := foldText(s.Addr) + uint32(s.Port)
		start, stride := int(sip32(key, 2654435761)%places), int(sip32(key, 2654446892)%(places-1))+1
		for i := range places {
			orders[s] = append(orders[s], (start+i*stride)%places)
		}
	}
	for len(m.table) < places {
		for _, s := range m.list {
			for turn := int64(0); turn < max(m.last[s]/g.Int64()/cut, min(m.last[s], 1)) && len(m.table) < places; turn++ {
				at := slices.IndexFunc(orders[s], func(p int) bool { return m.table[p] == nil })
				m.table[orders[s][at]] = s
				orders[s] = orders[s][at+1:]
			}
		}
	}
}

func (m *slowMH) pickFor(_ []*sched.Server, f *sched.Flow) *sched.Server {
	if m.table == nil {
		m.fill()
	}
	x := foldText(f.Client)
	if m.port {
		x += uint32(f.ClientPort)
	}
	place := int(sip32(x, 2654435761) % places)
	if s := ifUsable(m.table[place]); s != nil || !m.fallback {
		return s
	}
	for offset := range places {
		roving := uint32((offset + place) % places)
		if s := ifUsable(m.table[int(sip32(x+roving, 2654435761)%places)]); s != nil {
			return s
		}
	}
	return nil
}

func sip32(x uint32, k uint64) uint32 {
	return uint32(sip(1, 3, binary.LittleEndian.AppendUint32(nil, x), k, k))
}

// sip is SipHash-c-d of any message.
func sip(c, d int, message []byte, k0, k1 uint64) uint64 {
	v0, v1, v2, v3 := k0^0x736f6d6570736575, k1^0x646f72616e646f6d, k0^0x6c7967656e657261, k1^0x7465646279746573
	rounds := func(n int) {
		for range n {
			v0, v2 = v0+v1, v2+v3
			v1, v3 = bits.RotateLeft64(v1, 13)^v0, bits.RotateLeft64(v3, 16)^v2
			v0 = bits.RotateLeft64(v0, 32)
			v2, v0 = v2+v1, v0+v3
			v1, v3 = bits.RotateLeft64(v1, 17)^v2, bits.RotateLeft64(v3, 21)^v0
			v2 = bits.RotateLeft64(v2, 32)
		}
	}
	padded := slices.Concat(message, make([]byte, 7-len(message)%8), []byte{byte(len(message))})
	for ; len(padded) > 0; padded = padded[8:] {
		m := binary.LittleEndian.Uint64(padded)
		v3 ^= m
		rounds(c)
		v0 ^= m
	}
	v2 ^= 0xff
	rounds(d)
	return v0 ^ v1 ^ v2 ^ v3
}

// TestSipModel holds the model's hash to the example of its authors
// (Aumasson and Bernstein, appendix A).
func TestSipModel(t *testing.T) {
	var message []byte
	for i := range byte(15) {
		message = append(message, i)
	}
	if got := sip(2, 4, message, 0x0706050403020100, 0x0f0e0d0c0b0a0908); got != 0xa129ca6149be45e5 {
		t.Errorf("SipHash-2-4 %x", got)
	}
}

// slowByWeight is fo, and ovf with limited.
type slowByWeight struct{ limited bool }

func (m *slowByWeight) init([]*sched.Server)                          {}
func (m *slowByWeight) changed(_, _ []*sched.Server, _ *sched.Server) {}

func (m *slowByWeight) pick(list []*sched.Server) *sched.Server {
	u := slices.DeleteFunc(usable(list), func(s *sched.Server) bool {
		return m.limited && s.Active.Load() > s.Weight.Load()
	})
	slices.SortStableFunc(u, func(a, b *sched.Server) int { return int(b.Weight.Load() - a.Weight.Load()) })
	if len(u) == 0 {
		return nil
	}
	return u[0]
}

func anyFlow(t *rapid.T) *sched.Flow {
	f := &sched.Flow{
		Client:  wire.AddrFrom4([4]byte{192, 0, 2, rapid.Byte().Draw(t, "client")}),
		Virtual: wire.AddrFrom4([4]byte{198, 51, 100, rapid.Byte().Draw(t, "virtual")}),
	}
	if rapid.Bool().Draw(t, "IPv6") {
		f.Client = wire.AddrFrom16([16]byte{0: 0x20, 1: 1, 2: 0xd, 3: 0xb8, 6: rapid.Byte().Draw(t, "client net"), 15: 9})
		f.Virtual = wire.AddrFrom16([16]byte{0: 0x20, 1: 1, 2: 0xd, 3: 0xb8, 11: rapid.Byte().Draw(t, "virtual net"), 15: 7})
	}
	f.ClientPort = rapid.Uint16().Draw(t, "port")
	return f
}

// TestSlowFlags is TestSlowModels with flags, by name and by number.
func TestSlowFlags(t *testing.T) {
	for _, c := range []struct {
		name, flag string
		slow       func() slow
	}{
		{"sh", "sh-port", func() slow { return &slowSH{port: true} }},
		{"sh", "flag-2", func() slow { return &slowSH{port: true} }},
		{"sh", "sh-fallback", func() slow { return &slowSH{fallback: true} }},
		{"sh", "flag-1", func() slow { return &slowSH{fallback: true} }},
		{"sh", "flag-3", func() slow { return &slowSH{} }},
		{"mh", "mh-port", func() slow { return &slowMH{port: true} }},
		{"mh", "flag-2", func() slow { return &slowMH{port: true} }},
		{"mh", "mh-fallback", func() slow { return &slowMH{fallback: true} }},
		{"mh", "flag-1", func() slow { return &slowMH{fallback: true} }},
		{"mh", "flag-3", func() slow { return &slowMH{} }},
	} {
		t.Run(c.name+" "+c.flag, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				fast, err := sched.New(c.name, sched.Config{Flags: []string{c.flag}})
				if err != nil {
					t.Fatal(err)
				}
				compare(t, &machine{fast: fast, slow: c.slow(), weight: rapid.Int32Range(0, 6)})
			})
		})
	}
}

// TestSuiteFlags is TestSuite with flags.
func TestSuiteFlags(t *testing.T) {
	for name, flags := range map[string][]string{
		"sh": {"sh-port", "sh-fallback"}, "mh": {"mh-port", "mh-fallback"}, "rdv": {"flag-2"},
	} {
		t.Run(name, func(t *testing.T) {
			schedtest.Run(t, func() sched.Scheduler {
				s, err := sched.New(name, sched.Config{Flags: flags})
				if err != nil {
					t.Fatal(err)
				}
				return s
			})
		})
	}
}
