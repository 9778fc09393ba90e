package dataplane_test

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"

	"ulvs/dataplane"
	"ulvs/dataplane/memport"
	"ulvs/wire"
	"ulvs/wire/wiretest"
)

// FuzzHandle: any frame with any offload header, on either side of a Director
// with connections of each method: no panic, counted once, and whatever leaves
// is whole, fits its link, and decodes wherever what came in did.
//
// The bytes of meta are the offload header and what the device says of the
// frame. A frame that a device could not deliver, longer than its link and no
// super-frame, is cut; IP headers get a right checksum if asked for, so that
// the fuzzer gets behind it.
func FuzzHandle(f *testing.F) {
	for _, s := range fuzzSeeds() {
		f.Add(s.Data, metaOf(s, 0))
		f.Add(s.Data, metaOf(s, 1))
	}
	x := badWorld(f) // one for all: making it takes a hundred times as long as a packet
	x.eth[0].Poison(true)
	x.eth[1].Poison(true)
	f.Fuzz(func(t *testing.T, data, meta []byte) {
		if len(data) > 66000 {
			return
		}
		x.t = t
		x.now += 11 * time.Minute // so that nothing that was learnt is believed any more
		x.connections()
		port, frame := fuzzFrame(data, meta)
		_, before := x.d.Reasons()
		x.fuzzOne(port, frame)
		x.conserved(before + 1)
		x.countsMatch()
	})
}

// fuzzOne lets one frame arrive and checks what leaves.
func (x *world) fuzzOne(port int, f memport.Frame) {
	x.t.Helper()
	for _, p := range x.eth {
		p.Reset()
	}
	x.eth[port].InjectFrames(f)
	for x.w.Round() {
	}
	for n, p := range x.eth {
		for _, s := range p.Sent() {
			if wire.Ethernet(f.Data).Dst() != [...]wire.MAC{outMAC, inMAC}[n] && wire.Ethernet(s.Data).EtherType() == wire.EtherTypeIPv4 && s.Data[23] == wire.ProtoICMP {
				continue // a ping is answered from the address that it was sent to
			}
			if problem := sentProblem(s, n); problem != "" {
				x.t.Fatalf("port %d: %s\n in %x\nout %x", n, problem, f.Data, s.Data)
			}
			if !decodes(s) && decodes(f) {
				x.t.Fatalf("port %d: what left does not decode\n in %x\nout %x", n, f.Data, s.Data)
			}
		}
	}
}

// metaLen is the number of bytes that say how a frame arrives.
const metaLen = wire.OffloadLen + 5

// fuzzFrame makes the frame that a device would deliver.
func fuzzFrame(data, meta []byte) (port int, f memport.Frame) {
	m := append(append([]byte(nil), meta...), make([]byte, metaLen)...)
	f.Data = append([]byte(nil), data...)
	f.Offload.Decode(m)
	f.Type = wire.PacketType(m[10] % 6)
	f.HasVLAN, f.Clipped = m[11]&1 != 0, m[11]&2 != 0
	f.VLANTCI = binary.BigEndian.Uint16(m[12:])
	if f.Offload.GSO() == wire.GSONone && len(f.Data) > 1514 {
		f.Data = f.Data[:1514]
	}
	if m[11]&4 != 0 && len(f.Data) >= 34 {
		if n := int(f.Data[14]&15) * 4; n >= 20 && len(f.Data) >= 14+n {
			binary.BigEndian.PutUint16(f.Data[24:], 0)
			binary.BigEndian.PutUint16(f.Data[24:], wiretest.SlowChecksum(f.Data[14:14+n]))
		}
	}
	return int(m[14] & 1), f
}

// metaOf is the meta of a frame that arrives on a port.
func metaOf(f memport.Frame, port byte) []byte {
	m := make([]byte, metaLen)
	f.Offload.Encode(m)
	m[10] = byte(f.Type)
	if f.HasVLAN {
		m[11] |= 1
	}
	if f.Clipped {
		m[11] |= 2
	}
	m[14] = port
	return m
}

// fuzzSeeds are packets of every kind that the world knows what to do with.
func fuzzSeeds() (all []memport.Frame) {
	g := &traffic{r: rand.New(rand.NewPCG(1, 1))}
	for range 40 {
		_, f := g.frame()
		if len(f.Data) < 4000 {
			all = append(all, f)
		}
	}
	reply := wiretest.TCP(wiretest.Flow{Src: rsIP(1) + ":80", Dst: clientIP + ":1000"}, wire.ACK, wiretest.Payload(9), wiretest.WithMACs(rsMAC(1), inMAC))
	for _, p := range []*wire.Packet{
		ack(1000, 9), ack(1000, 1460), ack(1000, 3000, wiretest.WithGSO(1000)), reply, clientError(), syn(2000),
		chunk(1000, wire.SCTPData), chunk(1000, wire.SCTPAbort, wiretest.WithPartial()), chunk(2000, wire.SCTPInit),
		wiretest.SCTP(wiretest.Flow{Src: rsIP(1) + ":80", Dst: clientIP + ":1000"}, wiretest.Chunk(wire.SCTPCookieAck, nil), wiretest.WithMACs(rsMAC(1), inMAC)),
		ack(1000, 1460, wiretest.WithIPOptions(7, 7, 4, 0, 0, 0, 0, 1)), ack(1000, 0, wiretest.WithTTL(1)),
		wiretest.UDP(flow(1000), wiretest.Payload(3000), toDirector(), wiretest.WithGSO(700)),
		wiretest.ICMPEcho(wiretest.Flow{Src: clientIP, Dst: vip}, 1, 1, wiretest.Payload(9), toDirector(), wiretest.WithIPOptions(1, 1, 1, 1)),
		tunnelError(), greError(), wiretest.ARP(wire.ARPRequest, clientMAC, clientIP, wire.Broadcast, vip),
	} {
		all = append(all, memport.Frame{Data: p.Frame(), Offload: p.Offload})
	}
	return all
}

// tunnelError is a router's error about a tunnel packet of the world of bad
// input.
func tunnelError() *wire.Packet {
	inner := wiretest.TCP(wiretest.Flow{Src: clientIP + ":1000", Dst: vip + ":82"}, wire.ACK, nil, wiretest.WithDF())
	outer := wiretest.IP(wiretest.Flow{Src: dipIn, Dst: rsIP(3)}, wire.ProtoIPIP, inner.IP(), wiretest.WithDF())
	return wiretest.ICMPError(wiretest.Flow{Src: "203.0.113.200", Dst: dipIn}, 3, 4, 1300, outer.IP(), wiretest.WithMACs(rsMAC(1), inMAC))
}

// greError is one about a GRE packet of the same connection, which is not by GRE.
func greError() *wire.Packet {
	p := tunnelError()
	quote := p.IP()[28:]
	gre := append(append(quote[:20:20], 0, 0, 8, 0), quote[20:]...)
	gre[9] = wire.ProtoGRE
	return wiretest.ICMPError(wiretest.Flow{Src: "203.0.113.200", Dst: dipIn}, 3, 4, 1300, gre, wiretest.WithMACs(rsMAC(1), inMAC))
}

// decodes reports whether gopacket reads a frame. On some rubbish it panics by
// itself, which is a no as well.
func decodes(f memport.Frame) (ok bool) {
	defer func() { ok = recover() == nil }()
	wiretest.Decode(&probe{}, f.Data)
	return true
}

// probe is a testing.TB that turns a failure into a panic.
type probe struct{ testing.TB }

func (*probe) Helper()                   {}
func (*probe) Fatalf(f string, _ ...any) { panic(f) }
func (*probe) Errorf(f string, _ ...any) { panic(f) }

// TestTunnelErrorSeed: the seed is what it says.
func TestTunnelErrorSeed(t *testing.T) {
	x := badWorld(t)
	p := tunnelError()
	x.now += time.Second
	x.eth[1].InjectFrames(memport.Frame{Data: p.Frame()})
	for x.w.Round() {
	}
	if x.count(dataplane.ForwardedICMP) != 1 {
		t.Error("the tunnel error of the seeds is not one")
	}
}
