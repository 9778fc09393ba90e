package forward

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"

	"ulvs/wire"
	"ulvs/wire/wiretest"
)

// TestPlain: the functions for plain packets write the bytes that those for all
// packets do, whatever the checksums were.
func TestPlain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := plainPacket(t)
		var v wire.Plain
		if !p.Plain(&v) {
			t.Fatal("not plain")
		}
		addr := wire.AddrFromV4(rapid.Uint32().Draw(t, "address"))
		port := rapid.Uint16().Draw(t, "port")
		for name, way := range map[string][2]func(*wire.Packet){
			"ttl": {func(p *wire.Packet) { PlainTTL(p) }, DecrementTTL},
			"in": {
				func(p *wire.Packet) { PlainNATInbound(p, &v, addr.V4(), port) },
				func(p *wire.Packet) { NATInbound(p, addr, port); DecrementTTL(p) },
			},
			"out": {
				func(p *wire.Packet) { PlainNATOutbound(p, &v, addr.V4(), port) },
				func(p *wire.Packet) { NATOutbound(p, addr, port); DecrementTTL(p) },
			},
		} {
			got, want := wiretest.Clone(p), wiretest.Clone(p)
			way[0](got)
			way[1](want)
			if name != "ttl" && HasNoChecksum(p, &v) {
				continue // NAT puts one in: not for the shortest way
			}
			if !bytes.Equal(got.Frame(), want.Frame()) {
				t.Fatalf("%s:\n got %x\nwant %x", name, got.Frame(), want.Frame())
			}
		}
	})
}

// plainPacket is a packet with random addresses, ports, TTL, payload and sums.
func plainPacket(t *rapid.T) *wire.Packet {
	opts := []wiretest.Option{wiretest.WithTTL(uint8(rapid.IntRange(1, 255).Draw(t, "ttl")))}
	if rapid.Bool().Draw(t, "partial") {
		opts = append(opts, wiretest.WithPartial())
	}
	f := wiretest.Flow{Src: "192.0.2.7:1000", Dst: "198.51.100.1:80"}
	payload := rapid.SliceOfN(rapid.Byte(), 12, 60).Draw(t, "payload")
	p := wiretest.TCP(f, wire.ACK, payload, opts...)
	at := wire.TCPChecksumOffset
	if rapid.Bool().Draw(t, "udp") {
		p = wiretest.UDP(f, payload, opts...)
		at = wire.UDPChecksumOffset
	}
	copy(p.Buf[p.L3+12:], rapid.SliceOfN(rapid.Byte(), 8, 8).Draw(t, "addresses"))
	copy(p.Buf[p.L4:], rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "ports"))
	copy(p.Buf[p.L4+at:], rapid.SliceOfN(rapid.Byte(), 2, 2).Draw(t, "sum"))
	p.IPv4().FillChecksum()
	wire.Parse(p)
	return p
}
