package wire_test

import (
	"fmt"
	"testing"

	"ulvs/wire"
	"ulvs/wire/wiretest"
)

// same compares two lists of values.
func same(t *testing.T, what string, got, want []any) {
	t.Helper()
	if g, w := fmt.Sprint(got...), fmt.Sprint(want...); g != w {
		t.Errorf("%s: %s, want %s", what, g, w)
	}
}

func TestEthernetView(t *testing.T) {
	p := wiretest.UDP(flow, nil)
	e := p.Ethernet()
	a, b := wire.MAC{2, 1, 2, 3, 4, 5}, wire.MAC{2, 9, 8, 7, 6, 5}
	e.SetSrc(a)
	e.SetDst(b)
	e.SetEtherType(wire.EtherTypeIPv4)
	wiretest.CheckPacket(t, p, wiretest.MACs(a, b), wiretest.ValidChecksums())
	same(t, "ethernet", []any{e.Src(), e.Dst(), e.EtherType(), len(e.Payload())}, []any{a, b, 0x800, 28})
}

// TestIPv4Header builds a header over rubbish and lets gopacket read it.
func TestIPv4Header(t *testing.T) {
	p := wiretest.UDP(flow, wiretest.Payload(9))
	for i := range wire.IPv4Len {
		p.IP()[i] = 0xff
	}
	h := (&wire.IPv4Header{TOS: 0xb8, TotalLen: 37, ID: 0xabcd, DF: true, TTL: 7, Protocol: wire.ProtoUDP,
		Src: [4]byte{203, 0, 113, 1}, Dst: [4]byte{203, 0, 113, 2}}).Put(p.IP())
	wiretest.CheckPacket(t, p, wiretest.TOS(0xb8), wiretest.IPLen(37), wiretest.ID(0xabcd), wiretest.DF(true), wiretest.TTL(7),
		wiretest.Proto(wire.ProtoUDP), wiretest.Src("203.0.113.1"), wiretest.Dst("203.0.113.2"), wiretest.Fragment(0, false))
	same(t, "header", []any{h.Version(), h.HeaderLen(), h.TOS(), h.TotalLen(), h.ID(), h.DF(), h.MoreFrags(), h.FragOff(), h.TTL(),
		h.Protocol(), h.Src(), h.Dst(), len(h.Options()), len(h.Payload()), h.ChecksumOK()},
		[]any{4, 20, 0xb8, 37, 0xabcd, true, false, 0, 7, 17, []byte{203, 0, 113, 1}, []byte{203, 0, 113, 2}, 0, 17, true})
	if wiretest.SlowSum(h[:20]) != 0xffff || h.Checksum() == 0 {
		t.Errorf("checksum %#04x is wrong", h.Checksum())
	}
}

func TestIPv4Fragment(t *testing.T) {
	p := wiretest.UDP(flow, wiretest.Payload(8), wiretest.WithIPOptions(1, 1, 1, 1))
	h := p.IPv4()
	h.SetFragment(false, true, 1480)
	h.FillChecksum()
	wiretest.CheckPacket(t, p, wiretest.Fragment(1480, true), wiretest.DF(false), wiretest.ValidChecksums())
	same(t, "fragment", []any{h.DF(), h.MoreFrags(), h.FragOff(), h.HeaderLen(), len(h.Options())}, []any{false, true, 1480, 24, 4})
	h.SetTTL(1)
	if h.ChecksumOK() {
		t.Error("the checksum verifies after a change")
	}
}

func TestTCPView(t *testing.T) {
	p := wiretest.TCP(flow, wire.SYN, wiretest.Payload(3), wiretest.WithTCPOptions(2, 4, 5, 180))
	h := p.TCP()
	h.SetSrcPort(5)
	h.SetDstPort(6)
	h.SetSeq(0x01020304)
	h.SetAckNum(0x05060708)
	h.SetHeaderLen(24)
	h.SetFlags(wire.ACK | wire.FIN)
	h.SetWindow(99)
	h.SetChecksum(0x1234)
	d := wiretest.Decode(t, p.Frame()).TCP
	got := []any{h.SrcPort(), h.DstPort(), h.Seq(), h.AckNum(), h.HeaderLen(), h.Window(), h.Checksum(), h.Urgent(), len(h.Options()), len(h.Payload())}
	same(t, "gopacket", got, []any{uint16(d.SrcPort), uint16(d.DstPort), d.Seq, d.Ack, int(d.DataOffset) * 4, d.Window, d.Checksum, d.Urgent, 4, 3})
	same(t, "set", []any{h.Seq(), h.Flags(), d.ACK && d.FIN && !d.SYN}, []any{0x01020304, 0x11, true})
}

func TestUDPView(t *testing.T) {
	p := wiretest.UDP(flow, wiretest.Payload(4), wiretest.WithPad(80))
	h := p.UDP()
	h.SetSrcPort(5)
	h.SetDstPort(6)
	h.SetLength(10)
	h.SetChecksum(7)
	d := wiretest.Decode(t, p.Frame()).UDP
	same(t, "udp", []any{h.SrcPort(), h.DstPort(), h.Length(), h.Checksum(), len(h.Payload())},
		[]any{uint16(d.SrcPort), uint16(d.DstPort), d.Length, d.Checksum, len(d.Payload)})
}

func TestICMPView(t *testing.T) {
	p := wiretest.ICMPEcho(flow, 1, 2, wiretest.Payload(31))
	h := p.ICMPv4()
	same(t, "echo", []any{h.Type(), h.Code(), h.ID(), h.Seq(), h.IsError(), h.ChecksumOK()}, []any{8, 0, 1, 2, false, true})
	h.SetType(wire.ICMPUnreachable)
	h.SetCode(wire.ICMPFragNeeded)
	h.SetRest(0, 1400)
	if h.ChecksumOK() {
		t.Error("the checksum verifies after a change")
	}
	h.FillChecksum()
	wiretest.CheckPacket(t, p, wiretest.ICMPIs(3, 4), wiretest.MTU(1400), wiretest.ValidChecksums())
	same(t, "error", []any{h.MTU(), h.IsError(), h.ChecksumOK(), len(h.Payload())}, []any{1400, true, true, 31})
}

func TestICMPErrorTypes(t *testing.T) {
	errors := map[int]bool{3: true, 4: true, 5: true, 11: true, 12: true}
	for typ := range 256 {
		if got := wire.ICMPTypeIsError(uint8(typ)); got != errors[typ] {
			t.Errorf("type %d: %v", typ, got)
		}
	}
}

func TestARPViewAndBuilder(t *testing.T) {
	a, b := wiretest.ClientMAC, wiretest.DirectorMAC
	reply := wiretest.ARP(wire.ARPReply, a, "192.0.2.1", b, "192.0.2.2")
	wiretest.CheckPacket(t, reply, wiretest.MACs(a, b), wiretest.ARPIs(wire.ARPReply, a, "192.0.2.1", b, "192.0.2.2"))
	v := reply.ARP()
	same(t, "reply", []any{v.EthernetIPv4(), v.Op(), v.SenderMAC(), v.SenderIP(), v.TargetMAC(), v.TargetIP(), reply.IPEnd - reply.L3},
		[]any{true, wire.ARPReply, a, []byte{192, 0, 2, 1}, b, []byte{192, 0, 2, 2}, wire.ARPLen})
	announce := wiretest.ARP(wire.ARPRequest, a, "192.0.2.1", wire.Broadcast, "192.0.2.1")
	wiretest.CheckPacket(t, announce, wiretest.MACs(a, wire.Broadcast),
		wiretest.ARPIs(wire.ARPRequest, a, "192.0.2.1", wire.MAC{}, "192.0.2.1"))
}

func TestMartian(t *testing.T) {
	rows := map[string]bool{
		"192.0.2.1": false, "10.1.2.3": false, "240.0.0.1": false, "223.255.255.255": false, "126.0.0.1": false, "128.0.0.1": false,
		"0.0.0.0": true, "0.1.2.3": true, "127.0.0.1": true, "127.255.255.255": true, "224.0.0.1": true, "239.255.255.255": true,
		"255.255.255.255": true, "198.51.100.1": true, // the last is the destination itself
		"2001:db8::1": false, "fe80::1": true, "febf::1": true, "fec0::1": false, "fd00::1": false, "::1": true, "::": true, "ff02::1": true,
	}
	for src, want := range rows {
		p := wire.Packet{Src: wiretest.Addr(src), Dst: wiretest.Addr("198.51.100.1")}
		if got := wire.Martian(&p); got != want {
			t.Errorf("source %s: %v", src, got)
		}
	}
	if !wire.Martian(&wire.Packet{}) {
		t.Error("no addresses: not martian")
	}
}
