package forwardtest

import (
	"errors"
	"net/netip"
	"testing"

	"ulvs/wire"
	"ulvs/wire/wiretest"
)

// Ends of the flow that the suite sends.
const (
	Client  = "192.0.2.10:4000"
	Virtual = "198.51.100.1:80"
	Real    = "203.0.113.1:8080"
)

// Ends of the IPv6 flow.
const (
	Client6  = "[2001:db8:4::10]:4000"
	Virtual6 = "[2001:db8:2::1]:80"
	Real6    = "[2001:db8:3::1]:8080"
)

// Method is a forwarding method as the suite drives it.
type Method struct {
	// Inbound forwards a packet from Client to Virtual to the real server
	// Real, TTL included.
	Inbound func(p *wire.Packet)
	// Outbound forwards an answer from Real to Client; nil if answers do not
	// pass the director.
	Outbound func(p *wire.Packet)
	// Arrives is the destination that the real server's application sees.
	Arrives string
	// Grows is the number of bytes that Inbound puts before the IP packet,
	// which the real server takes off again.
	Grows int
	// Finishes says that forwarding leaves no partial checksum.
	Finishes bool
	// Fills says that forwarding puts a checksum in where UDP has none.
	Fills bool
	// Is6 asks for packets from Client6 to Virtual6 instead.
	Is6 bool
}

// ends are those of the method's family.
func (m *Method) ends() (client, virtual, real string) {
	if m.Is6 {
		return Client6, Virtual6, Real6
	}
	return Client, Virtual, Real
}

// sample is one kind of packet that every method must forward.
type sample struct {
	name    string
	udp     bool
	payload int
	opts    []wiretest.Option
	good    wiretest.Checker // about the checksum afterwards
}

// noSum is the sample without a checksum.
const noSum = "udp no checksum"

// samples returns every kind of packet.
func samples() []sample {
	valid, bad, none := wiretest.ValidChecksums(), wiretest.BadTransportChecksum(), wiretest.NoChecksum()
	o := func(opts ...wiretest.Option) []wiretest.Option { return opts }
	return []sample{
		{"tcp", false, 0, nil, valid},
		{"tcp odd payload", false, 3, o(wiretest.WithDF(), wiretest.WithTOS(0xb9)), valid},
		{"tcp ip options", false, 10, o(wiretest.WithIPOptions(1, 1, 1, 0), wiretest.WithExtension(wiretest.Destination)), valid},
		{"tcp options", false, 10, o(wiretest.WithTCPOptions(2, 4, 5, 0xb4)), valid},
		{"tcp padded frame", false, 0, o(wiretest.WithPad(80)), valid},
		{"tcp wrong checksum", false, 8, o(wiretest.WithBadChecksum()), bad},
		{"tcp partial", false, 33, o(wiretest.WithPartial()), valid},
		{"tcp first fragment", false, 44, o(wiretest.WithFragment(0, true)), valid},
		{"tcp later fragment", false, 40, o(wiretest.WithFragment(64, true)), valid},
		{"tcp ttl 2", false, 1, o(wiretest.WithTTL(2)), valid},
		{"tcp congestion experienced", false, 1, o(wiretest.WithTOS(3)), valid},
		{"udp", true, 5, nil, valid},
		{"udp empty", true, 0, nil, valid},
		{noSum, true, 7, o(wiretest.WithNoChecksum()), none},
		{"udp wrong checksum", true, 7, o(wiretest.WithBadChecksum()), bad},
		{"udp partial", true, 9, o(wiretest.WithPartial()), valid},
		{"udp last fragment", true, 11, o(wiretest.WithFragment(1480, false)), valid},
	}
}

// build makes the sample as a packet of the flow f.
func (s *sample) build(f wiretest.Flow) *wire.Packet {
	if s.udp {
		return wiretest.UDP(f, wiretest.Payload(s.payload), s.opts...)
	}
	return wiretest.TCP(f, wire.ACK, wiretest.Payload(s.payload), s.opts...)
}

// Run holds a method against every kind of packet in both directions.
func Run(t *testing.T, m Method) {
	client, virtual, real := m.ends()
	for _, s := range samples() {
		t.Run(s.name+"/inbound", func(t *testing.T) {
			f := wiretest.Flow{Src: client, Dst: virtual}
			m.check(t, &s, s.build(f), m.Inbound, m.Grows, client, m.Arrives)
		})
		if m.Outbound == nil {
			continue
		}
		t.Run(s.name+"/outbound", func(t *testing.T) {
			f := wiretest.Flow{Src: real, Dst: client}
			m.check(t, &s, s.build(f), m.Outbound, 0, virtual, client)
		})
	}
}

// check forwards p and judges what comes out.
func (m *Method) check(t *testing.T, s *sample, p *wire.Packet, forward func(*wire.Packet), grows int, src, dst string) {
	intact := guarded(t, p, grows)
	before := wiretest.Clone(p)
	forward(p)
	intact()
	Consistent(t, p)
	m.unchanged(t, before, p, grows)

	inner := wiretest.Clone(p)
	unwrap(inner, grows, before.EtherType)
	good := s.good
	if m.Fills && s.name == noSum {
		good = wiretest.ValidChecksums()
	}
	if before.FragOff != 0 { // no ports
		src, dst = address(src), address(dst)
	}
	wiretest.CheckPacket(t, inner, good, wiretest.Src(src), wiretest.Dst(dst), wiretest.TTL(before.TTL-1), sameHeader(before))
	wiretest.CheckPacket(t, p, wiretest.TTL(before.TTL-1))
	again := wiretest.Clone(before)
	if n := testing.AllocsPerRun(10, func() { *again = *before; forward(again) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// sameHeader checks the fields of the IP header that no method may change.
func sameHeader(before *wire.Packet) wiretest.Checker {
	if before.Is6() {
		return wiretest.TOS(before.IPv6().TrafficClass())
	}
	tos, id := wiretest.TOS(before.IPv4().TOS()), wiretest.ID(before.IPv4().ID())
	return func(t testing.TB, d *wiretest.Decoded) error { return errors.Join(tos(t, d), id(t, d)) }
}

// unchanged checks what no method may change.
func (m *Method) unchanged(t *testing.T, before, after *wire.Packet, grows int) {
	t.Helper()
	if got, want := after.IPLen(), before.IPLen()+grows; got != want {
		t.Errorf("IP length %d, want %d", got, want)
	}
	want := before.Offload
	if m.Finishes {
		want = wire.Offload{}
	}
	if after.Offload != want {
		t.Errorf("offload %+v, want %+v", after.Offload, want)
	}
	if tail := before.IPEnd - before.L4 - 20; before.L4 != 0 && tail > 0 {
		a, b := before.IP(), after.IP()
		if string(a[len(a)-tail:]) != string(b[len(b)-tail:]) {
			t.Errorf("payload changed")
		}
	}
}

// unwrap takes n bytes off the front of the IP packet, which leaves one of the
// given type, and parses it again.
func unwrap(p *wire.Packet, n int, etherType uint16) {
	copy(p.Buf[p.Start+n:], p.Buf[p.Start:p.L3])
	p.Start += n
	p.Ethernet().SetEtherType(etherType)
	wire.Parse(p)
}

// address is the part of "address:port" before the port.
func address(s string) string { return netip.MustParseAddrPort(s).Addr().String() }
