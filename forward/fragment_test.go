package forward

import (
	"bytes"
	"testing"

	"ulvs/forward/forwardtest"
	"ulvs/wire"
	"ulvs/wire/wiretest"
)

func TestFragment(t *testing.T) {
	for _, c := range []struct {
		name  string
		p     *wire.Packet
		mtu   int
		count int
	}{
		{"udp", wiretest.UDP(inboundFlow, wiretest.Payload(4000)), 1500, 3},
		{"fits", wiretest.UDP(inboundFlow, wiretest.Payload(400)), 1500, 1},
		{"exact", wiretest.UDP(inboundFlow, wiretest.Payload(1472)), 1500, 1},
		{"one byte more", wiretest.UDP(inboundFlow, wiretest.Payload(1473)), 1500, 2},
		{"least mtu", wiretest.UDP(inboundFlow, wiretest.Payload(100)), 68, 3},
		{"8 bytes each", wiretest.UDP(inboundFlow, wiretest.Payload(24)), 28, 4},
		{"partial", wiretest.TCP(inboundFlow, wire.ACK, wiretest.Payload(3000), wiretest.WithPartial()), 1400, 3},
		{"options", wiretest.UDP(inboundFlow, wiretest.Payload(900), wiretest.WithIPOptions(7, 7, 4, 0, 0, 0, 0, 0x94, 4, 0, 0)), 576, 2},
		{"longest", wiretest.UDP(inboundFlow, wiretest.Payload(65535-28)), 1500, 45},
		{"padded", wiretest.UDP(inboundFlow, wiretest.Payload(8), wiretest.WithPad(100)), 28, 2},
		{"first fragment", wiretest.UDP(inboundFlow, wiretest.Payload(1000), wiretest.WithFragment(0, true)), 576, 2},
		{"middle fragment", wiretest.UDP(inboundFlow, wiretest.Payload(1000), wiretest.WithFragment(1480, true)), 576, 2},
		{"last fragment", wiretest.UDP(inboundFlow, wiretest.Payload(999), wiretest.WithFragment(1480, false)), 576, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			var sink forwardtest.Sink
			if !Fragment(c.p, c.mtu, sink.Next) || len(sink.Packets) != c.count {
				t.Fatalf("%d fragments, want %d", len(sink.Packets), c.count)
			}
			checkFragments(t, c.p, sink.Packets, c.mtu)
		})
	}
}

// checkFragments puts the fragments together and holds the result against p,
// whose checksum Fragment has finished.
func checkFragments(t *testing.T, p *wire.Packet, got []*wire.Packet, mtu int) {
	t.Helper()
	var body []byte
	for i, f := range got {
		forwardtest.Consistent(t, f)
		wiretest.CheckPacket(t, f, wiretest.ValidChecksums(), wiretest.ID(p.IPv4().ID()), wiretest.TTL(64),
			wiretest.Fragment(int(p.FragOff)+len(body), p.MoreFrags || i < len(got)-1))
		if f.IPLen() > mtu {
			t.Errorf("fragment %d has %d bytes", i, f.IPLen())
		}
		body = append(body, f.IPv4().Payload()...)
	}
	if !bytes.Equal(body, p.IPv4().Payload()) {
		t.Errorf("the fragments do not make up the packet")
	}
	wiretest.CheckPacket(t, p, wiretest.ValidChecksums())
}

// TestFragmentOptions: record route (7) is for the first fragment only, router
// alert (0x94) is copied into all (RFC 791 section 3.1, RFC 2113).
func TestFragmentOptions(t *testing.T) {
	options := []byte{7, 7, 4, 0, 0, 0, 0, 0x94, 4, 0, 0, 0}
	later := []byte{1, 1, 1, 1, 1, 1, 1, 0x94, 4, 0, 0, 0}
	p := wiretest.UDP(inboundFlow, wiretest.Payload(900), wiretest.WithIPOptions(options...))
	var sink forwardtest.Sink
	Fragment(p, 576, sink.Next)
	for i, want := range [][]byte{options, later} {
		if got := sink.Packets[i].IPv4().Options(); !bytes.Equal(got, want) {
			t.Errorf("fragment %d has options %x, want %x", i, got, want)
		}
	}
}

func TestFragmentRefuses(t *testing.T) {
	whole := wiretest.UDP(inboundFlow, wiretest.Payload(900))
	beyond := wiretest.UDP(inboundFlow, wiretest.Payload(900), wiretest.WithFragment(1480, false))
	beyond.FragOff = 65528
	for name, c := range map[string]struct {
		p   *wire.Packet
		mtu int
	}{
		"mtu without room":   {whole, 27},
		"super-frame":        {wiretest.TCP(inboundFlow, wire.ACK, wiretest.Payload(3000), wiretest.WithGSO(1000)), 1500},
		"beyond the longest": {beyond, 576},
	} {
		var sink forwardtest.Sink
		if Fragment(c.p, c.mtu, sink.Next) || len(sink.Packets) > 0 {
			t.Errorf("%s: %d fragments", name, len(sink.Packets))
		}
	}
	sink := forwardtest.Sink{Limit: 1}
	if Fragment(whole, 576, sink.Next) || len(sink.Packets) != 1 {
		t.Errorf("went on after next refused")
	}
}
