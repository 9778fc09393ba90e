package forward

import (
	"bytes"
	"slices"
	"testing"

	"ulvs/forward/forwardtest"
	"ulvs/wire"
	"ulvs/wire/wiretest"
)

// TestOracle holds the functions, called in the order that the package comment
// gives, against every recorded IPv4 packet of NAT, DR and IPIP.
func TestOracle(t *testing.T) {
	for _, s := range []struct {
		name, method string
		mtu          int // of the server side
		noPMTU       bool
	}{
		{"nat", "nat", 1500, false},
		{"nat-mtu1400", "nat", 1400, false},
		{"dr", "dr", 1500, false},
		{"dr-mtu1400", "dr", 1400, false},
		{"tun", "tun", 1500, false},
		{"tun-nopmtudisc", "tun", 1500, true},
		{"icmp-nat", "nat", 1500, false},
		{"icmp-dr", "dr", 1500, false},
		{"icmp-tun", "tun", 1500, false},
	} {
		t.Run(s.name, func(t *testing.T) {
			d := &oracleDirector{t: t, method: s.method, mtu: s.mtu, pmtuDisc: !s.noPMTU}
			for _, step := range loadOracle(t, s.name) {
				d.replay(&step)
			}
		})
	}
}

// replay sends one recorded packet and compares what comes out.
func (d *oracleDirector) replay(s *oracleStep) {
	d.t.Helper()
	in := oraclePacket(d.t, s.Hex)
	d.ids = nil
	for _, o := range s.Out {
		b, _ := oracleBytes(d.t, o.Hex)
		d.ids = append(d.ids, wire.IPv4(b).ID())
		if wire.IPv4(b).Protocol() == wire.ProtoICMP {
			d.told = wire.ICMPv4(b[20:]).MTU()
		}
	}
	got := d.handle(s.Side, in)
	if len(got) != len(s.Out) {
		d.t.Errorf("step %d, %s: %d packets out, recorded %d", s.N, s.What, len(got), len(s.Out))
		return
	}
	for i, p := range got {
		want, length := oracleBytes(d.t, s.Out[i].Hex)
		if p.IPLen() != length || !bytes.Equal(p.IP()[:len(want)], want) {
			d.t.Errorf("step %d, %s, packet %d:\n got %d bytes %x\nwant %d bytes %x",
				s.N, s.What, i, p.IPLen(), p.IP()[:min(len(want), p.IPLen())], length, want)
		}
		forwardtest.Consistent(d.t, p)
		wiretest.CheckPacket(d.t, p, wiretest.ValidChecksums())
	}
}

// oracleDirector stands for the Director of the recorded scenarios: one TCP and
// one UDP service with one server.
type oracleDirector struct {
	t        *testing.T
	method   string
	mtu      int // of the path to the server
	pmtuDisc bool

	ids   []uint16 // recorded IP ids: the kernel's are counters
	told  uint16   // recorded MTU of an ICMP error
	parts []*wire.Packet
}

// handle does with p what the kernel was recorded to do.
func (d *oracleDirector) handle(side string, p *wire.Packet) []*wire.Packet {
	switch {
	case side == "rs" && p.IPLen() > d.mtu+4:
		return nil // veth drops such a frame before it reaches the director
	case p.IsFragment():
		return d.fragment(side, p)
	case p.TTL <= 1:
		return d.answer(side, p, wire.ICMPTimeExceeded, 0, 0)
	case p.Proto == wire.ProtoICMP:
		return d.icmp(side, p)
	}
	return d.forward(side, p)
}

// forward sends a packet that belongs to a connection on.
func (d *oracleDirector) forward(side string, p *wire.Packet) []*wire.Packet {
	DecrementTTL(p)
	RecordRoute(p, virtualAddr)
	limit := d.mtu
	if d.method == "tun" {
		limit -= ipip.Overhead()
	}
	switch {
	case side == "rs":
		NATOutbound(p, virtualAddr, p.SrcPort)
		return []*wire.Packet{p}
	case SegmentLen(p) > limit && DontFragment(p) && d.pmtuDisc:
		return d.answer(side, p, wire.ICMPUnreachable, wire.ICMPFragNeeded, uint16(limit))
	case d.method == "nat":
		NATInbound(p, realAddr, p.DstPort)
	case d.method == "tun":
		d.encap(p)
	}
	return d.cut(p, d.mtu)
}

func (d *oracleDirector) encap(p *wire.Packet) {
	if !ipip.Encap(p, directorAddr, d.ids[0], d.pmtuDisc) {
		d.t.Errorf("Encap refused")
	}
}

// cut fragments p if it is too long.
func (d *oracleDirector) cut(p *wire.Packet, mtu int) []*wire.Packet {
	if SegmentLen(p) <= mtu {
		return []*wire.Packet{p}
	}
	var sink forwardtest.Sink
	if !Fragment(p, mtu, sink.Next) {
		d.t.Errorf("Fragment refused")
	}
	return sink.Packets
}

// answer makes an ICMP error about p, from the virtual service to a client.
func (d *oracleDirector) answer(side string, p *wire.Packet, typ, code uint8, mtu uint16) []*wire.Packet {
	src := virtualAddr
	if side == "rs" {
		src = directorAddr
	}
	if !CanError(p) {
		return nil
	}
	e := forwardtest.Fresh(MaxICMPErrorFrame)
	BuildICMPError(e, p, typ, code, mtu, src)
	return d.own(e)
}

// own gives a packet that begins here the recorded id.
func (d *oracleDirector) own(p *wire.Packet) []*wire.Packet {
	p.IPv4().SetID(d.ids[0])
	p.IPv4().FillChecksum()
	return []*wire.Packet{p}
}

// icmp handles echo requests and errors.
func (d *oracleDirector) icmp(side string, p *wire.Packet) []*wire.Packet {
	var inner wire.Packet
	if !ValidICMP(p) {
		return nil
	}
	if outer, ok := TunnelQuote(&inner, p); ok && outer.Src == directorAddr && outer.Dst == realAddr {
		if p.ICMPCode == wire.ICMPFragNeeded {
			d.mtu = int(p.ICMPv4().MTU())
		}
		return d.answer("client", &inner, p.ICMPType, p.ICMPCode, d.told)
	}
	if EchoReply(p) {
		return d.own(p)
	}
	q, ok := QuotedFlow(p)
	if side == "client" {
		return d.icmpInbound(p, q, ok)
	}
	if d.method != "nat" {
		return nil
	}
	DecrementTTL(p)
	if ok && p.ICMPType != wire.ICMPParamProblem && known(q.SrcPort) {
		ICMPOutbound(p, virtualAddr, q.DstPort)
	}
	return []*wire.Packet{p}
}

func (d *oracleDirector) icmpInbound(p *wire.Packet, q Quoted, ok bool) []*wire.Packet {
	if !ok || !known(q.DstPort) {
		return nil
	}
	DecrementTTL(p)
	switch d.method {
	case "nat":
		ICMPInbound(p, realAddr, q.SrcPort)
	case "tun":
		d.encap(p)
	}
	return []*wire.Packet{p}
}

// known reports whether there is a connection of the client's port.
func known(port uint16) bool { return port == 4000 || port == 5000 }

// fragment waits for all fragments of a datagram, as the kernel does, and
// forwards them as they came, or in a tunnel as the whole cut to their size.
func (d *oracleDirector) fragment(side string, p *wire.Packet) []*wire.Packet {
	d.parts = append(d.parts, p)
	d.parts = slices.DeleteFunc(d.parts, func(q *wire.Packet) bool { return q.IPv4().ID() != p.IPv4().ID() })
	slices.SortFunc(d.parts, func(a, b *wire.Packet) int { return int(a.FragOff) - int(b.FragOff) })
	if len(d.parts) < 3 {
		return nil
	}
	if d.method == "tun" {
		defer func(mtu int) { d.mtu = mtu }(d.mtu)
		d.mtu = d.parts[0].IPLen()
		return d.forward(side, d.join())
	}
	for _, q := range d.parts {
		d.forward(side, q)
	}
	return d.parts
}

// join reassembles the parts.
func (d *oracleDirector) join() *wire.Packet {
	frame := bytes.Clone(d.parts[0].Frame())
	for _, q := range d.parts[1:] {
		frame = append(frame, q.IP()[20:]...)
	}
	ip := wire.IPv4(frame[14:])
	ip.SetTotalLen(len(ip))
	ip.SetFragment(false, false, 0)
	ip.FillChecksum()
	return wiretest.Raw(frame)
}
