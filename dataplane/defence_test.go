package dataplane_test

import (
	"testing"
	"time"

	"ulvs/conntrack"
	"ulvs/dataplane"
	"ulvs/service"
	"ulvs/sysctl"
	"ulvs/wire"
	"ulvs/wire/wiretest"
)

// set puts settings in force.
func (x *world) set(assignments ...sysctl.Assignment) {
	x.t.Helper()
	s, err := x.d.Settings().SetAll(assignments)
	if err != nil {
		x.t.Fatal(err)
	}
	x.d.SetSettings(s)
}

// seconds lets time pass with a tick every ten milliseconds.
func (x *world) seconds(n int) {
	for range 100 * n {
		x.now += 10 * time.Millisecond
		x.send(0)
	}
}

// TestAutomaticDefence: the levels go from 1 to 2 as the table fills, and back.
func TestAutomaticDefence(t *testing.T) {
	x := newWorld(t, 800) // an eighth: 100
	x.balance(service.UDP, "rr", service.DR, 1)
	for _, name := range []string{"drop_entry", "drop_packet", "secure_tcp"} {
		x.set(sysctl.Assignment{Name: name, Value: "1"})
	}
	levels := func(want int) {
		t.Helper()
		x.seconds(2)
		if s := x.d.Settings(); s.DropEntry != want || s.DropPacket != want || s.SecureTCP != want {
			t.Errorf("with %d of %d: %+v, want level %d", x.d.Conns().Used(), x.d.Conns().Cap(), s, want)
		}
	}
	levels(sysctl.DefenceAuto)
	for n := range 750 {
		x.send(0, wiretest.UDP(flow(1000+n), nil, toDirector()))
	}
	levels(sysctl.DefenceActive)
	for n := range 20 { // 100 / (100 - 50) is one in two
		x.send(0, wiretest.UDP(flow(3000+n), nil, toDirector()))
	}
	if n := x.count(dataplane.DroppedDefence); n != 10 {
		t.Errorf("%d of 20 new connections dropped, want one in two", n)
	}
	x.d.Conns().RemoveIf(func(*conntrack.Conn) bool { return true })
	levels(sysctl.DefenceAuto)
	if x.send(0, wiretest.UDP(flow(5000), nil, toDirector())); x.count(dataplane.DroppedDefence) != 10 {
		t.Error("a new connection was dropped after the flood")
	}
}

// TestDropEntry: with drop_entry all half-open connections are gone after 32
// seconds, those in use are not, and of the idle ones a part.
func TestDropEntry(t *testing.T) {
	x := newWorld(t, 1000)
	x.balance(service.TCP, "rr", service.DR, 1)
	for n := range 100 {
		x.send(0, syn(1000+n))
		x.send(0, syn(2000+n))
		x.send(0, ack(2000+n, 0))
		x.send(0, syn(3000+n))
		for range 10 {
			x.send(0, ack(3000+n, 0))
		}
	}
	counts := func() (halfOpen, few, many int) {
		x.d.Conns().Range(func(i *conntrack.Info) bool {
			switch {
			case i.State == conntrack.SynRecv:
				halfOpen++
			case i.Packets < 9:
				few++
			default:
				many++
			}
			return true
		})
		return halfOpen, few, many
	}
	x.set(sysctl.Assignment{Name: "drop_entry", Value: "3"})
	x.seconds(33)
	if h, f, m := counts(); h != 0 || f != 100 || m != 100 {
		t.Errorf("after 33 s %d half-open, %d with few packets, %d with many; want 0 100 100", h, f, m)
	}
	x.seconds(62) // idle for more than a minute by now: two rounds
	if _, f, m := counts(); f == 0 || f > 75 || m != 100 {
		t.Errorf("after 95 s %d with few packets, %d with many; want half and 100", f, m)
	}
}

// TestSecureTCPSwitch: secure_tcp acts on live connections.
func TestSecureTCPSwitch(t *testing.T) {
	x := newWorld(t, 100)
	x.balance(service.TCP, "rr", service.NAT, 1)
	x.set(sysctl.Assignment{Name: "secure_tcp", Value: "3"})
	x.send(0, syn(1000))
	x.send(1, fromServer(1, 1000, wire.SYN|wire.ACK, nil))
	x.send(0, ack(1000, 0))
	state := func() (s conntrack.State) {
		x.d.Conns().Range(func(i *conntrack.Info) bool { s = i.State; return true })
		return s
	}
	if s := state(); s != conntrack.SynAck {
		t.Errorf("state %d with secure_tcp, want SYNACK", s)
	}
	x.set(sysctl.Assignment{Name: "secure_tcp", Value: "0"})
	x.send(0, ack(1000, 0))
	if s := state(); s != conntrack.Established {
		t.Errorf("state %d without secure_tcp, want ESTABLISHED", s)
	}
}

// TestSettingsSurviveChanges: the configuration and the settings are published
// together.
func TestSettingsSurviveChanges(t *testing.T) {
	x := newWorld(t, 100)
	x.set(sysctl.Assignment{Name: "sloppy_tcp", Value: "1"}, sysctl.Assignment{Name: "nat_icmp_send", Value: "1"})
	x.balance(service.TCP, "rr", service.NAT, 1)
	if s := x.d.Settings(); !s.SloppyTCP || !s.NATICMPSend {
		t.Errorf("after a change of the configuration: %+v", s)
	}
	if out := x.send(0, ack(1000, 0)); len(out[1]) != 1 {
		t.Error("an ACK did not begin a connection")
	}
	out := x.send(1, fromServer(1, 4444, wire.ACK, nil))
	wiretest.Check(t, one(t, out[1]).Data, wiretest.ICMPIs(3, 3), wiretest.Src(dipIn), wiretest.Dst(rsIP(1)))
}
