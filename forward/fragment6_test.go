package forward

import (
	"bytes"
	"testing"

	"ulvs/forward/forwardtest"
	"ulvs/wire"
	"ulvs/wire/wiretest"
)

// whole6 holds fragments against the packet p they were made of: the headers
// before place and after them the payload.
func whole6(t *testing.T, p *wire.Packet, place int, got []*wire.Packet, id uint32) {
	t.Helper()
	var body []byte
	for i, q := range got {
		forwardtest.Consistent(t, q)
		at, _ := wire.FragmentHeader6(q.IP())
		wiretest.CheckPacket(t, q, wiretest.Fragment(len(body), i < len(got)-1))
		if at != place || wire.FragmentID6(q.IP()[at:]) != id {
			t.Errorf("fragment %d: its header is at %d with id %x, want %d and %x", i, at, wire.FragmentID6(q.IP()[at:]), place, id)
		}
		body = append(body, q.IP()[at+8:]...)
	}
	if !bytes.Equal(body, p.IP()[place:]) {
		t.Errorf("%d bytes come out of %d", len(body), p.IPLen()-place)
	}
}

// TestFragment6: the fragments put together are the packet.
func TestFragment6(t *testing.T) {
	const id = 0x01020304
	tunnel := wiretest.Flow{Src: "2001:db8:3::fe", Dst: "2001:db8:3::1"}
	for name, row := range map[string]struct {
		p     *wire.Packet
		place int
		count int
	}{
		"tunnel":              {wiretest.IP(tunnel, wire.ProtoIPv6, wiretest.Payload(3000)), 40, 3},
		"tcp":                 {wiretest.TCP(inboundFlow6, wire.ACK, wiretest.Payload(3000)), 40, 3},
		"udp, partial":        {wiretest.UDP(inboundFlow6, wiretest.Payload(2400), wiretest.WithPartial()), 40, 2},
		"hop-by-hop":          {wiretest.UDP(inboundFlow6, wiretest.Payload(2400), wiretest.WithExtension(wiretest.HopByHop)), 48, 2},
		"destination options": {wiretest.UDP(inboundFlow6, wiretest.Payload(2400), wiretest.WithExtension(wiretest.Destination)), 48, 2},
		"options behind routing": {wiretest.UDP(inboundFlow6, wiretest.Payload(2400),
			wiretest.WithExtension(wiretest.Routing, 0, 0), wiretest.WithExtension(wiretest.Destination)), 48, 2},
	} {
		t.Run(name, func(t *testing.T) {
			var sink, again forwardtest.Sink
			if !Fragment6(row.p, 1280, id, sink.Next) || len(sink.Packets) != row.count {
				t.Fatalf("%d fragments", len(sink.Packets))
			}
			whole6(t, row.p, row.place, sink.Packets, id)
			var sizes []int
			for _, q := range sink.Packets {
				if q.IPLen() > 1280 {
					t.Errorf("a fragment of %d bytes", q.IPLen())
				}
				sizes = append(sizes, q.IPLen()-row.place-8)
			}
			if !FragmentAs6(row.p, sizes, id, again.Next) {
				t.Fatal("not cut in given sizes")
			}
			whole6(t, row.p, row.place, again.Packets, id)
		})
	}
}

func TestFragment6Refuses(t *testing.T) {
	p := wiretest.TCP(inboundFlow6, wire.ACK, wiretest.Payload(3000))
	var sink forwardtest.Sink
	if Fragment6(p, 55, 1, sink.Next) || Fragment6(p, 64, 1, sink.Next) || FragmentAs6(p, []int{16, 3004}, 1, sink.Next) || FragmentAs6(p, nil, 1, sink.Next) {
		t.Error("no room for eight bytes or the TCP header: not refused")
	}
	if FragmentAs6(p, []int{1000, 1000}, 1, sink.Next) {
		t.Error("sizes that leave a rest: not refused")
	}
	short := forwardtest.Sink{Limit: 1}
	if Fragment6(p, 1280, 1, short.Next) {
		t.Error("without packets to fill: not refused")
	}
}

// TestDropAtomic: a fragment header that says there is but one fragment goes,
// every other stays.
func TestDropAtomic(t *testing.T) {
	for name, opts := range map[string][]wiretest.Option{
		"alone": nil, "behind options": {wiretest.WithExtension(wiretest.Destination)}, "partial": {wiretest.WithPartial()},
		"super-frame": {wiretest.WithGSO(1000)},
	} {
		want := wiretest.TCP(inboundFlow6, wire.ACK, wiretest.Payload(2000), opts...)
		p := wiretest.TCP(inboundFlow6, wire.ACK, wiretest.Payload(2000), append(opts, wiretest.WithExtension(wiretest.FragmentExt, 0, 0, 0, 0, 9, 9))...)
		if DropAtomic(p); !bytes.Equal(p.Frame(), want.Frame()) || p.Offload != want.Offload {
			t.Errorf("%s: %+v\n got %x\nwant %x, %+v", name, p.Offload, p.Frame()[:90], want.Frame()[:90], want.Offload)
		}
		forwardtest.Consistent(t, p)
	}
	for _, p := range []*wire.Packet{
		wiretest.UDP(inboundFlow6, wiretest.Payload(16), wiretest.WithFragment(0, true)),
		wiretest.TCP(inboundFlow6, wire.ACK, nil, wiretest.WithExtension(wiretest.HopByHop)),
	} {
		before := wiretest.Clone(p)
		if DropAtomic(p); !bytes.Equal(p.Frame(), before.Frame()) {
			t.Errorf("changed: %x", p.Frame())
		}
	}
}

// TestCopy: the copy is the packet, in memory of its own.
func TestCopy(t *testing.T) {
	p := wiretest.UDP(inboundFlow6, wiretest.Payload(100))
	var sink forwardtest.Sink
	if !Copy(p, sink.Next) || !bytes.Equal(sink.Packets[0].Frame(), p.Frame()) {
		t.Error("not the packet")
	}
	forwardtest.Consistent(t, sink.Packets[0])
	if Copy(p, func(int) *wire.Packet { return nil }) {
		t.Error("without a packet to fill: not refused")
	}
}
