package memport_test

import (
	"bytes"
	"sync"
	"testing"
	"time"

	"ulvs/dataplane"
	"ulvs/dataplane/memport"
	"ulvs/wire"
)

var (
	_ dataplane.Port   = (*memport.Port)(nil)
	_ dataplane.Waiter = (*memport.Waiter)(nil)
)

func TestFramesComeInOrder(t *testing.T) {
	p := memport.New(7)
	for i := range 5 {
		p.Inject(bytes.Repeat([]byte{byte(i)}, 60+i))
	}
	pkts := make([]wire.Packet, 3)
	next := 0
	for _, want := range []int{3, 2, 0} {
		n := p.Receive(pkts)
		if n != want {
			t.Fatalf("received %d frames, want %d", n, want)
		}
		for i := range n {
			checkFrame(t, &pkts[i], next)
			next++
		}
		p.Release()
	}
	if s := p.Stats(); s.Received != 5 {
		t.Errorf("counted %d received, want 5", s.Received)
	}
}

func checkFrame(t *testing.T, pkt *wire.Packet, i int) {
	t.Helper()
	if pkt.Start < wire.Headroom {
		t.Errorf("frame %d has %d bytes of headroom, want %d", i, pkt.Start, wire.Headroom)
	}
	if !bytes.Equal(pkt.Frame(), bytes.Repeat([]byte{byte(i)}, 60+i)) {
		t.Errorf("frame %d changed: %x", i, pkt.Frame())
	}
	if pkt.In != 7 {
		t.Errorf("frame %d came in on %d, want 7", i, pkt.In)
	}
}

func TestMetadataTravels(t *testing.T) {
	p := memport.New(1)
	in := memport.Frame{
		Data: make([]byte, 65226), Type: wire.ToBroadcast, Clipped: true,
		HasVLAN: true, VLANTCI: 0x2005, VLANTPID: 0x88a8,
		Offload: wire.Offload{Flags: wire.NeedsCsum, GSOType: wire.GSOTCPv4, GSOSize: 1448},
	}
	p.InjectFrames(in)
	pkts := make([]wire.Packet, 1)
	if n := p.Receive(pkts); n != 1 {
		t.Fatalf("received %d frames, want 1", n)
	}
	got := pkts[0]
	if got.PktType != in.Type || !got.Clipped || !got.HasVLAN || got.VLANTCI != in.VLANTCI ||
		got.VLANTPID != in.VLANTPID || got.Offload != in.Offload {
		t.Errorf("metadata changed: %+v", got)
	}
	p.Send([]*wire.Packet{&got})
	out := p.Sent()
	if len(out) != 1 || out[0].Offload != in.Offload || out[0].VLANTCI != in.VLANTCI {
		t.Errorf("sent frame lost its metadata: %+v", out)
	}
}

func TestSendWritesOffloadBeforeFrame(t *testing.T) {
	p := memport.New(1)
	pkt := received(p, make([]byte, 60))
	pkt.Start -= 20 // as a tunnel header does
	pkt.Offload = wire.Offload{GSOSize: 1400}
	p.Send([]*wire.Packet{pkt})
	var got wire.Offload
	got.Decode(pkt.Buf[pkt.Start-wire.OffloadLen:])
	if got != pkt.Offload {
		t.Errorf("offload before the frame is %+v, want %+v", got, pkt.Offload)
	}
	if sent := p.Sent(); len(sent[0].Data) != 80 {
		t.Errorf("sent %d bytes, want 80", len(sent[0].Data))
	}
}

func received(p *memport.Port, frame []byte) *wire.Packet {
	p.Inject(frame)
	pkts := make([]wire.Packet, 1)
	p.Receive(pkts)
	return &pkts[0]
}

func TestRefusedFramesAreCounted(t *testing.T) {
	p := memport.New(1)
	pkt := received(p, make([]byte, 60))
	p.Refuse(func(*wire.Packet) bool { return true })
	if n := p.Send([]*wire.Packet{pkt, pkt}); n != 0 {
		t.Errorf("sent %d frames, want 0", n)
	}
	p.Refuse(nil)
	if n := p.Send([]*wire.Packet{pkt}); n != 1 {
		t.Errorf("sent %d frames, want 1", n)
	}
	if s := p.Stats(); s.Refused != 2 || s.Sent != 1 {
		t.Errorf("counted %+v, want 2 refused and 1 sent", s)
	}
}

func TestPoisonShowsUseAfterRelease(t *testing.T) {
	p := memport.New(1)
	p.Poison(true)
	pkt := received(p, make([]byte, 60))
	p.Release()
	if pkt.Frame()[0] == 0 {
		t.Error("released memory still holds the frame")
	}
}

func TestWaitEnds(t *testing.T) {
	p, q := memport.New(1), memport.New(2)
	w := memport.NewWaiter(p, q)
	for name, end := range map[string]func(){
		"wake":   w.Wake,
		"inject": func() { q.Inject(make([]byte, 60)) },
	} {
		var wg sync.WaitGroup
		wg.Go(func() { w.Wait(time.Hour) })
		end()
		wg.Wait()
		t.Log("ended by", name)
	}
	w.Wait(time.Hour) // a frame is pending: at once
	p.Receive(make([]wire.Packet, 1))
	q.Receive(make([]wire.Packet, 1))
	w.Wait(0)
}

func TestNoAllocs(t *testing.T) {
	p := memport.New(1)
	frame := make([]byte, 60)
	pkts := make([]wire.Packet, 4)
	out := make([]*wire.Packet, 4)
	for i := range pkts {
		out[i] = &pkts[i]
	}
	allocs := testing.AllocsPerRun(100, func() {
		p.Inject(frame, frame, frame, frame)
		n := p.Receive(pkts)
		p.Send(out[:n])
		p.Release()
		p.Reset()
	})
	if allocs != 0 {
		t.Errorf("a batch makes %v allocations, want 0", allocs)
	}
}

func BenchmarkBatch(b *testing.B) {
	p := memport.New(1)
	p.Discard(true)
	frames := make([][]byte, 64)
	pkts := make([]wire.Packet, 64)
	out := make([]*wire.Packet, 64)
	for i := range frames {
		frames[i], out[i] = make([]byte, 60), &pkts[i]
	}
	b.ReportAllocs()
	for b.Loop() {
		p.Inject(frames...)
		p.Send(out[:p.Receive(pkts)])
		p.Release()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/64, "ns/packet")
}
