package forwardtest

import (
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
		{"tcp ip options", false, 10, o(wiretest.WithIPOptions(1, 1, 1, 0)), valid},
		{"tcp options", false, 10, o(wiretest.WithTCPOptions(2, 4, 5, 0xb4)), valid},
		{"tcp padded frame", false, 0, o(wiretest.WithPad(60)), valid},
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
	for _, s := range samples() {
		t.Run(s.name+"/inbound", func(t *testing.T) {
			f := wiretest.Flow{Src: Client, Dst: Virtual}
			m.check(t, &s, s.build(f), m.Inbound, m.Grows, Client, m.Arrives)
		})
		if m.Outbound == nil {
			continue
		}
		t.Run(s.name+"/outbound", func(t *testing.T) {
			f := wiretest.Flow{Src: Real, Dst: Client}
			m.check(t, &s, s.build(f), m.Outbound, 0, Virtual, Client)
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
	unwrap(inner, grows)
	good := s.good
	if m.Fills && s.name == noSum {
		good = wiretest.ValidChecksums()
	}
	if before.FragOff != 0 { // no ports
		src, dst = address(src), address(dst)
	}
	wiretest.CheckPacket(t, inner, good, wiretest.Src(src), wiretest.Dst(dst),
		wiretest.TTL(before.TTL-1), wiretest.TOS(before.IPv4().TOS()), wiretest.ID(before.IPv4().ID()))
	wiretest.CheckPacket(t, p, wiretest.TTL(before.TTL-1))
	again := wiretest.Clone(before)
	if n := testing.AllocsPerRun(10, func() { *again = *before; forward(again) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
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
	if tail := before.IPLen() - before.IPv4().HeaderLen() - 20; tail > 0 {
		a, b := before.IP(), after.IP()
		if string(a[len(a)-tail:]) != string(b[len(b)-tail:]) {
			t.Errorf("payload changed")
		}
	}
}

// unwrap takes n bytes off the front of the IP packet and parses it again.
func unwrap(p *wire.Packet, n int) {
	copy(p.Buf[p.Start+n:], p.Buf[p.Start:p.L3])
	p.Start += n
	wire.Parse(p)
}

// address is the part of "address:port" before the port.
func address(s string) string {
	for i := range s {
		if s[i] == ':' {
			return s[:i]
		}
	}
	return s
}
