package wire_test

import (
	"testing"

	"ulvs/wire"
	"ulvs/wire/wiretest"
)

func TestSCTPView(t *testing.T) {
	p := wiretest.SCTP(flow, wiretest.Chunk(wire.SCTPData, wiretest.Payload(9)), wiretest.WithPad(80))
	h := p.SCTP()
	h.SetSrcPort(5)
	h.SetDstPort(6)
	if h.ChecksumOK() {
		t.Error("the CRC32c verifies after a change")
	}
	h.FillChecksum()
	d := wiretest.Decode(t, p.Frame()).SCTP
	same(t, "sctp", []any{h.SrcPort(), h.DstPort(), h.VerificationTag(), h.Checksum(), h.ChecksumOK(), len(h.First())},
		[]any{uint16(d.SrcPort), uint16(d.DstPort), d.VerificationTag, wiretest.SlowCRC32c(zeroed(h)), true, len(d.Payload)})
	wiretest.CheckPacket(t, p, wiretest.ValidChecksums(), wiretest.FirstChunk(wire.SCTPData))
}

// zeroed returns a copy of h with its CRC32c field zero.
func zeroed(h wire.SCTP) []byte {
	c := append(wire.SCTP(nil), h...)
	c.SetChecksum(0)
	return c
}

// TestCRC32cVector: the check value of the CRC's catalogue, and lengths that
// take every path of the fast one.
func TestCRC32cVector(t *testing.T) {
	if got := wiretest.SlowCRC32c([]byte("123456789")); got != 0xe3069283 {
		t.Fatalf("slow CRC32c %#x", got)
	}
	for n := range 300 {
		h := wire.SCTP(wiretest.Payload(wire.SCTPLen + n))
		if got, want := h.ComputeChecksum(), wiretest.SlowCRC32c(zeroed(h)); got != want {
			t.Fatalf("%d bytes: %#x, want %#x", n, got, want)
		}
	}
}

func TestSCTPChunks(t *testing.T) {
	chunk := wiretest.Chunk
	for name, c := range map[string]struct {
		chunks []byte
		want   []uint8
		signal uint8
	}{
		"one":             {chunk(wire.SCTPInit, wiretest.Payload(16)), []uint8{1}, 1},
		"padded":          {append(chunk(wire.SCTPCookieEcho, wiretest.Payload(5)), chunk(wire.SCTPAbort, nil)...), []uint8{10, 6}, 6},
		"cookie ack":      {append(chunk(wire.SCTPCookieAck, nil), chunk(wire.SCTPAbort, nil)...), []uint8{11, 6}, 6},
		"abort third":     {append(append(chunk(11, nil), chunk(3, nil)...), chunk(6, nil)...), []uint8{11, 3, 6}, 11},
		"abort behind":    {append(chunk(wire.SCTPError, nil), chunk(wire.SCTPAbort, nil)...), []uint8{9, 6}, 9},
		"three":           {append(append(chunk(11, nil), chunk(3, nil)...), chunk(0, []byte{1})...), []uint8{11, 3, 0}, 11},
		"half a header":   {append(chunk(11, nil), 6, 0, 0), []uint8{11}, 11},
		"second of 0":     {append(chunk(11, nil), 6, 0, 0, 0, 1, 0, 0, 4), []uint8{11, 6}, 6},
		"second too long": {append(chunk(11, nil), 0, 0, 0xff, 0xff), []uint8{11, 0}, 11},
	} {
		p := wiretest.SCTP(flow, c.chunks)
		var got []uint8
		for x, ok := p.SCTP().First(), true; ok; x, ok = x.Next() {
			got = append(got, x.Type())
		}
		if string(got) != string(c.want) || p.SCTP().Signal() != c.signal {
			t.Errorf("%s: chunks %v, signal %d, want %v, %d", name, got, p.SCTP().Signal(), c.want, c.signal)
		}
	}
}

func TestSCTPChecksumAllocatesNothing(t *testing.T) {
	h := wiretest.SCTP(flow, wiretest.Chunk(wire.SCTPData, wiretest.Payload(1400))).SCTP()
	if n := testing.AllocsPerRun(100, func() { h.FillChecksum() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkCRC32c(b *testing.B) {
	h := wiretest.SCTP(flow, wiretest.Chunk(wire.SCTPData, wiretest.Payload(1440))).SCTP()
	b.SetBytes(int64(len(h)))
	for b.Loop() {
		h.FillChecksum()
	}
}
