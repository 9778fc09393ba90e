package dataplane_test

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"ulvs/dataplane"
	"ulvs/dataplane/memport"
	"ulvs/dataplane/nexthop"
	"ulvs/forward"
	"ulvs/forward/forwardtest"
	"ulvs/service"
	"ulvs/wire"
	"ulvs/wire/wiretest"
)

// parts6 is parts for IPv6.
func parts6(t testing.TB, p *wire.Packet, mtu int) []*wire.Packet {
	t.Helper()
	var sink forwardtest.Sink
	if !forward.Fragment6(p, mtu, 7, sink.Next) {
		t.Fatal("not cut")
	}
	return sink.Packets
}

// joined puts the fragments that left together.
func joined(t testing.TB, frames []memport.Frame) (body []byte) {
	t.Helper()
	for i, f := range frames {
		p := wiretest.Raw(f.Data)
		if fault := wire.Parse(p); fault != wire.FaultNone || int(p.FragOff) != len(body) || p.MoreFrags != (i < len(frames)-1) {
			t.Fatalf("frame %d: %v, offset %d, more %v", i, fault, p.FragOff, p.MoreFrags)
		}
		at := wire.IPv4Len
		if p.Is6() {
			at = wire.IPv6Len + wire.FragmentHeaderLen
		}
		body = append(body, p.IP()[at:]...)
	}
	return body
}

// TestFragments6 sends a datagram to a server, and its answer, by every method
// with fragments in every order; what the kernel makes of each is in the
// recordings of package conformance.
func TestFragments6(t *testing.T) {
	for _, m := range []service.Method{service.NAT, service.DR, service.Tunnel} {
		for _, order := range [][]int{{0, 1, 2}, {2, 1, 0}, {1, 2, 0}} {
			x := world6(t, m, 1)
			x.command("ipvsadm -A -u [" + vip6 + "]:80 -s rr")
			x.command("ipvsadm -a -u [" + vip6 + "]:80 -r [" + rsIP6(1) + "]:80 " + map[service.Method]string{service.NAT: "-m", service.DR: "-g", service.Tunnel: "-i"}[m])
			sent := wiretest.UDP(ends6("["+vip6+"]:80"), wiretest.Payload(3000), toDirector())
			all := parts6(t, sent, 1400)
			out := x.send(0, all[order[0]], all[order[1]], all[order[2]])[1]
			if body := joined(t, out); !bytes.HasSuffix(body, wiretest.Payload(3000)) || len(out) != 3 {
				t.Errorf("%v, order %v: %d frames with %d bytes", m, order, len(out), len(body))
			}
			if m != service.NAT {
				continue
			}
			answer := wiretest.UDP(wiretest.Flow{Src: "[" + rsIP6(1) + "]:80", Dst: "[2001:db8:4::10]:1000"}, wiretest.Payload(2000), wiretest.WithMACs(rsMAC(1), inMAC))
			all = parts6(t, answer, 1400)
			back := x.send(1, all[1], all[0])[0]
			body := joined(t, back)
			src, dst := wiretest.Addr(vip6), wiretest.Addr("2001:db8:4::10")
			if len(back) != 2 || wire.Checksum(body, wire.PseudoSum(src, dst, wire.ProtoUDP, len(body))) != 0 {
				t.Errorf("the answer: %d frames, or a bad checksum", len(back))
			}
		}
	}
}

// TestFragmentsAcross: datagrams of one family in tunnels of the other.
func TestFragmentsAcross(t *testing.T) {
	x := newKernelWorld(t, 1500)
	x.command("ipvsadm -A -u " + vip + ":80 -s rr")
	x.command("ipvsadm -a -u " + vip + ":80 -r [" + rsIP6(1) + "]:80 -i")
	x.command("ipvsadm -A -u [" + vip6 + "]:80 -s rr")
	x.command("ipvsadm -a -u [" + vip6 + "]:80 -r " + rsIP(1) + ":80 -i")
	x.settle()
	for _, row := range []struct{ size, frames int }{{800, 1}, {2000, 2}} {
		p4 := wiretest.UDP(wiretest.Flow{Src: "192.0.2.10:1000", Dst: vip + ":80"}, wiretest.Payload(row.size), toDirector())
		p6 := wiretest.UDP(ends6("["+vip6+"]:80"), wiretest.Payload(row.size), toDirector())
		for family, cut := range map[string][]*wire.Packet{"v4": parts(t, p4, row.size-100), "v6": parts6(t, p6, row.size-100)} {
			if row.size > 1500 {
				cut = map[string][]*wire.Packet{"v4": parts(t, p4, 1400), "v6": parts6(t, p6, 1400)}[family]
			}
			out := x.send(0, cut...)[1]
			if len(out) != row.frames || row.frames > 1 && !bytes.HasSuffix(joined(t, out), wiretest.Payload(row.size)) || !bytes.HasSuffix(out[len(out)-1].Data, wiretest.Payload(row.size)[row.size-9:]) {
				t.Errorf("%s, %d bytes: %d frames, want %d", family, row.size, len(out), row.frames)
			}
			for _, f := range out {
				forwardtest.Consistent(t, parsed(wiretest.Raw(f.Data)))
			}
		}
	}
}

// parsed parses p and gives it back.
func parsed(p *wire.Packet) *wire.Packet {
	wire.Parse(p)
	return p
}

// TestFragments6Bad: overlaps (RFC 5722), repetitions, what never comes and what
// concerns nobody are counted and not forwarded.
func TestFragments6Bad(t *testing.T) {
	x := world6(t, service.NAT, 1)
	p := wiretest.UDP(ends6("["+vip6+"]:80"), wiretest.Payload(3000), toDirector())
	all := parts6(t, p, 1400)
	part := func(off int, more bool) *wire.Packet {
		return wiretest.IP(ends6(vip6), wire.ProtoUDP, wiretest.Payload(800), wiretest.WithFragment(off, more), wiretest.WithID(9), toDirector())
	}
	other := wiretest.IP(wiretest.Flow{Src: "2001:db8:4::10", Dst: "2001:db8:9::9"}, wire.ProtoUDP, wiretest.Payload(800), wiretest.WithFragment(0, true), toDirector())
	out := x.send(0, all[0], all[0], part(0, true), part(792, true), part(800, false), other)
	if len(out[0])+len(out[1]) != 0 {
		t.Errorf("%d frames left", len(out[0])+len(out[1]))
	}
	x.reasons(map[dataplane.Reason]uint64{dataplane.HeldFragment: 2, dataplane.DroppedFragment: 3, dataplane.PassedFragment: 1})
	x.now += 31 * time.Second
	x.send(0)
	if s := x.d.Fragments(); s.Expired != 1 || s.Overlaps != 1 || s.Bytes != 0 {
		t.Errorf("%+v", s)
	}
}

// TestErrorSource6: errors come from the virtual address where the host has it,
// else from the director's own.
func TestErrorSource6(t *testing.T) {
	for own, want := range map[bool]string{false: "2001:db8:1::fe", true: vip6} {
		h := kernelHops(1400)
		if own {
			h.SetAddresses([]nexthop.Address{
				{Index: 1, Prefix: netip.MustParsePrefix("2001:db8:1::fe/64")}, {Index: 2, Prefix: netip.MustParsePrefix("2001:db8:3::fe/64")},
				{Index: 1, Prefix: netip.MustParsePrefix(vip6 + "/128")},
			})
		}
		x := newWorldWith(t, 1000, h)
		x.settle()
		x.balance6(service.DR, 1)
		x.command("ipvsadm -A -t [" + vip6 + "]:81 -s rr")
		x.settle()
		x.send(0, syn6(1000))
		for name, p := range map[string]*wire.Packet{
			"too big":   wiretest.TCP(ends6("["+vip6+"]:80"), wire.ACK, wiretest.Payload(1400), toDirector()),
			"hop limit": wiretest.TCP(ends6("["+vip6+"]:80"), wire.ACK, nil, toDirector(), wiretest.WithTTL(1)),
			"no server": wiretest.TCP(ends6("["+vip6+"]:81"), wire.SYN, nil, toDirector()),
		} {
			out := x.send(0, p)[0]
			if len(out) != 1 {
				t.Fatalf("%s: %d frames", name, len(out))
			}
			wiretest.Check(t, out[0].Data, wiretest.Src(want), wiretest.Dst("2001:db8:4::10"), wiretest.ValidChecksums())
		}
	}
}

// TestMarked6: a rule for a prefix leads packets of IPv6, whole or in fragments,
// to the service of its mark and family, and no others.
func TestMarked6(t *testing.T) {
	x := newKernelWorld(t, 1500)
	rule := service.MarkRule{Protocol: service.UDP, Destination: netip.MustParsePrefix("2001:db8:2::/64"), DestinationPorts: service.PortRange{First: 80, Last: 90}, Mark: 1}
	x.apply(service.Change{Op: service.SetMarks, Marks: []service.MarkRule{rule}})
	x.command("ipvsadm -A -f 1 -s rr")
	x.command("ipvsadm -a -f 1 -r " + rsIP(2) + ":0 -m")
	x.command("ipvsadm -A -f 1 -6 -s rr")
	x.command("ipvsadm -a -f 1 -6 -r [" + rsIP6(1) + "]:0 -m")
	x.settle()
	to := func(dst string, size int) *wire.Packet {
		return wiretest.UDP(ends6(dst), wiretest.Payload(size), toDirector())
	}
	for name, row := range map[string]struct {
		in     []*wire.Packet
		frames int
	}{
		"whole":            {[]*wire.Packet{to("[2001:db8:2::7]:80", 9)}, 1},
		"fragments":        {parts6(t, to("[2001:db8:2::7]:90", 2000), 1400), 2},
		"other port":       {[]*wire.Packet{to("[2001:db8:2::7]:91", 9)}, 0},
		"other address":    {[]*wire.Packet{to("[2001:db8:9::7]:80", 9)}, 0},
		"other protocol":   {[]*wire.Packet{wiretest.TCP(ends6("[2001:db8:2::7]:80"), wire.SYN, nil, toDirector())}, 0},
		"long, other port": {parts6(t, to("[2001:db8:2::7]:92", 2000), 1400), 0},
	} {
		out := x.send(0, row.in...)[1]
		if len(out) != row.frames || row.frames > 0 && toServer(out[0]) != 1 {
			t.Errorf("%s: %d frames, want %d", name, len(out), row.frames)
		}
	}
}
