package forward

import (
	"bytes"
	"testing"

	"ulvs/forward/forwardtest"
	"ulvs/wire"
	"ulvs/wire/wiretest"
)

func sctpPacket(opts ...wiretest.Option) *wire.Packet {
	return wiretest.SCTP(inboundFlow, wiretest.Chunk(wire.SCTPData, wiretest.Payload(61)), opts...)
}

// TestOracleSCTP replays what the kernel was recorded to do by NAT with another
// port, byte by byte: also a wrong CRC32c leaves right.
func TestOracleSCTP(t *testing.T) {
	steps := loadOracle(t, "sctp-nat")
	if len(steps) != 4 {
		t.Fatalf("%d steps", len(steps))
	}
	for _, s := range steps {
		p := oraclePacket(t, s.Hex)
		DecrementTTL(p)
		if s.Side == "client" {
			NATInbound(p, realAddr, 7000)
		} else {
			NATOutbound(p, virtualAddr, 9899)
		}
		if want, _ := oracleBytes(t, s.Out[0].Hex); !bytes.Equal(p.IP(), want) {
			t.Errorf("step %d, %s:\n got %x\nwant %x", s.N, s.What, p.IP(), want)
		}
		forwardtest.Consistent(t, p)
		wiretest.CheckPacket(t, p, wiretest.ValidChecksums())
	}
}

// TestSCTPChecksum: when the CRC32c is computed and when it is left alone.
func TestSCTPChecksum(t *testing.T) {
	for name, c := range map[string]struct {
		opts  []wiretest.Option
		port  uint16
		right bool
	}{
		"right, new port":    {nil, 8080, true},
		"wrong, new port":    {[]wiretest.Option{wiretest.WithBadChecksum()}, 8080, true},
		"right, same port":   {nil, 80, true},
		"wrong, same port":   {[]wiretest.Option{wiretest.WithBadChecksum()}, 80, false},
		"partial, new port":  {[]wiretest.Option{wiretest.WithPartial()}, 8080, true},
		"partial, same port": {[]wiretest.Option{wiretest.WithPartial()}, 80, true},
		"padded, options":    {[]wiretest.Option{wiretest.WithPad(200), wiretest.WithIPOptions(7, 7, 4, 0, 0, 0, 0)}, 8080, true},
	} {
		t.Run(name, func(t *testing.T) {
			p := sctpPacket(c.opts...)
			data := bytes.Clone(p.SCTP().First())
			NATInbound(p, realAddr, c.port)
			forwardtest.Consistent(t, p)
			check := wiretest.ValidChecksums()
			if !c.right {
				check = wiretest.BadTransportChecksum()
			}
			wiretest.CheckPacket(t, p, wiretest.Src(forwardtest.Client), wiretest.Dst("203.0.113.1"), check, wiretest.HasPayload(data))
			if p.DstPort != c.port || p.SCTP().DstPort() != c.port || p.Offload != (wire.Offload{}) {
				t.Errorf("port %d, offload %+v", p.DstPort, p.Offload)
			}
		})
	}
}

// TestSCTPFragment: a first fragment gets its port, and keeps a CRC32c that
// only the whole packet could give.
func TestSCTPFragment(t *testing.T) {
	whole := sctpPacket().Transport()
	p := wiretest.IP(wiretest.Flow{Src: "192.0.2.10", Dst: "198.51.100.1"}, wire.ProtoSCTP, whole[:32], wiretest.WithFragment(0, true))
	sum := p.SCTP().Checksum()
	NATInbound(p, realAddr, 8080)
	if p.SCTP().Checksum() != sum || p.SCTP().DstPort() != 8080 {
		t.Errorf("CRC32c %#x, port %d", p.SCTP().Checksum(), p.SCTP().DstPort())
	}
	forwardtest.Consistent(t, p)
}

// TestSCTPTunnelAndFragments: a CRC32c left to the device is finished before
// another header hides it, and before the packet is cut.
func TestSCTPTunnelAndFragments(t *testing.T) {
	p := sctpPacket(wiretest.WithPartial())
	if !ipip.Encap(p, directorAddr, 1, true) {
		t.Fatal("refused")
	}
	wiretest.CheckPacket(t, p, wiretest.Inner(wiretest.Dst(forwardtest.Virtual), wiretest.ValidChecksums()))

	big := wiretest.SCTP(inboundFlow, wiretest.Chunk(wire.SCTPData, wiretest.Payload(3000)), wiretest.WithPartial())
	var sink forwardtest.Sink
	if !Fragment(big, 1500, sink.Next) || len(sink.Packets) != 3 {
		t.Fatalf("%d fragments", len(sink.Packets))
	}
	var joined wire.SCTP
	for _, f := range sink.Packets {
		joined = append(joined, f.IP()[wire.IPv4Len:]...)
	}
	if !joined.ChecksumOK() {
		t.Error("the CRC32c of the fragments together is wrong")
	}
}

// TestSCTPQuotes: errors about SCTP are translated like those about TCP.
func TestSCTPQuotes(t *testing.T) {
	sent := sctpPacket()
	NATInbound(sent, realAddr, 8080)
	for n := 28; n <= sent.IPLen(); n += 7 {
		e := wiretest.ICMPError(wiretest.Flow{Src: "203.0.113.50", Dst: "192.0.2.10"}, 3, 2, 0, sent.IP()[:n])
		if !ICMPOutbound(e, virtualAddr, 80) || !ValidICMP(e) {
			t.Fatalf("quote of %d bytes: refused or invalid", n)
		}
		wiretest.CheckPacket(t, e, wiretest.Src("198.51.100.1"), wiretest.ValidChecksums(),
			wiretest.Quoted(wiretest.Src(forwardtest.Client), wiretest.Dst(forwardtest.Virtual), wiretest.ValidChecksums()))
	}
	if q, ok := QuotedFlow(wiretest.ICMPError(inboundFlow, 3, 3, 0, sent.IP()[:27])); ok {
		t.Errorf("a quote of 7 bytes: %+v", q)
	}
}

func TestSCTPAllocatesNothing(t *testing.T) {
	p := sctpPacket()
	if n := testing.AllocsPerRun(100, func() {
		NATInbound(p, realAddr, p.DstPort+1)
		NATOutbound(p, virtualAddr, p.SrcPort+1)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
