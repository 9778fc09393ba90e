package conntrack

import (
	"testing"
	"unsafe"
)

// TestSizes pins the sizes on which the speed rests: an entry is one cache line
// that does not straddle two, and a shard's lock shares no line with another's.
func TestSizes(t *testing.T) {
	for _, c := range []struct {
		name      string
		got, want uintptr
	}{
		{"Conn", unsafe.Sizeof(Conn{}), UnitSize},
		{"ext", unsafe.Sizeof(ext{}), UnitSize},
		{"block", unsafe.Sizeof(block{}), blockSize},
		{"Shard", unsafe.Sizeof(Shard{}), shardSize},
		{"Shard modulo line", unsafe.Sizeof(Shard{}) % 64, 0},
		{"Key", unsafe.Sizeof(Key{}), 40},
	} {
		if c.got != c.want {
			t.Errorf("%s: %d bytes, want %d", c.name, c.got, c.want)
		}
	}
	d := newDirector(t, 5000)
	for i := range d.conns {
		if uintptr(unsafe.Pointer(&d.conns[i]))%UnitSize != 0 {
			t.Fatalf("entry %d is not on a cache line", i)
		}
	}
}
