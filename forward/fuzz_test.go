package forward

import (
	"bytes"
	"encoding/binary"
	"testing"

	"ulvs/forward/forwardtest"
	"ulvs/wire"
	"ulvs/wire/wiretest"
)

// addOracleFrames gives the fuzzer the recorded packets of a scenario to start
// from.
func addOracleFrames(f *testing.F, name string, add func(ip []byte)) {
	f.Helper()
	for _, s := range loadOracle(f, name) {
		if b, length := oracleBytes(f, s.Hex); len(b) == length {
			add(b)
		}
	}
}

// fuzzPacket makes a packet of an IP packet and an offload header, both of the
// fuzzer's making, and reports whether Parse accepts it.
func fuzzPacket(ip, offload []byte) (*wire.Packet, bool) {
	p := wiretest.Raw(append(append(make([]byte, 12), 0x08, 0x00), ip...))
	p.Offload.Decode(append(bytes.Clone(offload), make([]byte, wire.OffloadLen)...))
	return p, wire.Parse(p) == wire.FaultNone
}

// repaired gives an IP packet a right header checksum, which a fuzzer would
// hardly find.
func repaired(ip []byte) []byte {
	ip = bytes.Clone(ip)
	if len(ip) >= wire.IPv4Len && len(ip) >= wire.IPv4(ip).HeaderLen() && wire.IPv4(ip).HeaderLen() >= wire.IPv4Len {
		wire.IPv4(ip).FillChecksum()
	}
	return ip
}

// FuzzNATRoundTrip: a rewrite and its opposite leave every packet as it was,
// and every stage reads as its fields say.
func FuzzNATRoundTrip(f *testing.F) {
	addOracleFrames(f, "nat", func(ip []byte) {
		f.Add(ip, []byte{}, uint32(0xcb007101), uint16(8080))
		f.Add(ip, []byte{1, 0, 0, 0, 0, 0, 34, 0, 16, 0}, uint32(0xcb007101), uint16(8080))
		f.Add(ip, []byte{1, 0, 0, 0, 0, 0, 34, 0, 6, 0}, uint32(0), uint16(0xffff))
	})
	addOracleFrames(f, "sctp-nat", func(ip []byte) {
		f.Add(ip, []byte{}, uint32(0xcb007101), uint16(7000))
		f.Add(ip, []byte{1, 0, 0, 0, 0, 0, 34, 0, 8, 0}, uint32(0xcb007101), uint16(9899))
	})
	f.Fuzz(func(t *testing.T, ip, offload []byte, to uint32, port uint16) {
		p, ok := fuzzPacket(repaired(ip), offload)
		if !ok {
			return
		}
		before := wiretest.Clone(p)
		real := wire.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, to)))
		NATInbound(p, real, port)
		forwardtest.Consistent(t, p)
		NATOutbound(p, real, port)
		forwardtest.Consistent(t, p)
		NATOutbound(p, before.Src, before.SrcPort)
		NATInbound(p, before.Dst, before.DstPort)
		forwardtest.Consistent(t, p)
		if before.Proto == wire.ProtoUDP && before.FragOff == 0 && before.UDP().Checksum() == 0 {
			p.UDP().SetChecksum(0) // was put in
		}
		if wholeSCTP(p) { // whose CRC32c may have been made right on the way
			p.SCTP().FillChecksum()
			before.SCTP().FillChecksum()
			before.Offload = p.Offload
		}
		if !bytes.Equal(oneZero(p), oneZero(before)) || p.Offload != before.Offload {
			t.Errorf("there and back:\n got %x\nwant %x", p.Frame(), before.Frame())
		}
	})
}

func wholeSCTP(p *wire.Packet) bool { return p.Proto == wire.ProtoSCTP && !p.IsFragment() }

// oneZero returns the frame with all-ones checksums written as zero, the same
// number in ones' complement, unless zero would mean that there is none.
func oneZero(p *wire.Packet) []byte {
	q := wiretest.Clone(p)
	at := []int{q.L3 + 10}
	if q.FragOff == 0 && q.Proto == wire.ProtoTCP {
		at = append(at, q.L4+wire.TCPChecksumOffset)
	}
	if q.FragOff == 0 && q.Proto == wire.ProtoUDP && q.Offload.Partial() {
		at = append(at, q.L4+wire.UDPChecksumOffset)
	}
	for _, i := range at {
		if q.Buf[i] == 0xff && q.Buf[i+1] == 0xff {
			q.Buf[i], q.Buf[i+1] = 0, 0
		}
	}
	return q.Frame()
}

// FuzzQuotedFlow: whatever an ICMP message quotes, translating it breaks
// nothing that was right and touches nothing but the message.
func FuzzQuotedFlow(f *testing.F) {
	for _, name := range []string{"icmp-nat", "icmp-dr", "icmp-tun"} {
		addOracleFrames(f, name, func(ip []byte) { f.Add(ip, uint16(8080)) })
	}
	for i := range tunnelKinds {
		p := wiretest.TCP(inboundFlow, wire.ACK, wiretest.Payload(30))
		tunnelKinds[i].to(realAddr).Encap(p, directorAddr, 1, true)
		e := wiretest.ICMPError(wiretest.Flow{Src: "203.0.113.50", Dst: "203.0.113.126"}, 3, 4, 1300, p.IP())
		f.Add(e.IP(), uint16(8080))
	}
	f.Fuzz(func(t *testing.T, ip []byte, port uint16) {
		p, ok := fuzzPacket(repaired(ip), nil)
		if !ok || p.Proto != wire.ProtoICMP || p.FragOff != 0 {
			return
		}
		valid := ValidICMP(p)
		before := wiretest.Clone(p)
		tunnelQuote(t, p)
		_, quotes := QuotedFlow(p)
		out, in := ICMPOutbound(p, virtualAddr, port), ICMPInbound(p, realAddr, port)
		if out != quotes || in != quotes {
			t.Errorf("quotes a flow: %v, translated: %v, %v", quotes, out, in)
		}
		if !quotes && !bytes.Equal(p.Buf, before.Buf) {
			t.Error("changed without a quote")
		}
		if ValidICMP(p) != valid {
			t.Errorf("ICMP checksum valid: %v, was %v", ValidICMP(p), valid)
		}
		forwardtest.Consistent(t, p)
		if !bytes.Equal(p.Buf[:p.L3], before.Buf[:p.L3]) || !bytes.Equal(p.Buf[p.IPEnd:], before.Buf[p.IPEnd:]) {
			t.Error("wrote outside the IP packet")
		}
		EchoReply(p)
		forwardtest.Consistent(t, p)
	})
}

// tunnelQuote builds an error from what TunnelQuote finds, as the director does:
// of the address that the packet went to, which is of its own IP version.
func tunnelQuote(t *testing.T, p *wire.Packet) {
	var inner wire.Packet
	if _, ok := TunnelQuote(&inner, p); !ok {
		return
	}
	if inner.L3 < p.L4 || inner.IPEnd > p.IPEnd || inner.L4+8 > inner.IPEnd {
		t.Fatalf("inner packet %d-%d-%d outside %d-%d", inner.L3, inner.L4, inner.IPEnd, p.L4, p.IPEnd)
	}
	if !CanError(&inner) {
		return
	}
	e := forwardtest.Fresh(MaxICMPErrorFrame)
	BuildICMPError(e, &inner, 3, 4, 1280, inner.Dst)
	forwardtest.Consistent(t, e)
}

// FuzzSegment: cutting any packet, by segmentation, fragmentation or both and a
// tunnel, gives packets that fit, parse, are valid and carry the same bytes.
func FuzzSegment(f *testing.F) {
	f.Add(uint16(5000), uint16(1448), uint16(1500), uint8(0x19), uint8(12), uint8(0), false)
	f.Add(uint16(64000), uint16(1448), uint16(1480), uint8(0xff), uint8(0), uint8(8), false)
	f.Add(uint16(5000), uint16(1200), uint16(600), uint8(0), uint8(0), uint8(4), true)
	f.Add(uint16(3), uint16(1), uint16(68), uint8(1), uint8(40), uint8(40), false)
	f.Add(uint16(700), uint16(0), uint16(576), uint8(0), uint8(0), uint8(0), true)
	f.Fuzz(func(t *testing.T, payload, gso, mtu uint16, flags, tcpOptions, ipOptions uint8, udp bool) {
		data := wiretest.Payload(min(int(payload), 65535-120))
		opts := []wiretest.Option{
			wiretest.WithTCPOptions(bytes.Repeat([]byte{1}, int(tcpOptions%41))...),
			wiretest.WithIPOptions(bytes.Repeat([]byte{1}, int(ipOptions%41))...),
		}
		if gso > 0 {
			opts = append(opts, wiretest.WithGSO(gso))
		}
		p := wiretest.TCP(inboundFlow, flags, data, opts...)
		if udp {
			p = wiretest.UDP(inboundFlow, data, opts...)
		}
		var sink forwardtest.Sink
		if Segment(p, int(mtu), sink.Next) {
			checkCut(t, p, &sink, data, int(mtu), udp)
		}
		sink = forwardtest.Sink{}
		if Fragment(p, int(mtu), sink.Next) {
			checkFragments(t, p, sink.Packets, int(mtu))
		}
	})
}

// checkCut holds the segments against the payload. Fuzzed sizes make tens of
// thousands of segments, so only some are decoded by gopacket.
func checkCut(t *testing.T, p *wire.Packet, sink *forwardtest.Sink, data []byte, mtu int, udp bool) {
	t.Helper()
	var got []byte
	for i, s := range sink.Packets {
		body := s.Buf[payload(s):s.IPEnd]
		got = append(got, body...)
		if len(body) > int(p.Offload.GSOSize) || !udp && s.IPLen() > mtu {
			t.Fatalf("segment of %d bytes, %d in all", len(body), s.IPLen())
		}
		if i < 3 || i == len(sink.Packets)-1 {
			forwardtest.Consistent(t, s)
			wiretest.CheckPacket(t, s, wiretest.ValidChecksums())
			if s.IPLen()+ipip.Overhead() <= 0xffff && !ipip.Encap(s, directorAddr, 1, true) {
				t.Fatal("a segment does not go into a tunnel")
			}
			forwardtest.Consistent(t, s)
		}
	}
	if !bytes.Equal(got, data) {
		t.Errorf("the segments carry %d bytes, want %d", len(got), len(data))
	}
}
