package conntrack

import (
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"ulvs/wire"
)

// TestBytesPerConnection: entry, index, timers and all the rest take at most
// 128 bytes per IPv4 connection.
func TestBytesPerConnection(t *testing.T) {
	for _, n := range []int{1000, 2048, 10_000, 65_536, 100_000, 1 << 20, 10_000_000} {
		g := plan(n)
		per := float64(g.size()+g.shards*(shardSize+perShard)) / float64(n)
		t.Logf("capacity %8d: %3d shards, %5.1f bytes per connection", n, g.shards, per)
		if per > 128 {
			t.Errorf("capacity %d: %.1f bytes per connection", n, per)
		}
		if n <= 100_000 {
			if got := newDirector(t, n).Bytes(); float64(got)/float64(n) != per {
				t.Errorf("capacity %d: %d bytes in all", n, got)
			}
		}
	}
}

func TestNewErrors(t *testing.T) {
	for name, c := range map[string]struct {
		cfg  Config
		want string
	}{
		"capacity 0":   {Config{Capacity: 0, Seed: 1}, "capacity 0 is not in 1..268435456"},
		"capacity big": {Config{Capacity: MaxCapacity + 1, Seed: 1}, "is not in"},
		"seed":         {Config{Capacity: 1}, "seed is 0"},
		"region small": {Config{Capacity: 100, Seed: 1, Region: make([]byte, 100)}, "region has 100 bytes"},
		"region odd":   {Config{Capacity: 1, Seed: 1, Region: make([]byte, RegionSize(1)+1)[1:]}, "not aligned"},
	} {
		if _, err := New(c.cfg); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestRegion reads the caller's region as a later process would: the header,
// and an entry that is valid exactly while the connection lives.
func TestRegion(t *testing.T) {
	for off := 0; off < UnitSize; off += 8 {
		region := make([]byte, RegionSize(10)+off)[off:]
		table, err := New(Config{Capacity: 10, Seed: 7, Region: region})
		if err != nil {
			t.Fatal(err)
		}
		at := strings.Index(string(region), magic)
		if at < 0 || binary.LittleEndian.Uint32(region[at+8:]) != Layout || binary.LittleEndian.Uint64(region[at+32:]) != 7 {
			t.Fatalf("offset %d: header at %d: % x", off, at, region[at:at+40])
		}
		entry := region[at+headerSize:]
		k := flow(1)
		c := insert(t, table, k, Established, time.Minute)
		if binary.LittleEndian.Uint32(entry) != Layout || [4]byte(entry[4:8]) != k.Client.As4() {
			t.Errorf("entry % x", entry[:UnitSize])
		}
		s := table.Lock(table.HashKey(&k))
		s.Remove(c)
		s.Unlock()
		if binary.LittleEndian.Uint32(entry) != 0 {
			t.Errorf("removed entry is valid: % x", entry[:UnitSize])
		}
	}
}

// flow returns the key of client number i.
func flow(i int) Key {
	return Key{
		Client: wire.AddrFrom4([4]byte{192, 0, 2, byte(i >> 16)}), ClientPort: uint16(i),
		Virtual: addr("198.51.100.1"), VirtualPort: 80, Proto: wire.ProtoTCP,
	}
}

// flow6 is flow for IPv6.
func flow6(i int) Key {
	k := flow(i)
	k.Client, k.Virtual = addr("2001:db8::1"), addr("2001:db8:2::1")
	return k
}

// try inserts k at time 0.
func try(table *Table, k Key, state State, timeout time.Duration) (*Conn, InsertResult) {
	s := table.Lock(table.HashKey(&k))
	defer s.Unlock()
	real := addr("203.0.113.1")
	if !k.Client.Is4() {
		real = addr("2001:db8:3::1")
	}
	return s.Insert(&k, &Spec{Real: real, RealPort: 8080, State: state}, 0, timeout)
}

// insert is try that must not fail.
func insert(t testing.TB, table *Table, k Key, state State, timeout time.Duration) *Conn {
	t.Helper()
	c, result := try(table, k, state, timeout)
	if c == nil {
		t.Fatalf("insert %+v: %v", k, result)
	}
	return c
}

// has reports whether k is in the table.
func has(table *Table, k Key) bool {
	s := table.Lock(table.HashKey(&k))
	defer s.Unlock()
	return s.FindInbound(&k) != nil
}
