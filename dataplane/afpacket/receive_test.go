package afpacket

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"golang.org/x/net/bpf"

	"ulvs/wire"
)

func TestFramesArriveWhole(t *testing.T) {
	both(t, func(t *testing.T, g Geometry) {
		from, to, _ := ends(t, g)
		for i, size := range []int{60, 61, 64, 127, 590, 1513, 1514} {
			frame := testFrame(uint32(i), size)
			inject(t, from, frame)
			got := await(t, to, 1)
			if len(got) != 1 {
				t.Fatalf("%d bytes: received %d frames, want 1", size, len(got))
			}
			checkWhole(t, &got[0], frame)
		}
	})
}

func checkWhole(t *testing.T, p *wire.Packet, frame []byte) {
	t.Helper()
	if !bytes.Equal(p.Frame(), frame) {
		t.Errorf("frame of %d bytes changed:\n%x", len(frame), p.Frame())
	}
	if p.Start < wire.Headroom {
		t.Errorf("%d bytes before the frame, want at least %d", p.Start, wire.Headroom)
	}
	if p.In != 3 || p.PktType != wire.ToBroadcast || p.Clipped || p.HasVLAN || p.Offload.GSO() != wire.GSONone {
		t.Errorf("metadata: in %d, type %d, clipped %v, vlan %v, offload %+v",
			p.In, p.PktType, p.Clipped, p.HasVLAN, p.Offload)
	}
}

func TestPacketTypes(t *testing.T) {
	from, to, c := ends(t, small)
	rows := []struct {
		name string
		dst  []byte
		want wire.PacketType
	}{
		{"host", c.b.MAC("b0"), wire.ToHost},
		{"broadcast", wire.Broadcast[:], wire.ToBroadcast},
		{"multicast", []byte{1, 0, 0x5e, 0, 0, 1}, wire.ToMulticast},
		{"other host", []byte{2, 9, 9, 9, 9, 9}, wire.ToOtherHost},
	}
	for _, row := range rows {
		frame := testFrame(0, 60)
		copy(frame, row.dst)
		inject(t, from, frame)
		got := await(t, to, 1)
		if len(got) != 1 || got[0].PktType != row.want {
			t.Errorf("%s: received %d frames of type %v, want type %d", row.name, len(got), got, row.want)
		}
	}
}

func TestVLANTagComesAsMetadata(t *testing.T) {
	both(t, func(t *testing.T, g Geometry) {
		from, to, _ := ends(t, g)
		plain := testFrame(1, 60)
		tagged := append([]byte(nil), plain[:12]...)
		tagged = binary.BigEndian.AppendUint16(tagged, 0x8100)
		tagged = binary.BigEndian.AppendUint16(tagged, 0x6005)
		tagged = append(tagged, plain[12:]...)
		inject(t, from, tagged, plain)
		got := await(t, to, 2)
		if len(got) != 2 {
			t.Fatalf("received %d frames, want 2", len(got))
		}
		if p := got[0]; !p.HasVLAN || p.VLANTCI != 0x6005 || p.VLANTPID != 0x8100 || !bytes.Equal(p.Frame(), plain) {
			t.Errorf("tag: %v %04x %04x, frame %x", p.HasVLAN, p.VLANTCI, p.VLANTPID, p.Frame())
		}
		if got[1].HasVLAN {
			t.Error("a plain frame has a VLAN tag")
		}
	})
}

// TestOrderOverManyRounds goes round a small ring many times, in batches that
// do not divide it, so that every slot and both ends of a block are met.
func TestOrderOverManyRounds(t *testing.T) {
	for name, g := range map[string]Geometry{
		"V2": {SlotSize: 3008, Slots: 10, BlockSize: 16 << 10}, // 5 slots a block, 1,344 bytes unused
		"V3": {Version: V3, Slots: 4, BlockSize: 16 << 10},
	} {
		t.Run(name, func(t *testing.T) {
			from, to, _ := ends(t, g)
			next := uint32(0)
			for round := range 100 {
				n := 1 + round%7
				for i := range n {
					inject(t, from, testFrame(next+uint32(i), 60+int(next%900)))
				}
				for _, p := range await(t, to, n) {
					if number(&p) != next {
						t.Fatalf("round %d: frame %d came, want %d", round, number(&p), next)
					}
					next++
				}
			}
			if s := to.Stats(); s.RingDrops != 0 || s.Received < uint64(next) {
				t.Errorf("stats %+v, want %d received and none dropped", s, next)
			}
		})
	}
}

// TestSeveralBatchesBeforeRelease: what a first Receive leaves, the next takes,
// and all stay valid until Release.
func TestSeveralBatchesBeforeRelease(t *testing.T) {
	both(t, func(t *testing.T, g Geometry) {
		from, to, _ := ends(t, g)
		frames := make([][]byte, 7)
		for i := range frames {
			frames[i] = testFrame(uint32(i), 100+i)
		}
		inject(t, from, frames...)
		poller := newTestPoller(t, to)
		pkts := make([]wire.Packet, len(frames))
		n := 0
		for deadline := time.Now().Add(patience); n < len(frames) && time.Now().Before(deadline); {
			poller.Wait(time.Until(deadline))
			n += to.Receive(pkts[n:min(n+2, len(pkts))])
		}
		if n != len(frames) {
			t.Fatalf("received %d frames, want %d", n, len(frames))
		}
		for i := range pkts {
			checkWhole(t, &pkts[i], frames[i])
		}
		to.Release()
	})
}

// TestAllSlotsLent: with the whole ring in hand Receive returns nothing, not
// the same frames again.
func TestAllSlotsLent(t *testing.T) {
	from, to, _ := ends(t, Geometry{SlotSize: 4096, Slots: 4, BlockSize: 16 << 10})
	for i := range uint32(6) {
		inject(t, from, testFrame(i, 60))
	}
	waitArrived(t, to, 6)
	pkts := make([]wire.Packet, 16)
	if n := to.Receive(pkts); n != 4 {
		t.Fatalf("received %d frames, want the ring's 4", n)
	}
	if n := to.Receive(pkts); n != 0 {
		t.Errorf("received %d frames again", n)
	}
	to.Release()
	inject(t, from, testFrame(9, 60))
	if got := await(t, to, 1); len(got) != 1 || number(&got[0]) != 9 {
		t.Errorf("after release received %v, want number 9", got)
	}
}

func TestClippedFrameIsMarked(t *testing.T) {
	from, to, _ := ends(t, Geometry{SlotSize: 512, Slots: 8, BlockSize: 4096})
	inject(t, from, testFrame(1, 300), testFrame(2, 1500), testFrame(3, 300))
	got := await(t, to, 3)
	if len(got) != 3 {
		t.Fatalf("received %d frames, want 3", len(got))
	}
	for i, want := range []bool{false, true, false} {
		if got[i].Clipped != want {
			t.Errorf("frame %d: clipped = %v, want %v", i, got[i].Clipped, want)
		}
	}
	if s := to.Stats(); s.Clipped != 1 {
		t.Errorf("counted %d clipped, want 1", s.Clipped)
	}
}

// TestStatsAccumulate: the kernel forgets its counts when they are read, Stats
// must not.
func TestStatsAccumulate(t *testing.T) {
	from, to, _ := ends(t, Geometry{SlotSize: 4096, Slots: 4, BlockSize: 16 << 10})
	for round := range uint64(3) {
		for i := range uint32(10) {
			inject(t, from, testFrame(i, 60))
		}
		waitArrived(t, to, 10*(round+1))
		if s := to.Stats(); s.RingDrops != 6*(round+1) {
			t.Errorf("round %d: %d dropped, want %d", round, to.Stats().RingDrops, 6*(round+1))
		}
		take(to)
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	s := to.Stats()
	if s.RingDrops != 18 || s.Received != 12 || s.Arrived != s.Received+s.RingDrops {
		t.Errorf("after close: %+v, want 12 received of 30, 18 dropped", s)
	}
}

func TestFilterAtRunTime(t *testing.T) {
	c := newCable(t)
	from := open(t, c.a, Options{Interface: "a0", Ring: small})
	to := open(t, c.b, Options{Interface: "b0", Ring: small, Filter: onlyNumber(t, 2)})
	rows := []struct {
		prog []bpf.RawInstruction
		want []uint32
	}{
		{onlyNumber(t, 2), []uint32{2}},
		{onlyNumber(t, 3), []uint32{3}},
		{nil, []uint32{1, 2, 3}},
		{nil, []uint32{1, 2, 3}}, // nothing to detach
		{onlyNumber(t, 3), []uint32{3}},
	}
	for i, row := range rows {
		if err := to.SetFilter(row.prog); err != nil {
			t.Fatal(err)
		}
		inject(t, from, testFrame(1, 60), testFrame(2, 60), testFrame(3, 60))
		got := numbers(await(t, to, len(row.want)))
		if !slices.Equal(got, row.want) {
			t.Errorf("step %d: frames %v passed, want %v", i, got, row.want)
		}
	}
}

// onlyNumber is a filter that lets one test frame in.
func onlyNumber(t *testing.T, n uint32) []bpf.RawInstruction {
	t.Helper()
	prog, err := bpf.Assemble([]bpf.Instruction{
		bpf.LoadAbsolute{Off: 14, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: n, SkipFalse: 1},
		bpf.RetConstant{Val: 1 << 18},
		bpf.RetConstant{Val: 0},
	})
	if err != nil {
		t.Fatal(err)
	}
	return prog
}

func numbers(pkts []wire.Packet) []uint32 {
	out := make([]uint32, len(pkts))
	for i := range pkts {
		out[i] = number(&pkts[i])
	}
	return out
}

func TestNoAllocs(t *testing.T) {
	from, to, _ := ends(t, small)
	pkt := packetOf(testFrame(1, 60))
	out := []*wire.Packet{pkt, pkt, pkt}
	pkts := make([]wire.Packet, 8)
	poller, err := NewPoller(to)
	if err != nil {
		t.Fatal(err)
	}
	defer poller.Close()
	allocs := testing.AllocsPerRun(100, func() {
		from.Send(out)
		poller.Wait(patience)
		to.Receive(pkts)
		to.Release()
	})
	if allocs != 0 {
		t.Errorf("a batch makes %v allocations, want 0", allocs)
	}
}
