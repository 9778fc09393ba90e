package bench

import (
	"net/netip"
	"testing"

	"ulvs/wire"
)

// TestFrameOfAnySource: the checksum made once goes for every flow.
func TestFrameOfAnySource(t *testing.T) {
	top := &Topology{VIP: netip.MustParseAddr("198.51.100.1"), Clients: netip.MustParseAddr("192.0.2.1")}
	f := udpFrame(top)
	for _, source := range []struct {
		addr uint32
		port uint16
	}{{0xc0000201, firstPort}, {0xc0000201, 65535}, {0xc00002ff, 0x8000}, {0xcb007100, 1}} {
		setSource(f, source.addr, source.port)
		setChecksum(f[14:34])
		p := wire.Packet{Buf: f, End: len(f)}
		if fault := wire.Parse(&p); fault != wire.FaultNone {
			t.Fatalf("%x:%d: %v", source.addr, source.port, fault)
		}
		udp := f[p.L4:p.IPEnd]
		if sum := wire.Checksum(udp, wire.PseudoSum(p.Src, p.Dst, wire.ProtoUDP, len(udp))); sum != 0 || udp[6]|udp[7] == 0 {
			t.Errorf("%v:%d: the UDP checksum %x does not hold", p.Src, p.SrcPort, udp[6:8])
		}
	}
}
