package forwardtest

import (
	"bytes"
	"reflect"
	"testing"

	"ulvs/wire"
	"ulvs/wire/wiretest"
)

// canary fills the memory that nobody may write to.
const canary = 0xa5

// Fresh returns a packet for a frame of size bytes whose memory is full of
// rubbish and ends with the frame.
func Fresh(size int) *wire.Packet {
	return &wire.Packet{Buf: bytes.Repeat([]byte{canary}, wire.Headroom+size), End: -1, Proto: 99, TTL: 1}
}

// Sink collects the packets that Segment and Fragment make.
type Sink struct {
	Packets []*wire.Packet
	Limit   int // packets until Next refuses; 0 means no limit
}

// Next is the argument of Segment and Fragment.
func (s *Sink) Next(size int) *wire.Packet {
	if s.Limit > 0 && len(s.Packets) == s.Limit {
		return nil
	}
	s.Packets = append(s.Packets, Fresh(size))
	return s.Packets[len(s.Packets)-1]
}

// Consistent checks that p's parsed fields are those that Parse finds in its
// bytes, TTL excepted, which stays as received.
func Consistent(t testing.TB, p *wire.Packet) {
	t.Helper()
	again := wiretest.Clone(p)
	if f := wire.Parse(again); f != wire.FaultNone {
		t.Errorf("rewritten packet does not parse: %v\n%x", f, p.Frame())
		return
	}
	got, want := *p, *again
	got.Buf, want.Buf, got.TTL, want.TTL = nil, nil, 0, 0
	if !reflect.DeepEqual(got, want) {
		t.Errorf("parsed fields differ from the bytes:\n got %+v\nwant %+v", got, want)
	}
}

// guarded moves p into memory with canaries around the frame, and returns a
// function that checks them after at most grown bytes were put before it.
func guarded(t testing.TB, p *wire.Packet, grown int) func() {
	frame := p.Frame()
	buf := bytes.Repeat([]byte{canary}, 2*wire.Headroom+len(frame))
	copy(buf[wire.Headroom:], frame)
	p.Buf, p.Start, p.End = buf, wire.Headroom, wire.Headroom+len(frame)
	wire.Parse(p)
	end := p.End
	return func() {
		t.Helper()
		for i, b := range buf {
			if b != canary && (i < wire.Headroom-grown || i >= end) {
				t.Fatalf("byte %d relative to the frame's start was written", i-wire.Headroom)
			}
		}
	}
}
