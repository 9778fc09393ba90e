package conntrack

import (
	"encoding/binary"
	"testing"

	"github.com/cespare/xxhash/v2"
	"pgregory.net/rapid"
)

func TestXXHashWord(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := rapid.Uint64().Draw(t, "word")
		var b [8]byte
		binary.LittleEndian.PutUint64(b[:], w)
		if got, want := xxhashWord(w), xxhash.Sum64(b[:]); got != want {
			t.Fatalf("xxhashWord(%#x) = %#x, want %#x", w, got, want)
		}
	})
}
