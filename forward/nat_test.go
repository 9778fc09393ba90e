package forward

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"ulvs/forward/forwardtest"
	"ulvs/wire"
	"ulvs/wire/wiretest"
)

var inboundFlow = wiretest.Flow{Src: forwardtest.Client, Dst: forwardtest.Virtual}

// TestNATSuperFrame: only the addresses are in a super-frame's checksum, and
// what the device has yet to do stays as it was.
func TestNATSuperFrame(t *testing.T) {
	for _, p := range []*wire.Packet{
		wiretest.TCP(inboundFlow, wire.ACK, wiretest.Payload(60000), wiretest.WithGSO(1448)),
		wiretest.UDP(inboundFlow, wiretest.Payload(20000), wiretest.WithGSO(1200)),
	} {
		offload := p.Offload
		NATInbound(p, realAddr, 8080)
		if p.Offload != offload {
			t.Errorf("offload became %+v, was %+v", p.Offload, offload)
		}
		forwardtest.Consistent(t, p)
		wiretest.CheckPacket(t, p, wiretest.Src(forwardtest.Client), wiretest.Dst(forwardtest.Real), wiretest.ValidChecksums())
	}
}

// TestNATPartialIgnoresPorts says what a test on veth cannot show, where the
// receiver trusts any partial checksum.
func TestNATPartialIgnoresPorts(t *testing.T) {
	p := wiretest.TCP(inboundFlow, wire.ACK, nil, wiretest.WithPartial())
	q := wiretest.Clone(p)
	NATInbound(p, realAddr, 80)
	NATInbound(q, realAddr, 8080)
	if p.TCP().Checksum() != q.TCP().Checksum() {
		t.Errorf("partial checksum follows the port: %#04x and %#04x", p.TCP().Checksum(), q.TCP().Checksum())
	}
}

// TestNATOtherProtocols: a packet without ports is rewritten as far as its IP
// header.
func TestNATOtherProtocols(t *testing.T) {
	for _, proto := range []uint8{wire.ProtoICMP, wire.ProtoGRE, 50} {
		p := wiretest.IP(inboundFlow, proto, wiretest.Payload(32))
		before := bytes.Clone(p.Transport())
		NATInbound(p, realAddr, 8080)
		NATOutbound(p, virtualAddr, 80)
		if !bytes.Equal(before, p.Transport()) || p.SrcPort != 0 || p.DstPort != 0 {
			t.Errorf("protocol %d: payload or ports changed", proto)
		}
		wiretest.CheckPacket(t, p, wiretest.Src("198.51.100.1"), wiretest.Dst("203.0.113.1"))
	}
}

// TestNATEquallyWrong: the error of a wrong checksum is the same afterwards.
func TestNATEquallyWrong(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		p := wiretest.TCP(inboundFlow, wire.ACK, wiretest.Payload(random.IntN(9)))
		p.TCP().SetChecksum(uint16(random.Uint32()))
		before := transportError(p)
		NATInbound(p, wire.AddrFrom4([4]byte{203, 0, byte(random.Uint32()), byte(random.Uint32())}), uint16(random.Uint32()))
		NATOutbound(p, wire.AddrFrom4([4]byte{198, 51, byte(random.Uint32()), byte(random.Uint32())}), uint16(random.Uint32()))
		if after := transportError(p); after != before {
			t.Fatalf("checksum was wrong by %#04x and is by %#04x", before, after)
		}
	}
}

// transportError is the transport checksum's error by slow sums; both zeros of
// ones' complement count as none.
func transportError(p *wire.Packet) uint16 {
	pseudo := wiretest.PseudoHeader(p.Src, p.Dst, p.Proto, len(p.Transport()))
	return wiretest.SlowChecksum(pseudo, p.Transport()) % 0xffff
}

// TestNATUDPZero: a checksum that comes out as zero is sent as all ones, or the
// datagram would lose its protection.
func TestNATUDPZero(t *testing.T) {
	p := wiretest.UDP(inboundFlow, wiretest.Payload(8))
	ones := 0
	for port := range 0x10000 {
		NATInbound(p, realAddr, uint16(port))
		switch p.UDP().Checksum() {
		case 0:
			t.Fatalf("port %d gave checksum 0", port)
		case 0xffff:
			ones++
		}
	}
	wiretest.CheckPacket(t, p, wiretest.ValidChecksums())
	if ones == 0 {
		t.Error("no port gave checksum 0xffff")
	}
}

// TestDecrementTTL holds the short way against a new checksum for every TTL and
// for checksums at the edges.
func TestDecrementTTL(t *testing.T) {
	for id := range 0x10000 {
		p := &wire.Packet{Buf: make([]byte, 64)}
		h := wire.IPv4Header{TotalLen: 20, ID: uint16(id), TTL: uint8(id%255) + 1, Protocol: 6}
		ip := h.Put(p.Buf)
		DecrementTTL(p)
		sum := ip.Checksum()
		if ip.FillChecksum(); ip.TTL() != h.TTL-1 || ip.Checksum() != sum {
			t.Fatalf("id %#04x, TTL %d: became %d with checksum %#04x, want %#04x", id, h.TTL, ip.TTL(), sum, ip.Checksum())
		}
	}
}

func TestSetMACs(t *testing.T) {
	p := wiretest.TCP(inboundFlow, wire.SYN, nil)
	src, dst := wire.MAC{2, 1, 2, 3, 4, 5}, wire.MAC{2, 6, 7, 8, 9, 10}
	SetMACs(p, src, dst)
	forwardtest.Consistent(t, p)
	wiretest.CheckPacket(t, p, wiretest.MACs(src, dst), wiretest.Src(forwardtest.Client), wiretest.ValidChecksums())
}

func TestFinishChecksum(t *testing.T) {
	for name, p := range map[string]*wire.Packet{
		"tcp": wiretest.TCP(inboundFlow, wire.ACK, wiretest.Payload(99), wiretest.WithPartial()),
		"udp": wiretest.UDP(inboundFlow, wiretest.Payload(98), wiretest.WithPartial(), wiretest.WithPad(200)),
		"udp with bytes after the datagram": func() *wire.Packet {
			p := wiretest.UDP(inboundFlow, wiretest.Payload(30), wiretest.WithPartial())
			p.IPEnd, p.End = p.IPEnd-1, p.End-1
			p.IPv4().SetTotalLen(p.IPLen())
			p.IPv4().FillChecksum()
			p.UDP().SetLength(20)
			p.UDP().SetChecksum(wire.Fold(wire.PseudoSum(p.Src, p.Dst, wire.ProtoUDP, 20)))
			return p
		}(),
		"finished":    wiretest.TCP(inboundFlow, wire.ACK, wiretest.Payload(7)),
		"no checksum": wiretest.UDP(inboundFlow, wiretest.Payload(7), wiretest.WithNoChecksum()),
	} {
		t.Run(name, func(t *testing.T) {
			if !FinishChecksum(p) || p.Offload != (wire.Offload{}) {
				t.Errorf("refused, or offload left: %+v", p.Offload)
			}
			forwardtest.Consistent(t, p)
			wiretest.CheckPacket(t, p, wiretest.ValidChecksums())
		})
	}
	gso := wiretest.TCP(inboundFlow, wire.ACK, wiretest.Payload(5000), wiretest.WithGSO(1000))
	if FinishChecksum(gso) || !gso.Offload.Partial() {
		t.Errorf("finished the checksum of a super-frame")
	}
}

// TestFinishChecksumZero: a checksum that comes out as zero is sent as all ones.
func TestFinishChecksumZero(t *testing.T) {
	for n := range 0x10000 {
		p := wiretest.UDP(inboundFlow, []byte{byte(n >> 8), byte(n)}, wiretest.WithPartial())
		FinishChecksum(p)
		if p.UDP().Checksum() == 0 {
			t.Fatalf("payload %#04x gave checksum 0", n)
		}
		if p.UDP().Checksum() == 0xffff {
			wiretest.CheckPacket(t, p, wiretest.ValidChecksums())
			return
		}
	}
	t.Errorf("no payload gave checksum 0xffff")
}
