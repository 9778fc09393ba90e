package forward

import (
	"testing"

	"ulvs/forward/forwardtest"
	"ulvs/wire"
	"ulvs/wire/wiretest"
)

var inboundFlow6 = wiretest.Flow{Src: forwardtest.Client6, Dst: forwardtest.Virtual6}

// TestSegment6 cuts super-frames of TCP and UDP.
func TestSegment6(t *testing.T) {
	for name, p := range map[string]*wire.Packet{
		"tcp": wiretest.TCP(inboundFlow6, wire.ACK|wire.FIN, wiretest.Payload(2500), wiretest.WithGSO(1000)),
		"udp": wiretest.UDP(inboundFlow6, wiretest.Payload(2500), wiretest.WithGSO(1000)),
		"tcp behind options": wiretest.TCP(inboundFlow6, wire.ACK|wire.FIN, wiretest.Payload(2500), wiretest.WithGSO(1000),
			wiretest.WithExtension(wiretest.Destination)),
	} {
		var sink forwardtest.Sink
		if !Segment(p, 1500, sink.Next) || len(sink.Packets) != 3 {
			t.Errorf("%s: %d segments", name, len(sink.Packets))
		}
		for _, q := range sink.Packets {
			forwardtest.Consistent(t, q)
			wiretest.CheckPacket(t, q, wiretest.ValidChecksums(), wiretest.Dst(forwardtest.Virtual6))
		}
	}
}

// TestICMP6Errors: errors about NAT connections are translated in both
// directions, with a finished checksum and with one that is left to the device.
func TestICMP6Errors(t *testing.T) {
	for name, opts := range map[string][]wiretest.Option{"finished": nil, "partial": {wiretest.WithPartial()}} {
		sent := wiretest.UDP(wiretest.Flow{Src: forwardtest.Client6, Dst: forwardtest.Real6}, wiretest.Payload(20), wiretest.WithExtension(60))
		p := wiretest.ICMPError(wiretest.Flow{Src: "2001:db8:3::1", Dst: "2001:db8:4::10"}, 1, 4, 0, sent.IP(), opts...)
		if q, ok := QuotedFlow(p); !ok || q.SrcPort != 4000 || q.DstPort != 8080 || !ValidICMP(p) {
			t.Fatalf("%s: quotes %+v, %v", name, q, ok)
		}
		ICMPOutbound(p, virtualAddr6, 80)
		forwardtest.Consistent(t, p)
		wiretest.CheckPacket(t, p, wiretest.Src("2001:db8:2::1"), wiretest.ValidChecksums(), wiretest.Quoted(wiretest.Dst(forwardtest.Virtual6)))

		got := wiretest.TCP(wiretest.Flow{Src: forwardtest.Virtual6, Dst: forwardtest.Client6}, wire.ACK, nil)
		p = wiretest.ICMPError(wiretest.Flow{Src: "2001:db8:4::10", Dst: "2001:db8:2::1"}, 2, 0, 1300, got.IP(), opts...)
		ICMPInbound(p, realAddr6, 8080)
		forwardtest.Consistent(t, p)
		wiretest.CheckPacket(t, p, wiretest.Dst("2001:db8:3::1"), wiretest.ValidChecksums(), wiretest.Quoted(wiretest.Src(forwardtest.Real6)))
	}
}

// TestNoICMP6Error lists what no error may be sent about (RFC 4443 section 2.4).
func TestNoICMP6Error(t *testing.T) {
	icmp := func(typ uint8) *wire.Packet { return wiretest.ICMP(inboundFlow6, typ, 0, 0, 0, nil) }
	for name, p := range map[string]*wire.Packet{
		"an error":       icmp(1),
		"unknown error":  icmp(100),
		"redirect":       icmp(137),
		"from a group":   wiretest.UDP(wiretest.Flow{Src: "[ff02::1]:1", Dst: forwardtest.Virtual6}, nil),
		"from nobody":    wiretest.UDP(wiretest.Flow{Src: "[::]:1", Dst: forwardtest.Virtual6}, nil),
		"to a group":     wiretest.UDP(wiretest.Flow{Src: forwardtest.Client6, Dst: "[ff02::1]:1"}, nil),
		"later fragment": wiretest.IP(inboundFlow6, wire.ProtoUDP, wiretest.Payload(8), wiretest.WithFragment(64, true)),
	} {
		if CanError(p) {
			t.Errorf("%s: allowed", name)
		}
	}
	if !CanError(wiretest.UDP(inboundFlow6, nil)) || !CanError(icmp(128)) {
		t.Error("an ordinary packet or a ping: not allowed")
	}
}
