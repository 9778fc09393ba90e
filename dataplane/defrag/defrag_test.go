package defrag

import (
	"bytes"
	"math/rand"
	"testing"
	"time"

	"ulvs/wire"
	"ulvs/wire/wiretest"
)

// ends are those of one family.
type ends struct {
	name string
	flow wiretest.Flow // with ports
	bare wiretest.Flow
	opts []wiretest.Option // of every packet
}

var families = []ends{
	{"v4", wiretest.Flow{Src: "192.0.2.1:4000", Dst: "198.51.100.1:53"}, wiretest.Flow{Src: "192.0.2.1", Dst: "198.51.100.1"}, nil},
	{"v6", wiretest.Flow{Src: "[2001:db8:4::1]:4000", Dst: "[2001:db8:2::1]:53"}, wiretest.Flow{Src: "2001:db8:4::1", Dst: "2001:db8:2::1"}, nil},
	{"v6 behind options", wiretest.Flow{Src: "[2001:db8:4::1]:4000", Dst: "[2001:db8:2::1]:53"}, wiretest.Flow{Src: "2001:db8:4::1", Dst: "2001:db8:2::1"},
		[]wiretest.Option{wiretest.WithExtension(wiretest.HopByHop), wiretest.WithExtension(wiretest.Destination)}},
}

// each runs a test for each of them.
func each(t *testing.T, test func(*testing.T, *ends)) {
	for i := range families {
		t.Run(families[i].name, func(t *testing.T) { test(t, &families[i]) })
	}
}

// room is a packet that a datagram fits into.
func room() *wire.Packet { return &wire.Packet{Buf: make([]byte, wire.Headroom+14+MaxPacket)} }

// part is the fragment with bytes from..to of payload.
func (e *ends) part(id uint16, payload []byte, from, to int) *wire.Packet {
	return wiretest.IP(e.bare, wire.ProtoUDP, payload[from:to], append(e.opts, wiretest.WithID(id), wiretest.WithFragment(from, to < len(payload)))...)
}

// sample is a UDP datagram and its IP payload.
func (e *ends) sample(n int) (*wire.Packet, []byte) {
	p := wiretest.UDP(e.flow, wiretest.Payload(n), append(e.opts, wiretest.WithID(7))...)
	return p, p.Buf[p.L4:p.IPEnd]
}

// TestOrders: three fragments in every order give the datagram back.
func TestOrders(t *testing.T) { each(t, testOrders) }

func testOrders(t *testing.T, e *ends) {
	want, payload := e.sample(1500)
	cuts := [][2]int{{0, 1000}, {1000, 1400}, {1400, 1508}}
	for _, order := range [][]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		var table Table
		whole := room()
		for n, i := range order {
			r, sizes := table.Add(0, e.part(7, payload, cuts[i][0], cuts[i][1]), whole, nil)
			if (r == Complete) != (n == 2) {
				t.Fatalf("order %v: fragment %d: %v", order, n, r)
			}
			if n == 2 && (len(sizes) != 3 || sizes[0] != 1000 || sizes[1] != 400 || sizes[2] != 108) {
				t.Errorf("order %v: sizes %v", order, sizes)
			}
		}
		if f := wire.Parse(whole); f != wire.FaultNone || !bytes.Equal(whole.IP(), want.IP()) {
			t.Errorf("order %v: %v\n got %x\nwant %x", order, f, whole.IP(), want.IP())
		}
		if s := table.Stats(); s != (Stats{Completed: 1}) {
			t.Errorf("order %v: %+v", order, s)
		}
	}
}

// TestContradictions: what overlaps ends the datagram, a repetition does not.
func TestContradictions(t *testing.T) { each(t, testContradictions) }

func testContradictions(t *testing.T, e *ends) {
	_, payload := e.sample(1500)
	for _, tt := range []struct {
		name  string
		cuts  [][2]int
		last  Result
		spoil bool
	}{
		{"repeated first", [][2]int{{0, 800}, {0, 800}}, Refused, false},
		{"repeated last", [][2]int{{800, 1508}, {800, 1508}}, Refused, false},
		{"overlap behind", [][2]int{{0, 800}, {792, 1000}}, Refused, true},
		{"overlap before", [][2]int{{800, 1000}, {0, 808}}, Refused, true},
		{"within", [][2]int{{0, 800}, {8, 16}}, Refused, true},
		{"around", [][2]int{{80, 160}, {0, 800}}, Refused, true},
		{"longer at the same place", [][2]int{{0, 800}, {0, 808}}, Refused, true},
		{"rest after an overlap", [][2]int{{0, 800}, {792, 1000}, {800, 1508}}, Refused, true},
		{"gap", [][2]int{{0, 800}, {1000, 1508}}, Held, false},
	} {
		var table Table
		var r Result
		for _, c := range tt.cuts {
			r, _ = table.Add(0, e.part(7, payload, c[0], c[1]), room(), nil)
		}
		if s := table.Stats(); r != tt.last || (s.Overlaps == 1) != tt.spoil || tt.spoil && s.Bytes != 0 {
			t.Errorf("%s: %v, %+v", tt.name, r, s)
		}
	}
	var table Table
	table.Add(0, e.part(7, payload, 800, 1508), room(), nil)
	if r, _ := table.Add(0, e.part(7, append(payload, payload...), 1600, 1608), room(), nil); r != Refused || table.Stats().Overlaps != 1 {
		t.Errorf("beyond the end: %v", r)
	}
}

// TestBounds: a flood of beginnings leaves the table within its bounds, and time
// empties it.
func TestBounds(t *testing.T) { each(t, testBounds) }

func testBounds(t *testing.T, e *ends) {
	var table Table
	whole := room()
	payload := make([]byte, 9000)
	for id := range 5000 {
		p := e.part(uint16(id), payload, 0, 8000)
		table.Add(time.Duration(id)*time.Millisecond, p, whole, nil)
		if s := table.Stats(); s.Bytes > MaxBytes || s.Datagrams > MaxDatagrams {
			t.Fatalf("%+v", s)
		}
	}
	if table.Stats().Evicted == 0 {
		t.Error("nothing was evicted")
	}
	for at := range 200 { // more than a datagram may have
		table.Add(5*time.Second, e.part(6000, payload, 8*at, 8*at+8), whole, nil)
	}
	table.Expire(5*time.Second + Timeout)
	if s := table.Stats(); s.Datagrams != 0 || s.Bytes != 0 || s.Expired == 0 || s.Overlaps != 1 {
		t.Errorf("after all time has run out: %+v", s)
	}
}

// TestRandom: random cuts in random order give the datagram back.
func TestRandom(t *testing.T) { each(t, testRandom) }

func testRandom(t *testing.T, e *ends) {
	rnd := rand.New(rand.NewSource(1))
	var table Table
	whole := room()
	for id := range 300 {
		want, payload := e.sample(rnd.Intn(60000))
		var cuts [][2]int
		for at := 0; at < len(payload); {
			end := min(at+8*(1+rnd.Intn(400)+len(payload)/400), len(payload))
			cuts = append(cuts, [2]int{at, end})
			at = end
		}
		if len(cuts) < 2 || len(cuts) > MaxPieces {
			continue
		}
		rnd.Shuffle(len(cuts), func(i, j int) { cuts[i], cuts[j] = cuts[j], cuts[i] })
		for n, c := range cuts {
			r, _ := table.Add(0, e.part(7, payload, c[0], c[1]), whole, nil)
			if (r == Complete) != (n == len(cuts)-1) {
				t.Fatalf("datagram %d of %d fragments: %v at %d", id, len(cuts), r, n)
			}
		}
		if wire.Parse(whole) != wire.FaultNone || !bytes.Equal(whole.IP(), want.IP()) {
			t.Fatalf("datagram %d differs", id)
		}
	}
}

// TestNextHeaderOfFirst: of IPv6 the first fragment's headers count, whatever
// the others say, and an id is not confused with that of the other family.
func TestNextHeaderOfFirst(t *testing.T) {
	e := &families[1]
	want, payload := e.sample(1500)
	var table Table
	last := wiretest.IP(e.bare, wire.ProtoTCP, payload[800:], wiretest.WithID(7), wiretest.WithFragment(800, false),
		wiretest.WithExtension(wiretest.HopByHop), wiretest.WithTTL(9))
	table.Add(0, families[0].part(7, payload, 800, 1508), room(), nil)
	table.Add(0, last, room(), nil)
	whole := room()
	if r, _ := table.Add(0, e.part(7, payload, 0, 800), whole, nil); r != Complete || wire.Parse(whole) != wire.FaultNone || !bytes.Equal(whole.IP(), want.IP()) {
		t.Errorf("%v\n got %x\nwant %x", r, whole.IP(), want.IP())
	}
}

// TestLargest: 65,535 bytes of payload are a datagram of IPv6, and none of IPv4.
func TestLargest(t *testing.T) {
	payload := make([]byte, 0xffff)
	for i, want := range []Result{Held, Complete} {
		var table Table
		e := &families[i]
		table.Add(0, e.part(1, payload, 0, 32000), room(), nil)
		table.Add(0, e.part(1, payload, 32000, 64000), room(), nil)
		last := e.part(1, payload, 64000, len(payload))
		if r, _ := table.Add(0, last, room(), nil); r != want {
			t.Errorf("%s: %v, want %v", e.name, r, want)
		}
	}
}

// FuzzAdd: whatever fragments come, the table keeps within its bounds, and what
// it puts together is a packet. Each two bytes are the place and length of one.
func FuzzAdd(f *testing.F) {
	f.Add(false, []byte{0, 10, 0x8a, 3})
	f.Add(true, []byte{0, 10, 5, 10, 0x8a, 3})
	f.Add(true, []byte{0x80, 1})
	whole := room()
	f.Fuzz(func(t *testing.T, six bool, cuts []byte) {
		var table Table
		e, payload := &families[0], make([]byte, 4096)
		if six {
			e = &families[2]
		}
		for ; len(cuts) > 1; cuts = cuts[2:] {
			from, n := 8*int(cuts[0]&0x7f), 8*int(cuts[1]&0x7f)
			p := wiretest.IP(e.bare, wire.ProtoUDP, payload[from:from+n], append(e.opts, wiretest.WithID(uint16(cuts[1]>>7)), wiretest.WithFragment(from, cuts[0]&0x80 == 0))...)
			if wire.Parse(p) != wire.FaultNone || !p.IsFragment() {
				continue
			}
			r, sizes := table.Add(0, p, whole, nil)
			if s := table.Stats(); s.Bytes < 0 || s.Bytes > MaxBytes {
				t.Fatalf("%+v", s)
			}
			if r != Complete {
				continue
			}
			total := 0
			for _, size := range sizes {
				total += size
			}
			if fault := wire.Parse(whole); whole.IsFragment() || total > whole.IPLen() || fault != wire.FaultNone && fault != wire.FaultUDPLengthSmall && fault != wire.FaultShortUDP {
				t.Fatalf("%v: %x", fault, whole.IP())
			}
		}
	})
}
