package dataplane_test

import (
	"testing"
	"time"

	"ulvs/dataplane/memport"
	"ulvs/wire"
	"ulvs/wire/wiretest"
)

// FuzzHandle6 is FuzzHandle for IPv6: services by NAT, DR and tunnel, on ports
// 80 to 82, with a connection each.
func FuzzHandle6(f *testing.F) {
	for _, p := range seeds6() {
		s := memport.Frame{Data: p.Frame(), Offload: p.Offload}
		f.Add(s.Data, metaOf(s, 0))
		f.Add(s.Data, metaOf(s, 1))
	}
	x := newKernelWorld(f, 1500)
	x.services6()
	x.eth[0].Poison(true)
	x.eth[1].Poison(true)
	f.Fuzz(func(t *testing.T, data, meta []byte) {
		if len(data) > 66000 {
			return
		}
		x.t = t
		x.now += 11 * time.Minute
		x.connections6()
		port, frame := fuzzFrame(data, meta)
		_, before := x.d.Reasons()
		x.fuzzOne6(port, frame)
		x.conserved(before + 1)
	})
}

// fuzzOne6 lets one frame arrive and checks what leaves.
func (x *world) fuzzOne6(port int, f memport.Frame) {
	x.t.Helper()
	for _, p := range x.eth {
		p.Reset()
	}
	x.eth[port].InjectFrames(f)
	for x.w.Round() {
	}
	for n, p := range x.eth {
		for _, s := range p.Sent() {
			q := wiretest.Raw(s.Data)
			q.Offload = s.Offload
			if fault := wire.Parse(q); fault != wire.FaultNone {
				x.t.Fatalf("port %d: %v left\n in %x\nout %x", n, fault, f.Data, s.Data)
			}
			if q.Offload.GSO() == wire.GSONone && q.IPLen() > 1500 {
				x.t.Fatalf("port %d: %d bytes left\n in %x", n, q.IPLen(), f.Data)
			}
		}
	}
}

// methods6 are the ports of the services by their flags.
var methods6 = map[string]string{"80": "-m", "81": "-g", "82": "-i"}

func (x *world) services6() {
	for port, flag := range methods6 {
		x.command("ipvsadm -A -t [" + vip6 + "]:" + port + " -s rr")
		x.command("ipvsadm -a -t [" + vip6 + "]:" + port + " -r [" + rsIP6(1) + "]:" + port + " " + flag)
	}
	x.settle()
}

// connections6 makes the connections that packets of the seeds belong to.
func (x *world) connections6() {
	for port := range methods6 {
		x.send(0, wiretest.TCP(ends6("["+vip6+"]:"+port), wire.SYN, nil, toDirector()))
	}
}

// seeds6 are packets of every kind that the world knows what to do with.
func seeds6() (all []*wire.Packet) {
	reply := wiretest.Flow{Src: "[" + rsIP6(1) + "]:80", Dst: "[2001:db8:4::10]:1000"}
	fromServer := wiretest.WithMACs(rsMAC(1), inMAC)
	for port := range methods6 {
		f := ends6("[" + vip6 + "]:" + port)
		all = append(all,
			wiretest.TCP(f, wire.SYN, nil, toDirector()),
			wiretest.TCP(f, wire.ACK, wiretest.Payload(1440), toDirector()),
			wiretest.TCP(f, wire.ACK, wiretest.Payload(4000), toDirector(), wiretest.WithGSO(1000)),
			wiretest.TCP(f, wire.ACK, nil, toDirector(), wiretest.WithTTL(1)),
			wiretest.TCP(f, wire.ACK, wiretest.Payload(9), toDirector(), wiretest.WithExtension(wiretest.Destination), wiretest.WithPartial()),
			wiretest.TCP(f, wire.ACK, nil, toDirector(), wiretest.WithExtension(wiretest.HopByHop)),
			wiretest.UDP(f, wiretest.Payload(9), toDirector(), wiretest.WithFragment(0, true)),
			wiretest.TCP(f, wire.ACK, nil, toDirector(), wiretest.WithExtension(wiretest.FragmentExt, 0, 0, 0, 0, 0, 7)),
			wiretest.IP(f, wire.ProtoUDP, wiretest.Payload(1400), toDirector(), wiretest.WithFragment(2800, false)))
	}
	sent := wiretest.TCP(wiretest.Flow{Src: reply.Dst, Dst: reply.Src}, wire.ACK, wiretest.Payload(20))
	inner := wiretest.TCP(ends6("["+vip6+"]:82"), wire.ACK, wiretest.Payload(20))
	outer := wiretest.IP(wiretest.Flow{Src: "2001:db8:3::fe", Dst: rsIP6(1)}, wire.ProtoIPv6, inner.IP())
	return append(all,
		wiretest.TCP(reply, wire.ACK, wiretest.Payload(9), fromServer),
		wiretest.ICMPError(reply, 1, 4, 0, sent.IP(), fromServer),
		wiretest.ICMPError(reply, 2, 0, 1300, sent.IP(), fromServer, wiretest.WithPartial()),
		wiretest.ICMPError(wiretest.Flow{Src: "2001:db8:9::1", Dst: "2001:db8:3::fe"}, 2, 0, 1300, outer.IP(), fromServer),
		wiretest.ICMPEcho(ends6(vip6), 1, 1, wiretest.Payload(9), toDirector(), wiretest.WithExtension(wiretest.Destination)),
		ask(client6, vip6, clientMAC))
}

// TestTunnelError6: a router's word about a tunnel packet reaches the client,
// and later packets are held to it.
func TestTunnelError6(t *testing.T) {
	x := newKernelWorld(t, 1500)
	x.services6()
	x.connections6()
	seeds := seeds6()
	out := x.send(1, seeds[len(seeds)-3])
	if len(out[0]) != 1 {
		t.Fatalf("%d frames to the client, want 1", len(out[0]))
	}
	wiretest.Check(t, out[0][0].Data, wiretest.ICMPIs(2, 0), wiretest.MTU(1280), wiretest.Dst("2001:db8:4::10"), wiretest.ValidChecksums(),
		wiretest.Quoted(wiretest.Dst("["+vip6+"]:82")))
	data := func(n int) *wire.Packet {
		return wiretest.TCP(ends6("["+vip6+"]:82"), wire.ACK, wiretest.Payload(n-60), toDirector())
	}
	out = x.send(0, data(1281))
	if len(out[0]) != 1 || len(out[1]) != 0 {
		t.Fatalf("1281 bytes: %d and %d frames out, want packet too big", len(out[0]), len(out[1]))
	}
	wiretest.Check(t, out[0][0].Data, wiretest.ICMPIs(2, 0), wiretest.MTU(1280), wiretest.IPLen(1280), wiretest.ValidChecksums())
	// 1280 bytes a sender may always use: the tunnel's packet goes in fragments.
	out = x.send(0, data(1280))
	if len(out[1]) != 2 {
		t.Fatalf("1280 bytes: %d frames to the server, want two fragments", len(out[1]))
	}
	wiretest.Check(t, out[1][0].Data, wiretest.Fragment(0, true), wiretest.Dst(rsIP6(1)))
	wiretest.Check(t, out[1][1].Data, wiretest.Fragment(1248, false), wiretest.Dst(rsIP6(1)))
}
