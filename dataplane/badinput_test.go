package dataplane_test

import (
	"encoding/binary"
	"fmt"
	"testing"

	"ulvs/conntrack"
	"ulvs/dataplane"
	"ulvs/dataplane/memport"
	"ulvs/service"
	"ulvs/wire"
	"ulvs/wire/wiretest"
)

// badWorld has a service of each method and a connection of each, so that a
// malformed packet that got through would find something to do.
func badWorld(t testing.TB) *world {
	x := newWorld(t, 1000)
	for i, m := range []service.Method{service.NAT, service.DR, service.Tunnel} {
		for _, p := range []service.Protocol{service.TCP, service.UDP, service.SCTP} {
			vs := service.VirtualService{Key: key(p), Scheduler: "rr"}
			vs.Port = uint16(80 + i)
			s := server(i+1, m)
			s.Port = vs.Port
			x.apply(service.Change{Op: service.AddService, Service: vs}, service.Change{Op: service.AddServer, Service: vs, Server: s})
		}
	}
	x.settle()
	x.connections()
	return x
}

// connections makes a connection of each service, and ends all others.
func (x *world) connections() {
	x.d.Conns().RemoveIf(func(*conntrack.Conn) bool { return true })
	for i := range 3 {
		f := wiretest.Flow{Src: clientIP + ":1000", Dst: fmt.Sprintf("%s:%d", vip, 80+i)}
		x.send(0, wiretest.TCP(f, wire.SYN, nil, toDirector()), wiretest.UDP(f, nil, toDirector()),
			wiretest.SCTP(f, wiretest.Chunk(wire.SCTPInit, nil), toDirector()))
	}
}

// inject passes one frame as a device would hand it over and returns the
// reason that was counted and the number of frames sent.
func (x *world) inject(f memport.Frame) (dataplane.Reason, int) {
	x.t.Helper()
	before, total := x.d.Reasons()
	for _, p := range x.eth {
		p.Reset()
	}
	x.eth[0].InjectFrames(f)
	for x.w.Round() {
	}
	after, now := x.d.Reasons()
	if now != total+1 {
		x.t.Fatalf("%d packets counted for one", now-total)
	}
	for r := range after {
		if after[r] != before[r] {
			return dataplane.Reason(r), len(x.eth[0].Sent()) + len(x.eth[1].Sent())
		}
	}
	x.t.Fatal("no reason counted")
	return 0, 0
}

// refused checks that a frame is counted as want and does nothing else.
func (x *world) refused(name string, f memport.Frame, want dataplane.Reason) {
	x.t.Helper()
	entries := x.d.Conns().Len()
	got, sent := x.inject(f)
	if got != want || sent != 0 || x.d.Conns().Len() != entries || x.w.Panics() != 0 {
		x.t.Errorf("%s: counted as %v, want %v; %d frames sent, %d entries more, %d panics",
			name, got, want, sent, x.d.Conns().Len()-entries, x.w.Panics())
	}
}

// fault is the reason of a fault of Parse.
func fault(f wire.Fault) dataplane.Reason { return dataplane.Reason(f) }

// TestEveryLength cuts packets of every kind to every length. What is shorter
// than its headers say is refused, for a reason of its own, before it does
// anything.
func TestEveryLength(t *testing.T) {
	x := badWorld(t)
	for name, p := range map[string]*wire.Packet{
		"tcp":  wiretest.TCP(flow(2000), wire.SYN, wiretest.Payload(40), toDirector()),
		"udp":  wiretest.UDP(flow(2000), wiretest.Payload(40), toDirector()),
		"icmp": wiretest.ICMPEcho(wiretest.Flow{Src: clientIP, Dst: vip}, 1, 1, wiretest.Payload(60), toDirector()),
		"sctp": chunk(2000, wire.SCTPInit),
		"hit":  wiretest.TCP(flow(1000), wire.ACK, wiretest.Payload(40), toDirector()),
		"zero": wiretest.Raw(make([]byte, 80)),
	} {
		frame := p.Frame()
		for n := range min(81, len(frame)) {
			want := dataplane.PassedNotIP
			switch {
			case n < 14:
				want = fault(wire.FaultShortEthernet)
			case name == "zero":
			case n < 34:
				want = fault(wire.FaultShortIP)
			default:
				want = fault(wire.FaultTotalBeyond)
			}
			x.refused(fmt.Sprintf("%s cut to %d", name, n), memport.Frame{Data: frame[:n]}, want)
		}
	}
}

// TestEveryLengthConsistent cuts packets and mends their IP headers, so that
// what is too short is the transport header.
func TestEveryLengthConsistent(t *testing.T) {
	x := badWorld(t)
	for _, tt := range []struct {
		p      *wire.Packet
		short  wire.Fault
		header int
	}{
		{wiretest.TCP(flow(2000), wire.SYN, nil, toDirector(), wiretest.WithTCPOptions(2, 4, 5, 180)), wire.FaultShortTCP, 20},
		{wiretest.UDP(flow(2000), wiretest.Payload(9), toDirector()), wire.FaultShortUDP, 8},
		{wiretest.ICMPEcho(wiretest.Flow{Src: clientIP, Dst: vip}, 1, 1, nil, toDirector()), wire.FaultShortICMP, 8},
	} {
		for n := 34; n < len(tt.p.Frame()); n++ {
			f := append([]byte(nil), tt.p.Frame()[:n]...)
			ip := wire.IPv4(f[14:])
			ip.SetTotalLen(n - 14)
			ip[:20].FillChecksum()
			want := fault(tt.short)
			if n-34 >= tt.header {
				want = fault(wire.FaultUDPLengthBeyond)
				if tt.p.Proto == wire.ProtoTCP {
					want = fault(wire.FaultTCPOffsetBeyond)
				}
			}
			x.refused(fmt.Sprintf("protocol %d with %d bytes", tt.p.Proto, n), memport.Frame{Data: f}, want)
		}
	}
}

// TestLies: headers that contradict themselves or the frame.
func TestLies(t *testing.T) {
	x := badWorld(t)
	ip := func(change func(h wire.IPv4), opts ...wiretest.Option) memport.Frame {
		p := wiretest.TCP(flow(1000), wire.SYN, wiretest.Payload(20), append(opts, toDirector())...)
		h := wire.IPv4(p.Frame()[14:])
		n := h.HeaderLen()
		change(h)
		binary.BigEndian.PutUint16(h[10:], 0)
		binary.BigEndian.PutUint16(h[10:], wiretest.SlowChecksum(h[:n]))
		return memport.Frame{Data: p.Frame(), Offload: p.Offload}
	}
	for _, tt := range []struct {
		name string
		f    memport.Frame
		want wire.Fault
	}{
		{"version 5", ip(func(h wire.IPv4) { h[0] = 0x55 }), wire.FaultIPVersion},
		{"IHL 4", ip(func(h wire.IPv4) { h[0] = 0x44 }), wire.FaultIHLSmall},
		{"IHL 0", ip(func(h wire.IPv4) { h[0] = 0x40 }), wire.FaultIHLSmall},
		{"total 0", ip(func(h wire.IPv4) { h.SetTotalLen(0) }), wire.FaultTotalSmall},
		{"total 19", ip(func(h wire.IPv4) { h.SetTotalLen(19) }), wire.FaultTotalSmall},
		{"total beyond", ip(func(h wire.IPv4) { h.SetTotalLen(61) }), wire.FaultTotalBeyond},
		{"total 65535", ip(func(h wire.IPv4) { h.SetTotalLen(65535) }), wire.FaultTotalBeyond},
		{"total within TCP", ip(func(h wire.IPv4) { h.SetTotalLen(39) }), wire.FaultShortTCP},
		{"source route", ip(func(wire.IPv4) {}, wiretest.WithIPOptions(131, 7, 4, 1, 2, 3, 4)), wire.FaultSourceRoute},
		{"option length 0", ip(func(wire.IPv4) {}, wiretest.WithIPOptions(7, 0, 0, 0)), wire.FaultIPOption},
		{"data offset 4", ip(func(h wire.IPv4) { h[32] = 0x40 }), wire.FaultTCPOffsetSmall},
		{"data offset 15", ip(func(h wire.IPv4) { h[32] = 0xf0 }), wire.FaultTCPOffsetBeyond},
		{"fragment at 8", ip(func(h wire.IPv4) { h.SetFragment(false, false, 8) }), wire.FaultTCPFragment},
		{"fragment beyond", ip(func(h wire.IPv4) { h.SetFragment(false, false, 65528) }), wire.FaultFragmentBeyond},
		{"odd fragment", ip(func(h wire.IPv4) { h.SetFragment(false, true, 0); h.SetTotalLen(45) }), wire.FaultFragmentLength},
	} {
		x.refused(tt.name, tt.f, fault(tt.want))
	}
	f := ip(func(wire.IPv4) {})
	f.Data[24] ^= 1
	x.refused("IP checksum", f, fault(wire.FaultIPChecksum))
	for name, o := range map[string]wire.Offload{
		"checksum elsewhere": {Flags: wire.NeedsCsum, CsumStart: 35, CsumOffset: 16},
		"UDP GSO of TCP":     {GSOType: wire.GSOUDPL4, GSOSize: 10},
		"GSO of size 0":      {GSOType: wire.GSOTCPv4},
		"unknown GSO":        {GSOType: 2, GSOSize: 10},
	} {
		f := ip(func(wire.IPv4) {})
		f.Offload = o
		x.refused(name, f, fault(wire.FaultOffload))
	}
}

// TestNotOurs: frames that are whole and nothing to the Director.
func TestNotOurs(t *testing.T) {
	x := badWorld(t)
	plain := func() memport.Frame { return memport.Frame{Data: syn(2000).Frame()} }
	with := func(change func(*memport.Frame)) memport.Frame {
		f := plain()
		change(&f)
		return f
	}
	short := func(f *memport.Frame) { f.Data = f.Data[:20] }
	fragment := func(dst string, off int, more bool) memport.Frame {
		return memport.Frame{Data: wiretest.IP(wiretest.Flow{Src: clientIP, Dst: dst}, wire.ProtoUDP, wiretest.Payload(24), toDirector(), wiretest.WithFragment(off, more)).Frame()}
	}
	vlanInside := append(append(append([]byte(nil), syn(2000).Frame()[:12]...), 0x81, 0, 0, 5), syn(2000).Frame()[12:]...)
	for _, tt := range []struct {
		name string
		f    memport.Frame
		want dataplane.Reason
	}{
		{"clipped", with(func(f *memport.Frame) { f.Clipped = true }), fault(wire.FaultClipped)},
		{"other host", with(func(f *memport.Frame) { f.Type = wire.ToOtherHost }), dataplane.PassedOtherHost},
		{"other host, malformed", with(func(f *memport.Frame) { f.Type = wire.ToOtherHost; short(f) }), dataplane.PassedOtherHost},
		{"outgoing", with(func(f *memport.Frame) { f.Type = wire.Outgoing }), dataplane.PassedOtherHost},
		{"broadcast IP", with(func(f *memport.Frame) { f.Type = wire.ToBroadcast }), dataplane.PassedOtherHost},
		{"multicast IP", with(func(f *memport.Frame) { f.Type = wire.ToMulticast }), dataplane.PassedOtherHost},
		{"VLAN", with(func(f *memport.Frame) { f.HasVLAN, f.VLANTCI = true, 5 }), dataplane.PassedVLAN},
		{"VLAN 0", with(func(f *memport.Frame) { f.HasVLAN = true }), dataplane.PassedVLAN},
		{"VLAN, malformed", with(func(f *memport.Frame) { f.HasVLAN = true; short(f) }), dataplane.PassedVLAN},
		{"VLAN inside", memport.Frame{Data: vlanInside}, fault(wire.FaultStackedVLAN)},
		{"LLDP", with(func(f *memport.Frame) { wire.Ethernet(f.Data).SetEtherType(0x88cc) }), dataplane.PassedNotIP},
		{"first fragment", fragment(vip, 0, true), dataplane.HeldFragment},
		{"middle fragment", fragment(vip, 64, true), dataplane.HeldFragment},
		{"last fragment that overlaps", fragment(vip, 64, false), dataplane.DroppedFragment},
		{"fragment to another", fragment("192.0.2.99", 64, false), dataplane.PassedFragment},
		{"SCTP without a service", memport.Frame{Data: wiretest.SCTP(wiretest.Flow{Src: clientIP + ":5", Dst: vip + ":22"}, wiretest.Chunk(wire.SCTPInit, nil), toDirector()).Frame()}, dataplane.PassedNoService},
		{"SCTP without INIT", memport.Frame{Data: chunk(2000, wire.SCTPData).Frame()}, dataplane.PassedNotInit},
		{"SCTP without a chunk", memport.Frame{Data: wiretest.SCTP(flow(2000), nil, toDirector()).Frame()}, fault(wire.FaultShortSCTP)},
		{"GRE", memport.Frame{Data: wiretest.IP(wiretest.Flow{Src: clientIP, Dst: vip}, wire.ProtoGRE, nil, toDirector()).Frame()}, dataplane.PassedProtocol},
		{"no service on the port", memport.Frame{Data: wiretest.TCP(wiretest.Flow{Src: clientIP + ":5", Dst: vip + ":22"}, wire.SYN, nil, toDirector()).Frame()}, dataplane.PassedNoService},
		{"ping of another", memport.Frame{Data: wiretest.ICMPEcho(wiretest.Flow{Src: clientIP, Dst: dipOut}, 1, 1, nil, toDirector()).Frame()}, dataplane.PassedICMP},
	} {
		x.refused(tt.name, tt.f, tt.want)
	}
}

// TestMartians: sources that no client can have do not start a connection.
func TestMartians(t *testing.T) {
	x := badWorld(t)
	for _, src := range []string{"0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.1", "239.1.2.3", "255.255.255.255", vip} {
		for _, port := range []int{80, 81, 82} {
			f := wiretest.Flow{Src: src + ":1000", Dst: fmt.Sprintf("%s:%d", vip, port)}
			for _, p := range []*wire.Packet{wiretest.TCP(f, wire.SYN, nil, toDirector()), wiretest.UDP(f, nil, toDirector())} {
				x.refused("from "+src, memport.Frame{Data: p.Frame()}, dataplane.DroppedMartian)
			}
		}
	}
	for _, src := range []string{"0.0.0.0", "255.255.255.255", "224.0.0.1", "127.0.0.1"} {
		p := wiretest.ICMPEcho(wiretest.Flow{Src: src, Dst: vip}, 1, 1, nil, toDirector())
		x.refused("ping from "+src, memport.Frame{Data: p.Frame()}, dataplane.DroppedICMPBad)
	}
}

// TestOddFlags: TCP packets without a connection start one only if they have
// SYN and not RST, as in ip_vs.
func TestOddFlags(t *testing.T) {
	x := badWorld(t)
	for flags := range 256 {
		x.connections()
		f := memport.Frame{Data: wiretest.TCP(flow(2000), uint8(flags), nil, toDirector()).Frame()}
		if uint8(flags)&(wire.SYN|wire.RST) != wire.SYN {
			x.refused(fmt.Sprintf("flags %#x", flags), f, dataplane.PassedNotSYN)
		} else if r, sent := x.inject(f); r != dataplane.ForwardedNAT || sent != 1 {
			t.Errorf("flags %#x: %v, %d frames sent", flags, r, sent)
		}
	}
}

// TestBadARP: garbage is neither answered nor learnt from.
func TestBadARP(t *testing.T) {
	x := badWorld(t)
	good := wiretest.ARP(wire.ARPRequest, clientMAC, clientIP, wire.Broadcast, vip).Frame()
	with := func(at int, b ...byte) memport.Frame {
		f := append([]byte(nil), good...)
		copy(f[at:], b)
		return memport.Frame{Data: f}
	}
	for n := 14; n < len(good); n++ {
		x.refused(fmt.Sprintf("cut to %d", n), memport.Frame{Data: good[:n]}, fault(wire.FaultShortARP))
	}
	for _, tt := range []struct {
		name string
		f    memport.Frame
		want dataplane.Reason
	}{
		{"hardware type", with(14, 0, 6), fault(wire.FaultARPFormat)},
		{"protocol type", with(16, 0x86, 0xdd), fault(wire.FaultARPFormat)},
		{"hardware length", with(18, 8), fault(wire.FaultARPFormat)},
		{"protocol length", with(19, 16), fault(wire.FaultARPFormat)},
		{"operation 0", with(20, 0, 0), dataplane.PassedARP},
		{"operation 3", with(20, 0, 3), dataplane.PassedARP},
		{"operation 0xffff", with(20, 0xff, 0xff), dataplane.PassedARP},
		{"sender broadcast", with(22, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), dataplane.PassedARP},
		{"sender multicast", with(22, 1, 0, 0x5e, 0, 0, 1), dataplane.PassedARP},
		{"sender zero", with(22, 0, 0, 0, 0, 0, 0), dataplane.PassedARP},
		{"gratuitous for the VIP", with(28, 198, 51, 100, 1), dataplane.PassedARP},
	} {
		x.refused(tt.name, tt.f, tt.want)
	}
	// What claims to be a real server of the same link with a bad MAC changes
	// nothing: its packets still go where they went.
	x.eth[1].Inject(wiretest.ARP(wire.ARPReply, wire.Broadcast, rsIP(1), inMAC, dipIn).Frame())
	out := x.send(0, wiretest.TCP(flow(1000), wire.ACK, nil, toDirector()))
	wiretest.Check(t, one(t, out[1]).Data, wiretest.MACs(inMAC, rsMAC(1)))
}

// TestBadICMP: errors with a wrong checksum, or with quotes that are none, do
// nothing.
func TestBadICMP(t *testing.T) {
	x := badWorld(t)
	quote := wiretest.TCP(wiretest.Flow{Src: vip + ":80", Dst: clientIP + ":1000"}, wire.ACK, wiretest.Payload(40)).IP()
	for typ := range 256 {
		for n := range len(quote) + 1 {
			p := wiretest.ICMPError(wiretest.Flow{Src: clientIP, Dst: vip}, uint8(typ), 4, 1200, quote[:n], toDirector())
			r, sent := x.inject(memport.Frame{Data: p.Frame()})
			known := n >= 28 && wire.ICMPTypeIsError(uint8(typ)) && uint8(typ) != wire.ICMPRedirect && uint8(typ) != wire.ICMPParamProblem
			if known != (r == dataplane.ForwardedICMP) || !known && typ != 8 && sent != 0 {
				t.Fatalf("type %d with a quote of %d bytes: %v, %d sent", typ, n, r, sent)
			}
		}
	}
	p := wiretest.ICMPError(wiretest.Flow{Src: clientIP, Dst: vip}, 3, 1, 0, quote, toDirector())
	p.Buf[p.L4+2] ^= 1
	x.refused("checksum", memport.Frame{Data: p.Frame()}, dataplane.DroppedICMPBad)
	for i := range 28 { // every bit of the quoted headers
		for bit := range 8 {
			q := append([]byte(nil), quote[:28]...)
			q[i] ^= 1 << bit
			x.inject(memport.Frame{Data: wiretest.ICMPError(wiretest.Flow{Src: clientIP, Dst: vip}, 3, 1, 0, q, toDirector()).Frame()})
		}
	}
	x.reasons(map[dataplane.Reason]uint64{dataplane.DroppedPanic: 0})
}
