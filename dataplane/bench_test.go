package dataplane_test

import (
	"encoding/binary"
	"testing"
	"time"

	"ulvs/dataplane"
	"ulvs/service"
	"ulvs/wire"
	"ulvs/wire/wiretest"
)

// benchFlows is the number of connections that the hit benchmarks go through,
// benchCapacity what the table has room for.
const (
	benchFlows    = 10_000
	benchCapacity = 1 << 14
)

// BenchmarkRound is one packet of a known connection through the worker with
// ports in memory: receive, the pipeline, send, release. The arrival of the
// frames in the port, which is the kernel's work on a real one, is not timed.
func BenchmarkRound(b *testing.B) {
	for _, m := range []service.Method{service.DR, service.NAT} {
		b.Run(m.String(), func(b *testing.B) { benchRound(b, m) })
	}
}

func benchRound(b *testing.B, m service.Method) {
	x := newWorld(b, benchCapacity)
	x.balance(service.TCP, "wlc", m, 3)
	runLane(x, clientPackets(benchFlows, wire.SYN))
	for _, p := range x.eth {
		p.Reset()
		p.Discard(true)
	}
	batch := make([]memFrame, dataplane.BatchSize)
	for i := range batch {
		batch[i].Data = wiretest.TCP(flow(0), wire.ACK, nil, toDirector()).Frame()
	}
	before := x.eth[1].Stats().Sent
	b.ReportAllocs()
	b.ResetTimer()
	var took time.Duration
	for i := 0; i < b.N; i += len(batch) {
		for j := range batch {
			setClientPort(batch[j].Data, (i+j)%benchFlows)
		}
		x.eth[0].InjectFrames(batch...)
		start := time.Now()
		x.w.Round()
		took += time.Since(start)
	}
	b.StopTimer()
	b.ReportMetric(float64(took.Nanoseconds())/float64((b.N+len(batch)-1)/len(batch)*len(batch)), "ns/op")
	if sent := x.eth[1].Stats().Sent - before; sent < uint64(b.N) {
		b.Fatalf("%d of %d packets were sent", sent, b.N)
	}
}

// BenchmarkHit is the pipeline alone: parse, look-up, state, rewrite, next hop,
// queue; the frame is copied into place first.
func BenchmarkHit(b *testing.B) {
	for _, m := range []service.Method{service.DR, service.NAT, service.Tunnel} {
		b.Run(m.String(), func(b *testing.B) { benchHit(b, m) })
	}
}

func benchHit(b *testing.B, m service.Method) {
	x := newWorld(b, benchCapacity)
	x.balance(service.TCP, "wlc", m, 3)
	runLane(x, clientPackets(benchFlows, wire.SYN))
	ring := newRing(wire.ACK)
	l := x.d.Lane(0)
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; i < b.N; {
		l.Begin(x.now)
		for j := 0; j < dataplane.BatchSize && i < b.N; j, i = j+1, i+1 {
			if v := l.Handle(ring.packet(i % benchFlows)); v != dataplane.Forwarded {
				b.Fatal(v)
			}
		}
		l.Sent()
		l.End()
	}
}

// ring stands for a receive ring: a batch of frames whose memory is used over
// and over, as the memory of a real one is warm from the kernel's copy.
type ring struct {
	pkts     [dataplane.BatchSize]wire.Packet
	template []byte
	at       int
}

func newRing(flags uint8) *ring {
	r := &ring{template: wiretest.TCP(flow(0), flags, nil, toDirector()).Frame()}
	for i := range r.pkts {
		r.pkts[i].Buf = make([]byte, 2048)
	}
	return r
}

// packet is the next frame, of client n.
func (r *ring) packet(n int) *wire.Packet {
	p := &r.pkts[r.at%len(r.pkts)]
	r.at++
	p.Start, p.End = 128, 128+len(r.template)
	f := p.Buf[p.Start:p.End]
	copy(f, r.template)
	setClientPort(f, n)
	return p
}

// setClientPort makes a frame client n's. The TCP checksum, which nobody on
// this path verifies, stays as it is.
func setClientPort(f []byte, n int) {
	binary.BigEndian.PutUint16(f[wire.EthernetLen+wire.IPv4Len:], uint16(clientPort(n)))
}

// clientPort is the source port of client n.
func clientPort(n int) int { return 1024 + n%60000 }

// runLane passes packets through the lane of the world.
func runLane(x *world, pkts []*wire.Packet) {
	l := x.d.Lane(0)
	l.Begin(x.now)
	for _, p := range pkts {
		l.Handle(p)
		l.Sent()
	}
	l.End()
}

// clientPackets is one minimal TCP packet of each of n connections.
func clientPackets(n int, flags uint8) []*wire.Packet {
	out := make([]*wire.Packet, n)
	for i := range out {
		out[i] = wiretest.TCP(flow(clientPort(i)), flags, nil, toDirector())
	}
	return out
}

// BenchmarkNew is the first packet of a connection: the same with scheduling
// and a new entry.
func BenchmarkNew(b *testing.B) {
	for _, name := range []string{"rr", "wrr", "lc", "wlc"} {
		b.Run(name, func(b *testing.B) { benchNew(b, name) })
	}
}

func benchNew(b *testing.B, scheduler string) {
	const flows = 50_000
	x := newWorld(b, benchCapacity)
	x.balance(service.TCP, scheduler, service.DR, 9)
	ring := newRing(wire.SYN)
	l := x.d.Lane(0)
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; i < b.N; i++ {
		k := i % flows
		if k == 0 {
			b.StopTimer()
			x.now += time.Hour
			for x.d.Conns().Tick(x.now, 1<<20) > 0 {
			}
			b.StartTimer()
		}
		if k%dataplane.BatchSize == 0 {
			l.Sent()
			l.End()
			l.Begin(x.now)
		}
		if v := l.Handle(ring.packet(k)); v != dataplane.Forwarded {
			b.Fatal(v)
		}
	}
	l.End()
}

// BenchmarkObserver is BenchmarkHit by direct routing with an observer: one that
// wants no packet, and one that wants all.
func BenchmarkObserver(b *testing.B) {
	for name, wants := range map[string]bool{"unwanted": false, "wanted": true} {
		b.Run(name, func(b *testing.B) {
			x := newWorld(b, benchCapacity)
			x.balance(service.TCP, "wlc", service.DR, 3)
			runLane(x, clientPackets(benchFlows, wire.SYN))
			x.d.Lane(0).Observe(&bystander{wants})
			ring, l := newRing(wire.ACK), x.d.Lane(0)
			b.ReportAllocs()
			b.ResetTimer()
			for i := 0; i < b.N; {
				l.Begin(x.now)
				for j := 0; j < dataplane.BatchSize && i < b.N; j, i = j+1, i+1 {
					l.Handle(ring.packet(i % benchFlows))
				}
				l.Sent()
				l.End()
			}
		})
	}
}

// bystander is an observer that does nothing.
type bystander struct{ wants bool }

func (o *bystander) Wants(*wire.Packet) bool { return o.wants }
func (*bystander) Traced(*dataplane.Trace)   {}
