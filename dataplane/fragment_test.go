package dataplane_test

import (
	"testing"
	"time"

	"ulvs/dataplane"
	"ulvs/dataplane/memport"
	"ulvs/forward"
	"ulvs/forward/forwardtest"
	"ulvs/service"
	"ulvs/wire"
	"ulvs/wire/wiretest"
)

// parts cuts a packet into fragments for a link of mtu.
func parts(t testing.TB, p *wire.Packet, mtu int) []*wire.Packet {
	t.Helper()
	var sink forwardtest.Sink
	if !forward.Fragment(p, mtu, sink.Next) {
		t.Fatal("not cut")
	}
	return sink.Packets
}

// lengths are those of the IP packets.
func lengths(frames []memport.Frame) (n []int) {
	for _, f := range frames {
		n = append(n, len(f.Data)-14)
	}
	return n
}

// TestFragmentsNarrowLink: fragments that are too long for the next link are cut
// smaller, with a right checksum over the whole.
func TestFragmentsNarrowLink(t *testing.T) {
	x := newWorldWith(t, 100, newHops(1500, 600))
	x.balance(service.UDP, "rr", service.NAT, 1)
	p := wiretest.UDP(flow(1000), wiretest.Payload(2000), toDirector())
	out := x.send(0, parts(t, p, 1500)...)
	if n := lengths(out[1]); len(n) != 4 {
		t.Fatalf("fragments of %v bytes", n)
	}
	var payload []byte
	for _, f := range out[1] {
		if len(f.Data) > 614 {
			t.Errorf("a fragment of %d bytes", len(f.Data)-14)
		}
		payload = append(payload, f.Data[34:]...)
	}
	sum := wire.Checksum(payload, wire.PseudoSum(wiretest.Raw(out[1][0].Data).Src, wiretest.Raw(out[1][0].Data).Dst, wire.ProtoUDP, len(payload)))
	if sum != 0 || len(payload) != 2008 {
		t.Errorf("%d bytes with a checksum that leaves %#x", len(payload), sum)
	}
	x.reasons(map[dataplane.Reason]uint64{dataplane.HeldFragment: 1, dataplane.ForwardedFragments: 1})
}

// TestFragmentsLost: what is missing is given up after half a minute.
func TestFragmentsLost(t *testing.T) {
	x := newWorld(t, 100)
	x.balance(service.UDP, "rr", service.DR, 1)
	all := parts(t, wiretest.UDP(flow(1000), wiretest.Payload(2000), toDirector()), 1500)
	x.send(0, all[0])
	x.now += 40 * time.Second
	x.send(0)
	if s := x.d.Fragments(); s.Expired != 1 || s.Bytes != 0 {
		t.Errorf("after 40 s: %+v", s)
	}
	if out := x.send(0, all[1]); len(out[1]) != 0 {
		t.Error("half a datagram was forwarded")
	}
}

// TestFragmentsOfOthers: a datagram that concerns nobody passes to the host, and
// a long ping of a virtual address is not answered.
func TestFragmentsOfOthers(t *testing.T) {
	x := newWorld(t, 100)
	x.balance(service.UDP, "rr", service.NAT, 1)
	other := wiretest.Flow{Src: rsIP(1) + ":9999", Dst: clientIP + ":7"}
	x.send(1, parts(t, wiretest.UDP(other, wiretest.Payload(2000), wiretest.WithMACs(rsMAC(1), inMAC)), 1500)...)
	x.send(0, parts(t, wiretest.ICMPEcho(wiretest.Flow{Src: clientIP, Dst: vip}, 1, 1, wiretest.Payload(2000), toDirector()), 1500)...)
	x.reasons(map[dataplane.Reason]uint64{dataplane.HeldFragment: 2, dataplane.PassedNoService: 1, dataplane.DroppedICMPBad: 1, dataplane.AnsweredEcho: 0})
}
