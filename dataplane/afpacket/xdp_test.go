package afpacket

import (
	"bytes"
	"encoding/binary"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ulvs/internal/testns"
	"ulvs/wire"
)

// ethernetMTU is the largest frame of the tests' interfaces.
const ethernetMTU = 1514

// setXDP turns AF_XDP on or off for a port in ns.
func setXDP(t testing.TB, ns *testns.NS, port *Port, longest int) {
	t.Helper()
	if err := trySetXDP(ns, port, longest); err != nil {
		t.Fatal(err)
	}
}

func trySetXDP(ns *testns.NS, port *Port, longest int) (err error) {
	ns.Do(func() { err = port.SetXDP(longest) })
	return err
}

// xdpEnds is ends with AF_XDP at the sending one.
func xdpEnds(t testing.TB, g Geometry) (from, to *Port, c cable) {
	t.Helper()
	from, to, c = ends(t, g)
	setXDP(t, c.a, from, ethernetMTU)
	return from, to, c
}

// roomy is a ring for frames of a full MTU.
var roomy = Geometry{SlotSize: 2048, Slots: 2048, BlockSize: 64 << 10}

// TestXDPManyFrames: several times as many as there are chunks, so that all are
// used again, in order and unchanged.
func TestXDPManyFrames(t *testing.T) {
	from, to, _ := xdpEnds(t, roomy)
	for first := 0; first < 4*xdpChunks; first += 500 {
		frames := make([][]byte, 500)
		for i := range frames {
			frames[i] = testFrame(uint32(first+i), 60+i%1400)
		}
		inject(t, from, frames...)
		got := await(t, to, len(frames))
		if len(got) != len(frames) {
			t.Fatalf("received %d frames, want %d", len(got), len(frames))
		}
		for i := range got {
			if !bytes.Equal(got[i].Frame(), frames[i]) {
				t.Fatalf("frame %d changed or out of order: %x", first+i, got[i].Frame())
			}
		}
	}
	if s := from.Stats(); s.SentXDP != s.Sent || s.Sent < 4*xdpChunks {
		t.Errorf("stats %+v, want all sent by AF_XDP", s)
	}
}

// TestXDPKeepsOrder: frames that take the packet socket among frames that do not.
func TestXDPKeepsOrder(t *testing.T) {
	from, to, c := ends(t, Geometry{SlotSize: defaultSlotSize, Slots: 30, BlockSize: defaultBlockSize})
	setXDP(t, c.a, from, 600)
	var frames [][]byte
	for i, size := range []int{60, 601, 602, 600, 60, 1514, 99, 98, 1000} {
		frames = append(frames, testFrame(uint32(i), size))
	}
	inject(t, from, frames...)
	for i, p := range await(t, to, len(frames)) {
		if !bytes.Equal(p.Frame(), frames[i]) {
			t.Errorf("frame %d changed or out of order: number %d", i, number(&p))
		}
	}
	if s := from.Stats(); s.Sent != 9 || s.SentXDP != 5 {
		t.Errorf("stats %+v, want 9 sent, 5 of them by AF_XDP", s)
	}
}

// TestXDPFinishesChecksums: what the packet socket would leave to the device is
// done, 0 in its other form, and what cannot be done goes by the packet socket.
func TestXDPFinishesChecksums(t *testing.T) {
	const start, inUDP, inTCP, inSCTP = 20, csumInUDP, csumInTCP, 8
	rows := []struct {
		name   string
		size   int
		offset uint16
		zero   bool // the sum comes to 0
		xdp    bool
	}{
		{"UDP", 60, inUDP, false, true},
		{"TCP", 101, inTCP, false, true},
		{"UDP, 0", 60, inUDP, true, true},
		{"longest", finishUpTo, inTCP, false, true},
		{"longer", finishUpTo + 1, inTCP, false, false},
		{"SCTP", 60, inSCTP, false, false},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			from, to, _ := xdpEnds(t, roomy)
			pkt := packetOf(testFrame(1, row.size))
			pkt.Offload = wire.Offload{Flags: wire.NeedsCsum, CsumStart: start, CsumOffset: row.offset}
			at := start + int(row.offset)
			if f := pkt.Frame(); row.zero {
				binary.BigEndian.PutUint16(f[at:], 0)
				binary.BigEndian.PutUint16(f[at:], wire.Checksum(f[start:], 0))
			}
			before := bytes.Clone(pkt.Frame())
			if n := from.Send([]*wire.Packet{pkt}); n != 1 {
				t.Fatalf("sent %d frames: %+v", n, from.Stats())
			}
			if !bytes.Equal(pkt.Frame(), before) {
				t.Error("the packet itself was changed")
			}
			if s := from.Stats(); (s.SentXDP == 1) != row.xdp {
				t.Errorf("stats %+v, want by AF_XDP %t", s, row.xdp)
			}
			got := await(t, to, 1)
			if len(got) != 1 || got[0].Offload.Partial() == row.xdp {
				t.Fatalf("received %d frames, offload %+v", len(got), got[0].Offload)
			}
			want := bytes.Clone(before)
			if row.xdp {
				binary.BigEndian.PutUint16(want[at:], max(wire.Checksum(want[start:], 0), 1))
				if row.zero {
					binary.BigEndian.PutUint16(want[at:], 0xffff)
				}
			}
			if !bytes.Equal(got[0].Frame(), want) {
				t.Errorf("received\n%x, want\n%x", got[0].Frame(), want)
			}
		})
	}
}

// TestXDPSuperFrame: segmentation is the packet socket's.
func TestXDPSuperFrame(t *testing.T) {
	from, _, _ := xdpEnds(t, roomy)
	pkt := packetOf(testFrame(1, 1000))
	pkt.Offload.GSOType = wire.GSOTCPv4
	from.Send([]*wire.Packet{pkt})
	if s := from.Stats(); s.SentXDP != 0 {
		t.Errorf("stats %+v: a super-frame went by AF_XDP", s)
	}
}

// TestXDPLinkFlap: what is given to an interface that is down is counted and never
// sent later, and after SetXDP it goes on.
func TestXDPLinkFlap(t *testing.T) {
	from, to, c := xdpEnds(t, roomy)
	for round := range uint32(3) {
		c.a.Down("a0")
		down := []*wire.Packet{packetOf(testFrame(100, 60)), packetOf(testFrame(101, 60))}
		if n := from.Send(down) + from.Send(down); n != 0 {
			t.Errorf("sent %d frames by an interface that is down", n)
		}
		c.a.Up("a0")
		setXDPSoon(t, c.a, from)
		reach(t, from, to, round)
	}
	inject(t, from, testFrame(50, 60))
	for _, p := range await(t, to, 1) {
		if number(&p) >= 100 {
			t.Errorf("frame %d came late", number(&p))
		}
	}
	if s := from.Stats(); s.SendDown != 12 || s.SentXDP == 0 {
		t.Errorf("stats %+v, want 12 frames for a link that was down, and some by AF_XDP", s)
	}
}

// setXDPSoon turns AF_XDP on again after a failure: the first call closes the
// failed sender, and the kernel gives its queue free a little later.
func setXDPSoon(t *testing.T, ns *testns.NS, port *Port) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); runtime.Gosched() {
		if err = trySetXDP(ns, port, ethernetMTU); err == nil {
			return
		}
	}
	t.Fatal(err)
}

// TestXDPOtherEndDown: the device drops every frame, which is no reason to give
// AF_XDP up.
func TestXDPOtherEndDown(t *testing.T) {
	from, to, c := xdpEnds(t, roomy)
	c.b.Down("b0")
	batch := make([]*wire.Packet, 100)
	for i := range batch {
		batch[i] = packetOf(testFrame(uint32(i), 60))
	}
	n := from.Send(batch)
	if s := from.Stats(); uint64(n) != s.Sent || s.Sent+s.SendFull+s.SendDown != uint64(len(batch)) {
		t.Errorf("sent %d, stats %+v, want %d frames in all", n, s, len(batch))
	}
	c.b.Up("b0")
	setXDPSoon(t, c.a, from)
	reach(t, from, to, 1000)
}

// TestXDPOff: off and on again, the same sender.
func TestXDPOff(t *testing.T) {
	from, to, c := xdpEnds(t, roomy)
	for i, longest := range []int{0, ethernetMTU, 0, MaxXDPFrame + 1} {
		setXDP(t, c.a, from, longest)
		before := from.Stats().SentXDP
		inject(t, from, testFrame(uint32(i), 60))
		if n := from.Stats().SentXDP - before; n != uint64(min(longest, 1)) {
			t.Errorf("SetXDP(%d): %d frames by AF_XDP", longest, n)
		}
	}
	if got := await(t, to, 4); len(got) != 4 {
		t.Errorf("received %d frames, want 4", len(got))
	}
}

// TestXDPBusyQueue: a queue has one sender, another port keeps its packet socket;
// so does one whose queue the device has not.
func TestXDPBusyQueue(t *testing.T) {
	_, to, c := xdpEnds(t, roomy)
	for _, queue := range []int{0, 7} {
		other := open(t, c.a, Options{Interface: "a0", Ring: small, Queue: queue})
		if err := trySetXDP(c.a, other, ethernetMTU); err == nil {
			t.Errorf("queue %d: no error", queue)
		}
		inject(t, other, testFrame(1, 60))
		if len(await(t, to, 1)) != 1 {
			t.Error("nothing arrived")
		}
	}
}

// TestXDPMoreReceiveQueues: a queue that is there for reception only can be bound to
// and takes nothing; no frame is lost for it, and it is not tried again.
func TestXDPMoreReceiveQueues(t *testing.T) {
	c := cable{testns.New(t), testns.New(t)}
	err := c.a.Handle().LinkAdd(&netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: "a0", NumTxQueues: 1, NumRxQueues: 4, TxQLen: -1},
		PeerName:  "b0", PeerNamespace: netlink.NsFd(c.b.FD()),
	})
	if err != nil {
		t.Fatal(err)
	}
	c.a.Up("a0")
	c.b.Up("b0")
	c.a.Ready("a0")
	to := open(t, c.b, Options{Interface: "b0", Ring: roomy})
	from := open(t, c.a, Options{Interface: "a0", Ring: small, Queue: 2})
	setXDP(t, c.a, from, ethernetMTU)
	frames := make([][]byte, 100)
	for i := range frames {
		frames[i] = testFrame(uint32(i), 60)
	}
	inject(t, from, frames...)
	for i, p := range await(t, to, len(frames)) {
		if number(&p) != uint32(i) {
			t.Fatalf("frame %d at place %d", number(&p), i)
		}
	}
	if s := from.Stats(); s.Sent != 100 || s.SentXDP != 0 || s.SendFull != 0 {
		t.Errorf("stats %+v, want all sent, none by AF_XDP", s)
	}
	for range 3 {
		if err := trySetXDP(c.a, from, ethernetMTU); !errors.Is(err, errNoQueue) {
			t.Errorf("error %v, want %v", err, errNoQueue)
		}
	}
	inject(t, from, testFrame(1000, 60))
}

// TestXDPTriesLessOften: after an attempt that failed the next calls are answered
// without one.
func TestXDPTriesLessOften(t *testing.T) {
	busy, _, c := xdpEnds(t, roomy)
	other := open(t, c.a, Options{Interface: "a0", Ring: small})
	for _, want := range []int{1, 3, 7} {
		for other.skip == 0 {
			if err := trySetXDP(c.a, other, ethernetMTU); err == nil {
				t.Fatal("two senders on a queue")
			}
		}
		if other.skip != want {
			t.Errorf("%d calls skipped, want %d", other.skip, want)
		}
		for range want {
			if err := trySetXDP(c.a, other, ethernetMTU); err == nil {
				t.Fatal("two senders on a queue")
			}
		}
	}
	if err := busy.Close(); err != nil {
		t.Fatal(err)
	}
	setXDPSoon(t, c.a, other)
}

// TestXDPDeleted: the interface goes while there is a sender on it.
func TestXDPDeleted(t *testing.T) {
	from, _, c := xdpEnds(t, roomy)
	c.a.Delete("a0")
	if n := from.Send([]*wire.Packet{packetOf(testFrame(1, 60))}); n != 0 {
		t.Errorf("sent %d frames by an interface that is gone", n)
	}
	if s := from.Stats(); s.SendDown != 1 {
		t.Errorf("stats %+v, want one for an interface that was gone", s)
	}
	if err := trySetXDP(c.a, from, ethernetMTU); err == nil {
		t.Error("a sender on an interface that is gone")
	}
	if err := from.Close(); err != nil {
		t.Error(err)
	}
	if err := trySetXDP(c.a, from, ethernetMTU); err == nil {
		t.Error("a sender for a closed port")
	}
}

// TestXDPErrorsAreCountedByKind: what is still staged is given up.
func TestXDPErrorsAreCountedByKind(t *testing.T) {
	rows := []struct {
		errno unix.Errno
		count func(Stats) uint64
	}{
		{unix.ENETDOWN, func(s Stats) uint64 { return s.SendDown }},
		{unix.ENXIO, func(s Stats) uint64 { return s.SendDown }},
		{unix.EAGAIN, func(s Stats) uint64 { return s.SendFull }},
		{unix.EINVAL, func(s Stats) uint64 { return s.SendRefused }},
	}
	from, _, c := xdpEnds(t, roomy)
	for _, row := range rows {
		t.Run(unix.ErrnoName(row.errno), func(t *testing.T) {
			setXDPSoon(t, c.a, from)
			x, before := from.tx.xdp.Load(), from.Stats()
			x.staged += 3 // never published
			if n := from.tx.broken(x, row.errno, 5); n != 3 {
				t.Errorf("gave up %d of 5, want 3", n)
			}
			after := from.Stats()
			if n := row.count(after) - row.count(before); n != 3 {
				t.Errorf("counted %d, want 3", n)
			}
			inject(t, from, testFrame(1, 60))
			if from.Stats().SentXDP != after.SentXDP {
				t.Error("still by AF_XDP")
			}
		})
	}
}

// TestXDPSwitchedWhileSending: SetXDP belongs to another goroutine.
func TestXDPSwitchedWhileSending(t *testing.T) {
	from, to, c := xdpEnds(t, roomy)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 200 {
			_ = trySetXDP(c.a, from, i%2*ethernetMTU)
		}
	}()
	var sent uint32
	for running := true; running; sent++ {
		select {
		case <-done:
			running = false
		default:
		}
		inject(t, from, testFrame(sent, 60))
		for _, p := range await(t, to, 1) {
			if number(&p) != sent {
				t.Fatalf("received frame %d, want %d", number(&p), sent)
			}
		}
	}
}

// TestXDPSendAllocatesNothing, both ways in one batch.
func TestXDPSendAllocatesNothing(t *testing.T) {
	from, _, _ := xdpEnds(t, roomy)
	batch := []*wire.Packet{packetOf(testFrame(1, 60)), packetOf(testFrame(2, 60)), packetOf(testFrame(3, 1000))}
	batch[1].Offload = wire.Offload{Flags: wire.NeedsCsum, CsumStart: 20, CsumOffset: csumInUDP}
	batch[2].Offload = wire.Offload{Flags: wire.NeedsCsum, CsumStart: 20, CsumOffset: csumInUDP}
	if n := testing.AllocsPerRun(1000, func() { from.Send(batch) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if s := from.Stats(); s.SentXDP == 0 || s.SentXDP == s.Sent {
		t.Errorf("stats %+v, want frames by both ways", s)
	}
}
