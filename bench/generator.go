package bench

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"ulvs/dataplane/afpacket"
	"ulvs/internal/liveframes"
	"ulvs/internal/netns"
	"ulvs/wire"
)

// Flows differ in their source port, from firstPort on, and if there are more
// than flowPorts, in their source address.
const (
	firstPort = 1024
	flowPorts = 60000
	// maxFlows leaves the addresses in the client's network.
	maxFlows = 200 * flowPorts
	// DefaultFlows is the number of flows unless told otherwise.
	DefaultFlows = 60000
	// frameSize is the length of each frame in bytes: 64 on a wire, where
	// the checksum of 4 follows.
	frameSize = 60
)

// generator offers packets from start to stop.
type generator interface {
	start() error
	stop() error
}

// udpFrame returns a frame from client to VIP by way of the director. Its UDP
// checksum is right for every source port and address whose complements are the
// payload's first bytes.
func udpFrame(t *Topology) []byte {
	b := make([]byte, frameSize)
	copy(b, t.InMAC[:])
	copy(b[6:], []byte{2, 0, 0, 0, 0, 1, 8, 0})
	ip := b[14:]
	copy(ip, []byte{0x45, 0, 0, frameSize - 14, 0, 0, 0x40, 0, 64, 17})
	src, dst := t.Clients.As4(), t.VIP.As4()
	copy(ip[16:], dst[:])
	udp := ip[20:]
	binary.BigEndian.PutUint16(udp[2:], discard.Port)
	binary.BigEndian.PutUint16(udp[4:], uint16(len(udp)))
	pseudo := wire.PseudoSum(wire.Addr{}, wire.AddrFrom(t.VIP), wire.ProtoUDP, len(udp))
	binary.BigEndian.PutUint16(udp[6:], wire.Checksum(udp, pseudo))
	copy(ip[12:], src[:])
	setChecksum(ip[:20])
	setSource(b, binary.BigEndian.Uint32(src[:]), firstPort)
	return b
}

// setSource makes a frame one of a source.
func setSource(f []byte, addr uint32, port uint16) {
	binary.BigEndian.PutUint32(f[26:], addr)
	binary.BigEndian.PutUint16(f[34:], port)
	binary.BigEndian.PutUint16(f[42:], ^port)
	binary.BigEndian.PutUint32(f[44:], ^addr)
}

// setChecksum writes the checksum of an IPv4 header (RFC 1071).
func setChecksum(b []byte) {
	sum := uint32(0)
	b[10], b[11] = 0, 0
	for i := 0; i < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	binary.BigEndian.PutUint16(b[10:], ^uint16(sum+sum>>16))
}

// pacedGenerator sends by a packet socket in the client's namespace, at a rate
// or as fast as it can.
type pacedGenerator struct {
	port  *afpacket.Port
	frame []byte
	flows int
	rate  int // packets per second; 0: as fast as it can

	done atomic.Bool
	wg   sync.WaitGroup
}

// burst is the number of packets sent at a time. A paced generator sends fewer,
// so that its gaps stay well below what a ring holds.
const (
	burst      = 256
	pacedBurst = 64
)

func newPacedGenerator(t *Topology, l Load) (*pacedGenerator, error) {
	g := &pacedGenerator{frame: udpFrame(t), flows: l.Flows, rate: l.Rate}
	var err error
	entering := t.Client.Do(func() {
		g.port, err = afpacket.Open(afpacket.Options{
			Interface: t.ClientIf, QdiscBypass: true,
			Ring: afpacket.Geometry{SlotSize: 2048, Slots: 32, BlockSize: 64 << 10},
		})
	})
	return g, errors.Join(entering, err)
}

func (g *pacedGenerator) start() error {
	ready := make(chan error)
	g.wg.Go(func() { g.run(ready) })
	return <-ready
}

func (g *pacedGenerator) run(ready chan<- error) {
	err := pinThread(GeneratorCPU)
	ready <- err
	if err != nil {
		return
	}
	n := burst
	if g.rate > 0 {
		n = pacedBurst
	}
	pkts := copies(g.frame, n)
	flow, sent := 0, 0
	for start := time.Now(); !g.done.Load(); {
		if g.rate > 0 && !g.due(sent, time.Since(start)) {
			continue
		}
		flow = g.number(pkts, flow)
		g.port.Send(pkts)
		sent += n
	}
}

// due reports whether the next burst may go, having sent that many packets in
// the time since the start.
func (g *pacedGenerator) due(sent int, since time.Duration) bool {
	return float64(sent) <= since.Seconds()*float64(g.rate)
}

// number gives the packets the next sources and returns the flow after.
func (g *pacedGenerator) number(pkts []*wire.Packet, flow int) int {
	first := binary.BigEndian.Uint32(g.frame[26:])
	for _, p := range pkts {
		f := p.Frame()
		setSource(f, first+uint32(flow/flowPorts), uint16(firstPort+flow%flowPorts))
		if g.flows > flowPorts {
			setChecksum(f[14:34])
		}
		if flow++; flow == g.flows {
			flow = 0
		}
	}
	return flow
}

func copies(frame []byte, n int) []*wire.Packet {
	pkts := make([]*wire.Packet, n)
	for i := range pkts {
		buf := make([]byte, wire.Headroom+len(frame))
		copy(buf[wire.Headroom:], frame)
		pkts[i] = &wire.Packet{Buf: buf, Start: wire.Headroom, End: len(buf)}
	}
	return pkts
}

func (g *pacedGenerator) stop() error {
	g.done.Store(true)
	g.wg.Wait()
	return g.port.Close()
}

// floodGenerator is the kernel's own source, which outruns every forwarder and
// paces frame by frame.
type floodGenerator struct {
	from   *netns.NS
	source *liveframes.Source
	ended  chan error
}

// newFloodGenerator makes frames come in at the director, at a rate or, if that
// is 0, as fast as it can. If the reception has
// a thread of its own, they leave by the client's end of the cable instead, for
// only so they go through the NAPI at the director's.
func newFloodGenerator(t *Topology, l Load) (*floodGenerator, error) {
	g, ifname := &floodGenerator{from: t.Director, ended: make(chan error, 1)}, t.In
	if t.Place.Threaded {
		g.from, ifname = t.Client, t.ClientIf
	}
	index, err := g.from.Index(ifname)
	if err != nil {
		return nil, err
	}
	g.source, err = liveframes.New(liveframes.Config{
		Frame: udpFrame(t), Flows: l.Flows, FirstPort: firstPort, Ports: flowPorts,
		Index: index, Transmit: t.Place.Threaded, Rate: l.Rate,
	})
	return g, err
}

func (g *floodGenerator) start() error {
	ready := make(chan error)
	go func() {
		err := pinThread(GeneratorCPU)
		ready <- err
		if err != nil {
			return
		}
		var running error
		entering := g.from.Do(func() { running = g.source.Run() })
		g.ended <- errors.Join(entering, running)
	}()
	return <-ready
}

func (g *floodGenerator) stop() error {
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for {
		g.source.Stop()
		select {
		case err := <-g.ended:
			return errors.Join(err, g.source.Close())
		case <-again.C:
		}
	}
}

// newGenerator chooses: the kernel's source, or a packet socket where that is
// wanted.
func newGenerator(t *Topology, l Load) (generator, error) {
	if l.SocketSource {
		g, err := newPacedGenerator(t, l)
		if err != nil {
			return nil, fmt.Errorf("make generator: %w", err)
		}
		return g, nil
	}
	g, err := newFloodGenerator(t, l)
	if err != nil {
		return nil, fmt.Errorf("make generator: %w", err)
	}
	return g, nil
}
