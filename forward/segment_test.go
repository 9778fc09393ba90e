package forward

import (
	"bytes"
	"testing"

	"ulvs/forward/forwardtest"
	"ulvs/wire"
	"ulvs/wire/wiretest"
)

const allFlags = wire.FIN | wire.PSH | wire.ACK | wire.ECE | wire.CWR

// timestamps is a TCP option of 10 bytes with padding.
var timestamps = wiretest.WithTCPOptions(1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8)

func TestSegmentTCP(t *testing.T) {
	for _, c := range []struct {
		name              string
		payload, gso, mtu int
		opts              []wiretest.Option
		size, count       int // expected: payload of a segment, segments
	}{
		{"64k", 65000, 1448, 1500, []wiretest.Option{timestamps, wiretest.WithDF()}, 1448, 45},
		{"exact", 3000, 1000, 1500, nil, 1000, 3},
		{"one", 10, 1000, 1500, nil, 1000, 1},
		{"never beyond gso size", 5000, 536, 1500, nil, 536, 10},
		{"mtu below gso size", 5000, 1460, 576, nil, 536, 10},
		{"mtu of a tunnel", 3000, 1448, 1480, []wiretest.Option{timestamps}, 1428, 3},
		{"ip options", 3000, 1448, 1500, []wiretest.Option{wiretest.WithIPOptions(7, 7, 4, 0, 0, 0, 0)}, 1448, 3},
		{"id wraps", 3000, 1000, 1500, []wiretest.Option{wiretest.WithID(0xffff)}, 1000, 3},
		{"sequence wraps", 3000, 1000, 1500, []wiretest.Option{wiretest.WithSeq(0xfffffff0, 5)}, 1000, 3},
		{"padded", 20, 11, 1500, []wiretest.Option{wiretest.WithPad(100)}, 11, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			payload := wiretest.Payload(c.payload)
			p := wiretest.TCP(inboundFlow, allFlags, payload, append(c.opts, wiretest.WithGSO(uint16(c.gso)), wiretest.WithIn(3))...)
			before := bytes.Clone(p.Buf)
			var sink forwardtest.Sink
			if !Segment(p, c.mtu, sink.Next) || len(sink.Packets) != c.count {
				t.Fatalf("%d segments, want %d", len(sink.Packets), c.count)
			}
			if !bytes.Equal(before, p.Buf) {
				t.Errorf("the super-frame changed")
			}
			checkTCPSegments(t, p, sink.Packets, payload, c.size, c.mtu)
		})
	}
}

// checkTCPSegments holds every segment against the super-frame p.
func checkTCPSegments(t *testing.T, p *wire.Packet, got []*wire.Packet, payload []byte, size, mtu int) {
	t.Helper()
	for i, s := range got {
		want := payload[i*size : min((i+1)*size, len(payload))]
		flags := allFlags &^ (wire.FIN | wire.PSH | wire.CWR)
		if i == 0 {
			flags |= wire.CWR
		}
		if i == len(got)-1 {
			flags |= wire.FIN | wire.PSH
		}
		forwardtest.Consistent(t, s)
		wiretest.CheckPacket(t, s, wiretest.ValidChecksums(), wiretest.HasPayload(want), wiretest.TCPFlags(flags),
			wiretest.Seq(p.TCP().Seq()+uint32(i*size)), wiretest.ID(p.IPv4().ID()+uint16(i)), wiretest.DF(p.IPv4().DF()),
			wiretest.Src(forwardtest.Client), wiretest.Dst(forwardtest.Virtual), wiretest.TTL(64))
		if s.IPLen() > mtu || s.In != 3 || s.Offload != (wire.Offload{}) {
			t.Errorf("segment %d: %d bytes, in %d, offload %+v", i, s.IPLen(), s.In, s.Offload)
		}
		if !bytes.Equal(s.TCP().Options(), p.TCP().Options()) || !bytes.Equal(s.IPv4().Options(), p.IPv4().Options()) {
			t.Errorf("segment %d: options differ", i)
		}
	}
}

func TestSegmentUDP(t *testing.T) {
	payload := wiretest.Payload(5000)
	for _, c := range []struct {
		name   string
		mtu    int
		merged bool // by a device that checked the checksums
		opts   []wiretest.Option
		good   wiretest.Checker
	}{
		{"datagrams", 1500, false, nil, wiretest.ValidChecksums()},
		{"longer than the mtu", 600, false, nil, wiretest.ValidChecksums()},
		{"merged", 1500, true, nil, wiretest.ValidChecksums()},
		{"merged without checksum", 1500, true, []wiretest.Option{wiretest.WithNoChecksum()}, wiretest.NoChecksum()},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := wiretest.UDP(inboundFlow, payload, append(c.opts, wiretest.WithGSO(1200))...)
			if c.merged {
				p.Offload.Flags = 0
			}
			var sink forwardtest.Sink
			if !Segment(p, c.mtu, sink.Next) || len(sink.Packets) != 5 {
				t.Fatalf("%d datagrams, want 5", len(sink.Packets))
			}
			for i, s := range sink.Packets {
				want := payload[i*1200 : min((i+1)*1200, len(payload))]
				forwardtest.Consistent(t, s)
				wiretest.CheckPacket(t, s, c.good, wiretest.HasPayload(want), wiretest.ID(p.IPv4().ID()+uint16(i)),
					wiretest.Src(forwardtest.Client), wiretest.Dst(forwardtest.Virtual))
			}
		})
	}
}

func TestSegmentRefuses(t *testing.T) {
	gso := func() *wire.Packet {
		return wiretest.TCP(inboundFlow, wire.ACK, wiretest.Payload(3000), wiretest.WithGSO(1000))
	}
	change := func(f func(o *wire.Offload)) *wire.Packet { p := gso(); f(&p.Offload); return p }
	for name, c := range map[string]struct {
		p   *wire.Packet
		mtu int
	}{
		"not a super-frame": {wiretest.TCP(inboundFlow, wire.ACK, wiretest.Payload(300)), 1500},
		"mtu for headers":   {gso(), 40},
		"no size":           {change(func(o *wire.Offload) { o.GSOSize = 0 }), 1500},
		"wrong protocol":    {change(func(o *wire.Offload) { o.GSOType = wire.GSOUDPL4 }), 1500},
		"udp fragmentation": {change(func(o *wire.Offload) { o.GSOType = wire.GSOUDP }), 1500},
		"no payload":        {wiretest.TCP(inboundFlow, wire.ACK, nil, wiretest.WithGSO(1000)), 1500},
	} {
		var sink forwardtest.Sink
		if Segment(c.p, c.mtu, sink.Next) || len(sink.Packets) > 0 {
			t.Errorf("%s: %d segments", name, len(sink.Packets))
		}
	}
	sink := forwardtest.Sink{Limit: 2}
	if Segment(gso(), 1500, sink.Next) || len(sink.Packets) != 2 {
		t.Errorf("went on after next refused")
	}
}

func TestSegmentLen(t *testing.T) {
	tcp := wiretest.TCP(inboundFlow, wire.ACK, wiretest.Payload(5000), timestamps, wiretest.WithGSO(1448))
	last := wiretest.TCP(inboundFlow, wire.ACK, wiretest.Payload(100), wiretest.WithGSO(1448))
	udp := wiretest.UDP(inboundFlow, wiretest.Payload(5000), wiretest.WithGSO(1200))
	plain := wiretest.UDP(inboundFlow, wiretest.Payload(5000))
	for _, c := range []struct {
		p *wire.Packet
		n int
	}{{tcp, 1500}, {last, 140}, {udp, 1228}, {plain, 5028}} {
		if got := SegmentLen(c.p); got != c.n {
			t.Errorf("SegmentLen = %d, want %d", got, c.n)
		}
	}
}

// TestSegmentTunnel is bulk TCP through a tunnel: segments that fit once they
// are encapsulated.
func TestSegmentTunnel(t *testing.T) {
	p := wiretest.TCP(inboundFlow, wire.ACK, wiretest.Payload(60000), wiretest.WithGSO(1440), wiretest.WithDF())
	var sink forwardtest.Sink
	if !Segment(p, 1500-ipip.Overhead(), sink.Next) {
		t.Fatal("refused")
	}
	for _, s := range sink.Packets {
		if !ipip.Encap(s, directorAddr, 0, true) || s.IPLen() > 1500 {
			t.Fatalf("%d bytes in the tunnel", s.IPLen())
		}
		forwardtest.Consistent(t, s)
		wiretest.CheckPacket(t, s, wiretest.ValidChecksums(), wiretest.Inner(wiretest.ValidChecksums()))
	}
}

// recycler hands out the same packet again and again.
func recycler() func(int) *wire.Packet {
	p := &wire.Packet{}
	buf := make([]byte, wire.Headroom+0xffff+wire.EthernetLen)
	return func(int) *wire.Packet { p.Buf = buf; return p }
}

// again makes p what from is, in p's own memory.
func again(p, from *wire.Packet) {
	buf := p.Buf
	copy(buf, from.Buf)
	*p = *from
	p.Buf = buf
}

func TestNoAllocs(t *testing.T) {
	next := recycler()
	tcp := wiretest.TCP(inboundFlow, wire.ACK, wiretest.Payload(60000), wiretest.WithGSO(1448))
	udp := wiretest.UDP(inboundFlow, wiretest.Payload(3000))
	quote := wiretest.ICMPError(wiretest.Flow{Src: "203.0.113.1", Dst: "192.0.2.10"}, 3, 3, 0,
		wiretest.UDP(wiretest.Flow{Src: forwardtest.Client, Dst: forwardtest.Real}, nil).IP())
	ping := wiretest.ICMPEcho(wiretest.Flow{Src: "192.0.2.10", Dst: "198.51.100.1"}, 1, 1, nil)
	echo := wiretest.Clone(ping)
	for name, f := range map[string]func(){
		"segment":  func() { Segment(tcp, 1500, next) },
		"fragment": func() { Fragment(udp, 1500, next) },
		"error":    func() { BuildICMPError(next(0), udp, 3, 3, 0, virtualAddr) },
		"icmp nat": func() { ICMPOutbound(quote, virtualAddr, 80); ICMPInbound(quote, realAddr, 80) },
		"echo":     func() { again(echo, ping); EchoReply(echo) },
	} {
		if n := testing.AllocsPerRun(20, f); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
