package defrag

import (
	"bytes"
	"math/rand"
	"testing"
	"time"

	"ulvs/wire"
	"ulvs/wire/wiretest"
)

var flow = wiretest.Flow{Src: "192.0.2.1:4000", Dst: "198.51.100.1:53"}

// room is a packet that a datagram fits into.
func room() *wire.Packet { return &wire.Packet{Buf: make([]byte, wire.Headroom+14+0xffff)} }

// part is the fragment with bytes from..to of payload.
func part(id uint16, payload []byte, from, to int) *wire.Packet {
	f := wiretest.Flow{Src: "192.0.2.1", Dst: "198.51.100.1"}
	return wiretest.IP(f, wire.ProtoUDP, payload[from:to], wiretest.WithID(id), wiretest.WithFragment(from, to < len(payload)))
}

// sample is a UDP datagram and its IP payload.
func sample(n int) (*wire.Packet, []byte) {
	p := wiretest.UDP(flow, wiretest.Payload(n), wiretest.WithID(7))
	return p, p.Buf[p.L4:p.IPEnd]
}

// TestOrders: three fragments in every order give the datagram back.
func TestOrders(t *testing.T) {
	want, payload := sample(1500)
	cuts := [][2]int{{0, 1000}, {1000, 1400}, {1400, 1508}}
	for _, order := range [][]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		var table Table
		whole := room()
		for n, i := range order {
			r, sizes := table.Add(0, part(7, payload, cuts[i][0], cuts[i][1]), whole, nil)
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
func TestContradictions(t *testing.T) {
	_, payload := sample(1500)
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
			r, _ = table.Add(0, part(7, payload, c[0], c[1]), room(), nil)
		}
		if s := table.Stats(); r != tt.last || (s.Overlaps == 1) != tt.spoil || tt.spoil && s.Bytes != 0 {
			t.Errorf("%s: %v, %+v", tt.name, r, s)
		}
	}
	var table Table
	table.Add(0, part(7, payload, 800, 1508), room(), nil)
	if r, _ := table.Add(0, part(7, append(payload, payload...), 1600, 1608), room(), nil); r != Refused || table.Stats().Overlaps != 1 {
		t.Errorf("beyond the end: %v", r)
	}
}

// TestBounds: a flood of beginnings leaves the table within its bounds, and time
// empties it.
func TestBounds(t *testing.T) {
	var table Table
	payload := make([]byte, 9000)
	for id := range 5000 {
		p := part(uint16(id), payload, 0, 8000)
		table.Add(time.Duration(id)*time.Millisecond, p, room(), nil)
		if s := table.Stats(); s.Bytes > MaxBytes || s.Datagrams > MaxDatagrams {
			t.Fatalf("%+v", s)
		}
	}
	if table.Stats().Evicted == 0 {
		t.Error("nothing was evicted")
	}
	for at := range 200 { // more than a datagram may have
		table.Add(5*time.Second, part(6000, payload, 8*at, 8*at+8), room(), nil)
	}
	table.Expire(5*time.Second + Timeout)
	if s := table.Stats(); s.Datagrams != 0 || s.Bytes != 0 || s.Expired == 0 || s.Overlaps != 1 {
		t.Errorf("after all time has run out: %+v", s)
	}
}

// TestRandom: random cuts in random order give the datagram back.
func TestRandom(t *testing.T) {
	rnd := rand.New(rand.NewSource(1))
	var table Table
	whole := room()
	for id := range 300 {
		want, payload := sample(rnd.Intn(60000))
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
			r, _ := table.Add(0, part(7, payload, c[0], c[1]), whole, nil)
			if (r == Complete) != (n == len(cuts)-1) {
				t.Fatalf("datagram %d of %d fragments: %v at %d", id, len(cuts), r, n)
			}
		}
		if wire.Parse(whole) != wire.FaultNone || !bytes.Equal(whole.IP(), want.IP()) {
			t.Fatalf("datagram %d differs", id)
		}
	}
}
