package wire_test

import (
	"testing"

	"ulvs/wire"
	"ulvs/wire/wiretest"
)

// checkPlain holds Plain against Parse: what it accepts, Parse does, and SetPlain
// finds the same.
func checkPlain(t *testing.T, p *wire.Packet) (plain bool) {
	t.Helper()
	parsed, set := *p, *p
	var v wire.Plain
	if !set.Plain(&v) {
		return false
	}
	if f := wire.Parse(&parsed); f != wire.FaultNone {
		t.Fatalf("plain, but %v: %x", f, p.Frame())
	}
	set.SetPlain(&v)
	same := set.EtherType == parsed.EtherType && set.L3 == parsed.L3 && set.L4 == parsed.L4 && set.IPEnd == parsed.IPEnd &&
		set.Src == parsed.Src && set.Dst == parsed.Dst && set.SrcPort == parsed.SrcPort && set.DstPort == parsed.DstPort &&
		set.FragOff == parsed.FragOff && set.MoreFrags == parsed.MoreFrags && set.Proto == parsed.Proto &&
		set.TTL == parsed.TTL && set.TCPFlags == parsed.TCPFlags && set.ICMPType == parsed.ICMPType && set.ICMPCode == parsed.ICMPCode
	if !same {
		t.Fatalf("plain: %+v, parsed: %+v: %x", set, parsed, p.Frame())
	}
	return true
}

// TestPlain: of the samples exactly these are plain.
func TestPlain(t *testing.T) {
	plain := map[string]bool{}
	for name, p := range samples() {
		if checkPlain(t, p) {
			plain[name] = true
		}
	}
	for _, name := range []string{"v4 tcp syn", "v4 tcp data", "v4 tcp padded", "v4 tcp no flags", "v4 tcp partial", "v4 udp", "v4 udp partial"} {
		if !plain[name] {
			t.Errorf("%s is not plain", name)
		}
		delete(plain, name)
	}
	for name := range plain {
		t.Errorf("%s is plain", name)
	}
	padded := wiretest.UDP(flow, nil, wiretest.WithPad(60))
	if !checkPlain(t, padded) {
		t.Error("a datagram in a frame of 60 bytes is not plain")
	}
}
