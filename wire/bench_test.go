package wire_test

import (
	"fmt"
	"testing"

	"ulvs/wire"
	"ulvs/wire/wiretest"
)

var flow = wiretest.Flow{Src: "192.0.2.1:1000", Dst: "198.51.100.1:80"}

func BenchmarkParse(b *testing.B) {
	rows := map[string]*wire.Packet{
		"udp":         wiretest.UDP(flow, wiretest.Payload(18)),
		"tcp":         wiretest.TCP(flow, wire.ACK, nil),
		"tcp-partial": wiretest.TCP(flow, wire.ACK, wiretest.Payload(1400), wiretest.WithPartial()),
		"options":     wiretest.UDP(flow, nil, wiretest.WithIPOptions(1, 1, 1, 1)),
		"icmp":        wiretest.ICMPEcho(flow, 1, 1, nil),
		"tcp6":        wiretest.TCP(flow6, wire.ACK, nil),
		"options6":    extensions(wiretest.Destination),
		"arp":         wiretest.ARP(wire.ARPRequest, wiretest.ClientMAC, "192.0.2.1", wire.Broadcast, "192.0.2.2"),
		"short":       wiretest.Raw(make([]byte, 13)),
	}
	for _, name := range []string{"udp", "tcp", "tcp-partial", "options", "icmp", "tcp6", "options6", "arp", "short"} {
		b.Run(name, func(b *testing.B) {
			p := rows[name]
			b.ReportAllocs()
			for b.Loop() {
				wire.Parse(p)
			}
		})
	}
}

var sink uint16

func BenchmarkSum(b *testing.B) {
	for _, n := range []int{20, 64, 576, 1460, 65000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			buf := wiretest.Payload(n)
			b.SetBytes(int64(n))
			for b.Loop() {
				sink = wire.Checksum(buf, 0)
			}
		})
	}
}

func BenchmarkDelta(b *testing.B) {
	from, to := wiretest.Addr("198.51.100.1"), wiretest.Addr("192.0.2.10")
	b.Run("make", func(b *testing.B) {
		for b.Loop() {
			sink = uint16(wire.DiffAddr(from, to) + wire.Diff16(80, 8080))
		}
	})
	b.Run("apply", func(b *testing.B) {
		d := wire.DiffAddr(from, to) + wire.Diff16(80, 8080)
		for b.Loop() {
			sink = d.Update(sink)
		}
	})
}
