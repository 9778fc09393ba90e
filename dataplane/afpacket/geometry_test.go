package afpacket

import "testing"

// TestFit: the ring takes what it may and no more, unless that is nothing.
func TestFit(t *testing.T) {
	for _, row := range []struct {
		v     Version
		bytes int64
		slots int
	}{
		{V2, 2 << 20, 30}, {V2, 4<<20 - 1, 30}, {V2, 276 << 20, DefaultSlots}, {V2, 1 << 40, MaxSlots}, {V2, 1 << 20, -1}, {V2, -1, -1},
		{V3, 1 << 20, 4}, {V3, 16 << 20, DefaultBlocks3}, {V3, 1, -1},
	} {
		g := Geometry{Version: row.v}.Fit(row.bytes)
		if g.Slots != row.slots || g.Slots > 0 && (int64(g.Bytes()) > row.bytes || g.withDefaults().check() != nil) {
			t.Errorf("V%d in %d bytes: %d slots, %d bytes; want %d slots", row.v, row.bytes, g.Slots, g.Bytes(), row.slots)
		}
	}
	if (Geometry{Slots: MaxSlots + 1}).withDefaults().check() == nil {
		t.Error("MaxSlots is not the most")
	}
}

func TestRingBytes(t *testing.T) {
	p, err := Open(Options{Interface: "lo", Ring: small})
	if err != nil {
		t.Fatal(err)
	}
	if got := p.RingBytes(); got != small.Bytes() {
		t.Errorf("%d bytes, want %d", got, small.Bytes())
	}
	if err := p.Close(); err != nil || p.RingBytes() != 0 {
		t.Errorf("closed: %d bytes, %v", p.RingBytes(), err)
	}
}
