package wire_test

import (
	"encoding/hex"
	"testing"

	"ulvs/wire"
)

func TestParseGRE(t *testing.T) {
	for _, c := range []struct {
		in        string
		n         int
		etherType uint16
		sum, ok   bool
	}{
		{"00000800", 4, 0x0800, false, true},
		{"000086dd45", 4, 0x86dd, false, true},
		{"8000080012340000", 8, 0x0800, true, true},
		{"03f80800", 4, 0x0800, false, true}, // reserved bits that a receiver ignores
		{"00000", 0, 0, false, false},
		{"80000800123400", 0, 0, false, false},
		{"20000800000000ff", 0, 0, false, false}, // key
		{"10000800000000ff", 0, 0, false, false}, // sequence number
		{"40000800000000ff", 0, 0, false, false}, // routing
		{"00010800", 0, 0, false, false},         // version 1, PPTP
	} {
		b, _ := hex.DecodeString(c.in)
		n, etherType, sum, ok := wire.ParseGRE(b)
		if ok != c.ok || ok && (n != c.n || etherType != c.etherType || sum != c.sum) {
			t.Errorf("%s: %d %#x %v %v", c.in, n, etherType, sum, ok)
		}
	}
}

func TestParseGUE(t *testing.T) {
	for _, c := range []struct {
		in    string
		n     int
		proto uint8
		ok    bool
	}{
		{"00040000", 4, 4, true},
		{"0029000060", 4, 41, true},
		{"0204000000000000ffffffff", 12, 4, true}, // two words of extensions
		{"020400000000", 0, 0, false},
		{"000400", 0, 0, false},
		{"20040000", 0, 0, false}, // control
		{"40040000", 0, 0, false}, // variant 1
		{"80040000", 0, 0, false},
	} {
		b, _ := hex.DecodeString(c.in)
		n, proto, ok := wire.ParseGUE(b)
		if ok != c.ok || ok && (n != c.n || proto != c.proto) {
			t.Errorf("%s: %d %d %v", c.in, n, proto, ok)
		}
	}
}

// TestPutParse: what is written is read, and a checksum is right.
func TestPutParse(t *testing.T) {
	b := []byte("????????payload of odd length")
	for _, sum := range []bool{false, true} {
		wire.PutGRE(b, 0x86dd, sum)
		n, etherType, got, ok := wire.ParseGRE(b)
		if !ok || got != sum || etherType != 0x86dd || sum != (n == wire.GREChecksumLen) || sum && wire.Checksum(b, 0) != 0 {
			t.Errorf("GRE, checksum %v: %x", sum, b)
		}
	}
	wire.PutGUE(b, 41)
	if n, proto, ok := wire.ParseGUE(b); !ok || n != wire.GUELen || proto != 41 {
		t.Errorf("GUE: %x", b)
	}
}
