package forward

import (
	"testing"

	"ulvs/wire"
	"ulvs/wire/wiretest"
)

// benchPackets returns a batch, so that a benchmark does not measure how soon a
// store can be loaded again.
func benchPackets(proto uint8) []wire.Packet {
	ps := make([]wire.Packet, 64)
	for i := range ps {
		f := make([]byte, wire.Headroom+wire.EthernetLen+60)
		p := &ps[i]
		*p = wire.Packet{Buf: f, Start: wire.Headroom, End: len(f)}
		p.Ethernet().SetEtherType(wire.EtherTypeIPv4)
		h := wire.IPv4Header{
			TotalLen: 60, TTL: 64, Protocol: proto,
			Src: [4]byte{192, 0, 2, byte(i)}, Dst: [4]byte{198, 51, 100, 1},
		}
		ip := h.Put(p.Ethernet().Payload())
		wire.TCP(ip.Payload()).SetHeaderLen(20)
		wire.TCP(ip.Payload()).SetChecksum(0x1234)
		if proto == wire.ProtoUDP {
			wire.UDP(ip.Payload()).SetLength(40)
			wire.UDP(ip.Payload()).SetChecksum(0x1234)
		}
		if f := wire.Parse(p); f != wire.FaultNone {
			panic(f.String())
		}
	}
	return ps
}

// perPacket reports the time of one packet of a batch.
func perPacket(b *testing.B, batch int) {
	b.ReportAllocs()
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(batch), "ns/packet")
}

var benchReal = wire.AddrFrom4([4]byte{203, 0, 113, 7})

func BenchmarkNATInbound(b *testing.B) {
	for name, proto := range map[string]uint8{"tcp": wire.ProtoTCP, "udp": wire.ProtoUDP} {
		b.Run(name, func(b *testing.B) {
			ps := benchPackets(proto)
			for b.Loop() {
				for i := range ps {
					NATInbound(&ps[i], benchReal, 8080)
				}
			}
			perPacket(b, len(ps))
		})
	}
}

func BenchmarkNATOutbound(b *testing.B) {
	ps := benchPackets(wire.ProtoTCP)
	for b.Loop() {
		for i := range ps {
			NATOutbound(&ps[i], benchReal, 8080)
		}
	}
	perPacket(b, len(ps))
}

func BenchmarkDecrementTTL(b *testing.B) {
	ps := benchPackets(wire.ProtoTCP)
	for b.Loop() {
		for i := range ps {
			DecrementTTL(&ps[i])
		}
	}
	perPacket(b, len(ps))
}

func BenchmarkSetMACs(b *testing.B) {
	ps := benchPackets(wire.ProtoTCP)
	hop := &struct{ src, dst wire.MAC }{wire.MAC{2, 1}, wire.MAC{2, 2}}
	for b.Loop() {
		for i := range ps {
			SetMACs(&ps[i], hop.src, hop.dst)
		}
	}
	perPacket(b, len(ps))
}

// BenchmarkSegment is a super-frame of bulk TCP on its way into a tunnel.
func BenchmarkSegment(b *testing.B) {
	p := wiretest.TCP(inboundFlow, wire.ACK, wiretest.Payload(64000), wiretest.WithGSO(1440))
	next := recycler()
	b.SetBytes(int64(p.IPLen()))
	b.ReportAllocs()
	for b.Loop() {
		if !Segment(p, 1480, next) {
			b.Fatal("refused")
		}
	}
}

func BenchmarkEncap(b *testing.B) {
	for i := range tunnelKinds {
		b.Run(tunnelKinds[i].name, func(b *testing.B) { benchEncap(b, tunnelKinds[i].to(benchReal)) })
	}
}

func benchEncap(b *testing.B, tunnel *Tunnel) {
	ps := benchPackets(wire.ProtoTCP)
	template := append([]wire.Packet(nil), ps...)
	for b.Loop() {
		copy(ps, template)
		for i := range ps {
			tunnel.Encap(&ps[i], benchReal, 1, true)
		}
	}
	perPacket(b, len(ps))
}
