package dataplane_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"ulvs/conntrack"
	"ulvs/dataplane"
	"ulvs/dataplane/memport"
	"ulvs/service"
	"ulvs/wire"
	"ulvs/wire/wiretest"
)

// traffic makes random frames: life cycles of connections of a few clients to
// a few services, their replies, errors about them, ARP, and rubbish.
type traffic struct {
	r    *rand.Rand
	last []memport.Frame // some frames that were sent, to be quoted in errors
}

// trafficPorts are the virtual ports of the services that traffic goes to: one
// of each method for TCP and UDP.
var trafficPorts = map[service.Method]uint16{service.NAT: 80, service.DR: 81, service.Tunnel: 82}

// newTrafficWorld has a service of each method and protocol with three servers.
func newTrafficWorld(t testing.TB, conns int) *world {
	x := newWorld(t, conns)
	x.trafficServices()
	return x
}

func (x *world) trafficServices() {
	for m, port := range trafficPorts {
		for _, p := range []service.Protocol{service.TCP, service.UDP} {
			vs := service.VirtualService{Key: key(p), Scheduler: "wlc"}
			vs.Port = port
			if m == service.NAT && p == service.UDP {
				vs.Persistent = time.Minute
			}
			x.apply(service.Change{Op: service.AddService, Service: vs})
			for n := 1; n <= 3; n++ {
				s := server(n, m)
				x.apply(service.Change{Op: service.AddServer, Service: vs, Server: s})
			}
		}
	}
	x.settle()
}

// frame makes the next frame and says on which port it arrives.
func (g *traffic) frame() (port int, f memport.Frame) {
	switch n := g.r.IntN(20); {
	case n < 9:
		p := g.client()
		return 0, memport.Frame{Data: p.Frame(), Offload: p.Offload}
	case n < 14:
		p := g.server()
		return 1, memport.Frame{Data: p.Frame(), Offload: p.Offload}
	case n < 16:
		return g.icmp()
	case n < 17:
		return g.r.IntN(2), g.arp()
	case n < 18:
		return 0, g.odd()
	}
	return 0, g.spoilt()
}

// arriving are the MACs of a frame that arrives on a port.
func arriving(port int) wiretest.Option {
	if port == 0 {
		return toDirector()
	}
	return wiretest.WithMACs(rsMAC(1), inMAC)
}

func (g *traffic) pick(s ...string) string { return s[g.r.IntN(len(s))] }

// flags are those of a packet of a connection's life, SYN more often than not.
func (g *traffic) flags() uint8 {
	common := []uint8{wire.SYN, wire.SYN, wire.SYN | wire.ACK, wire.ACK, wire.ACK, wire.ACK | wire.PSH, wire.FIN | wire.ACK, wire.RST, 0}
	if g.r.IntN(20) == 0 {
		return uint8(g.r.Uint32())
	}
	return common[g.r.IntN(len(common))]
}

// options are random properties of a packet with a payload of n bytes, which
// fits into the MTU or is a super-frame.
func (g *traffic) options(n int) (opts []wiretest.Option) {
	if g.r.IntN(2) == 0 {
		opts = append(opts, wiretest.WithDF())
	}
	if g.r.IntN(10) == 0 {
		opts = append(opts, wiretest.WithTTL(uint8(g.r.IntN(3))))
	}
	if g.r.IntN(3) == 0 {
		opts = append(opts, wiretest.WithPartial())
	}
	if n > 1440 || n > 0 && g.r.IntN(8) == 0 {
		opts = append(opts, wiretest.WithGSO(uint16(100+g.r.IntN(1400))))
	}
	return opts
}

// size is that of a payload.
func (g *traffic) size() int {
	if g.r.IntN(100) == 0 {
		return 60000
	}
	sizes := []int{0, 0, 0, 1, 100, 1200, 1440, 1441, 3000, 10000}
	return sizes[g.r.IntN(len(sizes))]
}

func (g *traffic) client() *wire.Packet {
	n := g.size()
	f := wiretest.Flow{
		Src: fmt.Sprintf("%s:%d", g.pick(clientIP, "192.0.2.8", "0.0.0.0", vip), g.r.IntN(40)),
		Dst: fmt.Sprintf("%s:%d", vip, 80+g.r.IntN(4)),
	}
	opts := append(g.options(n), toDirector())
	if g.r.IntN(3) == 0 {
		return wiretest.UDP(f, wiretest.Payload(n), opts...)
	}
	return wiretest.TCP(f, g.flags(), wiretest.Payload(n), opts...)
}

func (g *traffic) server() *wire.Packet {
	n, rs := g.size(), 1+g.r.IntN(3)
	f := wiretest.Flow{
		Src: fmt.Sprintf("%s:%d", rsIP(rs), []int{8080, 8080, 81}[g.r.IntN(3)]),
		Dst: fmt.Sprintf("%s:%d", g.pick(clientIP, "192.0.2.8"), g.r.IntN(40)),
	}
	opts := append(g.options(n), wiretest.WithMACs(rsMAC(rs), inMAC))
	if g.r.IntN(3) == 0 {
		return wiretest.UDP(f, wiretest.Payload(n), opts...)
	}
	return wiretest.TCP(f, g.flags(), wiretest.Payload(n), opts...)
}

// icmp makes an error about something that was sent, or an echo request.
func (g *traffic) icmp() (int, memport.Frame) {
	port := g.r.IntN(2)
	if len(g.last) == 0 || g.r.IntN(4) == 0 {
		p := wiretest.ICMPEcho(wiretest.Flow{Src: clientIP, Dst: g.pick(vip, dipOut)}, 1, 1, wiretest.Payload(g.r.IntN(100)), arriving(port))
		return port, memport.Frame{Data: p.Frame()}
	}
	q := g.last[g.r.IntN(len(g.last))].Data[14:]
	q = q[:g.r.IntN(min(len(q), 600)+1)]
	f := wiretest.Flow{Src: g.pick("203.0.113.200", clientIP, rsIP(1)), Dst: g.pick(vip, clientIP, dipIn)}
	types := []uint8{3, 3, 3, 4, 5, 11, 12}
	p := wiretest.ICMPError(f, types[g.r.IntN(len(types))], uint8(g.r.IntN(6)), uint16(g.r.IntN(1600)), q, append(g.options(0), arriving(port))...)
	return port, memport.Frame{Data: p.Frame()}
}

func (g *traffic) arp() memport.Frame {
	target := g.pick(vip, dipIn, dipOut, rsIP(1))
	return memport.Frame{Data: wiretest.ARP(uint16(g.r.IntN(4)), clientMAC, g.pick(clientIP, vip, rsIP(2)), wire.Broadcast, target).Frame()}
}

// odd makes a whole frame with odd metadata.
func (g *traffic) odd() memport.Frame {
	p := g.client()
	return memport.Frame{
		Data: p.Frame(), Offload: p.Offload, Type: wire.PacketType(g.r.IntN(6)), Clipped: g.r.IntN(3) == 0,
		HasVLAN: g.r.IntN(3) == 0, VLANTCI: uint16(g.r.Uint32()),
	}
}

// spoilt makes a frame with wrong bytes or a wrong length.
func (g *traffic) spoilt() memport.Frame {
	p := g.client()
	f := memport.Frame{Data: p.Frame(), Offload: p.Offload}
	for range 1 + g.r.IntN(4) {
		f.Data[g.r.IntN(min(len(f.Data), 60))] = byte(g.r.Uint32())
	}
	if g.r.IntN(2) == 0 {
		f.Data = f.Data[:g.r.IntN(len(f.Data)+1)]
	}
	if len(f.Data) >= 34 && f.Data[14] == 0x45 && g.r.IntN(2) == 0 {
		wire.IPv4(f.Data[14:34]).FillChecksum()
	}
	if g.r.IntN(8) == 0 {
		f.Offload = wire.Offload{Flags: uint8(g.r.IntN(4)), GSOType: uint8(g.r.IntN(6)), GSOSize: uint16(g.r.IntN(2000)), CsumStart: 34, CsumOffset: uint16(g.r.IntN(20))}
	}
	return f
}

// remember keeps some of what was sent.
func (g *traffic) remember(out [2][]memport.Frame) {
	for _, frames := range out {
		for _, f := range frames {
			c := memport.Frame{Data: append([]byte(nil), f.Data...)}
			if len(g.last) < 50 {
				g.last = append(g.last, c)
			} else if g.r.IntN(10) == 0 {
				g.last[g.r.IntN(len(g.last))] = c
			}
		}
	}
}

// conserved checks that every packet handed in was counted under one reason.
func (x *world) conserved(in uint64) {
	x.t.Helper()
	by, total := x.d.Reasons()
	sum := uint64(0)
	for _, n := range by {
		sum += n
	}
	if total != in || sum != in || by[dataplane.DroppedPanic] != 0 {
		x.t.Fatalf("%d packets in, %d handled, %d counted by reason, %d panics", in, total, sum, by[dataplane.DroppedPanic])
	}
}

// countsMatch checks that the counts of the servers are those of the entries.
func (x *world) countsMatch() {
	x.t.Helper()
	if diff := countDiff(x.d); diff != "" {
		x.t.Fatal(diff)
	}
}

// countDiff compares the servers' counts with the entries of the table.
func countDiff(d *dataplane.Director) string {
	type counts struct{ active, inactive, templates int32 }
	want := map[uint32]counts{}
	d.Conns().Range(func(i *conntrack.Info) bool {
		c := want[i.Server]
		switch {
		case i.Flags&conntrack.Template != 0:
			c.templates++
		case i.Flags&conntrack.Inactive != 0:
			c.inactive++
		default:
			c.active++
		}
		want[i.Server] = c
		return true
	})
	views, _, _ := d.Inspect()
	for _, v := range views {
		for _, s := range v.Servers {
			if got := (counts{s.Active, s.Inactive, s.Persistent}); got != want[s.ID] {
				return fmt.Sprintf("%v server %v counts %+v, its entries are %+v", v.Key, netip.AddrPortFrom(s.Addr, s.Port), got, want[s.ID])
			}
		}
	}
	return ""
}

// TestRandomTraffic: whatever arrives, every packet is counted once, the
// counts of the servers are those of the table, and what leaves is whole and
// fits into its link. Released memory is poisoned, so that a frame that is
// sent too late shows.
func TestRandomTraffic(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			conns := []int{20, 10000}[seed%2]
			x := newTrafficWorld(t, conns)
			for _, p := range x.eth {
				p.Poison(true)
			}
			g := &traffic{r: rand.New(rand.NewPCG(seed, 7))}
			in := uint64(0)
			for range 120 {
				n := 1 + g.r.IntN(150)
				out := x.sendRandom(g, n)
				in += uint64(n)
				x.conserved(in)
				x.countsMatch()
				x.checkSent(out)
				g.remember(out)
				x.now += time.Duration(g.r.IntN(3000)) * time.Millisecond
			}
			x.now += 2 * time.Hour
			x.send(0)
			x.now += 2 * time.Hour // templates that were prolonged
			x.send(0)
			if x.countsMatch(); x.d.Conns().Len() != 0 {
				t.Errorf("%d entries are left", x.d.Conns().Len())
			}
		})
	}
}

// sendRandom lets n random frames arrive and returns what left.
func (x *world) sendRandom(g *traffic, n int) [2][]memport.Frame {
	for _, p := range x.eth {
		p.Reset()
	}
	for range n {
		port, f := g.frame()
		x.eth[port].InjectFrames(f)
	}
	for x.w.Round() {
	}
	return [2][]memport.Frame{x.eth[0].Sent(), x.eth[1].Sent()}
}

// checkSent checks that every frame is whole, from and to where its link leads,
// and no longer than the link's MTU unless the device shall cut it.
func (x *world) checkSent(out [2][]memport.Frame) {
	x.t.Helper()
	for port, frames := range out {
		for _, f := range frames {
			if problem := sentProblem(f, port); problem != "" {
				x.t.Fatalf("port %d: %s\n%x", port, problem, f.Data[:min(len(f.Data), 128)])
			}
		}
	}
}

// sentProblem says what is wrong with a frame that left by a port of the world.
func sentProblem(f memport.Frame, port int) string {
	p := wire.Packet{Buf: f.Data, End: len(f.Data), Offload: f.Offload}
	fault := wire.Parse(&p)
	src, dst := p.Ethernet().Src(), p.Ethernet().Dst()
	switch {
	case fault != wire.FaultNone:
		return fault.String()
	case src != [...]wire.MAC{outMAC, inMAC}[port]:
		return "sent from " + src.String()
	case dst.IsGroup() && p.EtherType != wire.EtherTypeARP, dst.IsZero():
		return "sent to " + dst.String()
	case p.EtherType == wire.EtherTypeIPv4 && p.IPLen() > 1500 && f.Offload.GSO() == wire.GSONone:
		return fmt.Sprintf("%d bytes on a link of 1500", p.IPLen())
	case p.EtherType == wire.EtherTypeIPv4 && f.Offload.GSO() != wire.GSONone && segmentLen(&p) > 1500:
		return fmt.Sprintf("segments of %d bytes on a link of 1500", segmentLen(&p))
	}
	return ""
}

// segmentLen is the IP length of a super-frame's segments.
func segmentLen(p *wire.Packet) int {
	headers := p.L4 - p.L3 + wire.UDPLen
	if p.Proto == wire.ProtoTCP {
		headers = p.L4 - p.L3 + p.TCP().HeaderLen()
	}
	return min(p.IPLen(), headers+int(p.Offload.GSOSize))
}
