package afpacket

import (
	"bytes"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ulvs/wire"
)

// TestSendMoreThanABatch: more frames than one sendmmsg takes, in order.
func TestSendMoreThanABatch(t *testing.T) {
	from, to, _ := ends(t, Geometry{SlotSize: 2048, Slots: 256, BlockSize: 64 << 10})
	frames := make([][]byte, 3*maxBatch-5)
	for i := range frames {
		frames[i] = testFrame(uint32(i), 60+i)
	}
	inject(t, from, frames...)
	got := await(t, to, len(frames))
	if len(got) != len(frames) {
		t.Fatalf("received %d frames, want %d", len(got), len(frames))
	}
	for i := range got {
		if !bytes.Equal(got[i].Frame(), frames[i]) {
			t.Fatalf("frame %d changed or out of order: %x", i, got[i].Frame())
		}
	}
	if s := from.Stats(); s.Sent != uint64(len(frames)) {
		t.Errorf("counted %d sent, want %d", s.Sent, len(frames))
	}
}

// TestForwardInPlace sends frames out of the receive ring, one of them grown
// at the front by a header in the room before it.
func TestForwardInPlace(t *testing.T) {
	both(t, func(t *testing.T, g Geometry) {
		from, middle, c := ends(t, g)
		inject(t, from, testFrame(1, 100), testFrame(2, 1400))
		pkts := make([]wire.Packet, 2)
		receiveBoth(t, middle, pkts)
		const header = wire.Headroom - wire.OffloadLen
		grown := &pkts[0]
		copy(grown.Buf[grown.Start-header:], grown.Frame()[:14])
		grown.Start -= header
		back := open(t, c.a, Options{Interface: "a0", Ring: small})
		if n := middle.Send([]*wire.Packet{grown, &pkts[1]}); n != 2 {
			t.Fatalf("sent %d frames, want 2: %+v", n, middle.Stats())
		}
		middle.Release()
		got := await(t, back, 2)
		if len(got) != 2 || len(got[0].Frame()) != 100+header || !bytes.Equal(got[1].Frame(), testFrame(2, 1400)) {
			t.Errorf("received %d frames: %v", len(got), got)
		}
	})
}

// receiveBoth fills pkts without a release in between: with V3 two frames may come
// in two blocks, one after the other.
func receiveBoth(t *testing.T, port *Port, pkts []wire.Packet) {
	t.Helper()
	poller, err := NewPoller(port)
	if err != nil {
		t.Fatal(err)
	}
	defer poller.Close()
	n := 0
	for deadline := time.Now().Add(patience); n < len(pkts) && time.Now().Before(deadline); {
		if n += port.Receive(pkts[n:]); n < len(pkts) {
			poller.Wait(time.Until(deadline))
		}
	}
	if n < len(pkts) {
		t.Fatalf("received %d frames, want %d", n, len(pkts))
	}
}

// TestOwnFramesDoNotComeBack: a one-armed director must not see what it sends.
func TestOwnFramesDoNotComeBack(t *testing.T) {
	a, b, _ := ends(t, small)
	inject(t, a, testFrame(1, 60))
	inject(t, b, testFrame(2, 60))
	if got := numbers(await(t, a, 1)); len(got) != 1 || got[0] != 2 {
		t.Errorf("received %v, want only frame 2", got)
	}
}

// TestBadFramesDoNotStopABatch: each is counted by its error and the rest go.
func TestBadFramesDoNotStopABatch(t *testing.T) {
	from, to, _ := ends(t, Geometry{SlotSize: 4096, Slots: 64, BlockSize: 64 << 10})
	good := func(n uint32) *wire.Packet { return packetOf(testFrame(n, 60)) }
	tooLong := packetOf(testFrame(90, 1600))
	badOffload := packetOf(testFrame(91, 60))
	badOffload.Offload = wire.Offload{Flags: wire.NeedsCsum, CsumStart: 2000}
	batch := []*wire.Packet{tooLong, good(1), badOffload, tooLong, good(2), good(3), badOffload}
	if n := from.Send(batch); n != 3 {
		t.Errorf("sent %d frames, want 3", n)
	}
	if got := numbers(await(t, to, 3)); len(got) != 3 || got[0] != 1 || got[1] != 2 || got[2] != 3 {
		t.Errorf("received %v, want 1, 2, 3", got)
	}
	if s := from.Stats(); s.Sent != 3 || s.SendTooLong != 2 || s.SendRefused != 2 {
		t.Errorf("stats %+v, want 3 sent, 2 too long, 2 refused", s)
	}
}

func TestErrorsAreCountedByKind(t *testing.T) {
	rows := []struct {
		errno  unix.Errno
		giveUp int // of 5 frames left
		count  func(*counters) uint64
	}{
		{unix.EINTR, 0, func(*counters) uint64 { return 0 }},
		{unix.ENETDOWN, 5, func(c *counters) uint64 { return c.sendDown.Load() }},
		{unix.ENXIO, 5, func(c *counters) uint64 { return c.sendDown.Load() }},
		{unix.EAGAIN, 5, func(c *counters) uint64 { return c.sendFull.Load() }},
		{unix.ENOBUFS, 1, func(c *counters) uint64 { return c.sendFull.Load() }},
		{unix.EMSGSIZE, 1, func(c *counters) uint64 { return c.sendTooLong.Load() }},
		{unix.EINVAL, 1, func(c *counters) uint64 { return c.sendRefused.Load() }},
	}
	for _, row := range rows {
		t.Run(unix.ErrnoName(row.errno), func(t *testing.T) {
			cnt := &counters{}
			tx := transmitter{cnt: cnt}
			if n := tx.failed(row.errno, 5); n != row.giveUp {
				t.Errorf("gives up %d frames, want %d", n, row.giveUp)
			}
			if n := row.count(cnt); n != uint64(row.giveUp) {
				t.Errorf("counted %d, want %d", n, row.giveUp)
			}
		})
	}
}

// TestSendBufferFull: a device slower than its sender leaves frames in its queue,
// which fill the socket buffer; what finds it full is dropped and counted.
func TestSendBufferFull(t *testing.T) {
	from, _, c := ends(t, small)
	throttle(t, c.a, "a0")
	if err := unix.SetsockoptInt(from.tx.fd, unix.SOL_SOCKET, unix.SO_SNDBUF, 4096); err != nil {
		t.Fatal(err)
	}
	batch := make([]*wire.Packet, 50)
	for i := range batch {
		batch[i] = packetOf(testFrame(uint32(i), 1000))
	}
	n := from.Send(batch)
	s := from.Stats()
	if n == 0 || n == len(batch) || s.Sent+s.SendFull != uint64(len(batch)) {
		t.Errorf("sent %d of %d, stats %+v; want some sent and some refused", n, len(batch), s)
	}
}
