package bench

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"

	"ulvs/dataplane"
	"ulvs/dataplane/memport"
	"ulvs/dataplane/nexthop"
	"ulvs/internal/hugemem"
	"ulvs/service"
	"ulvs/wire"
)

// pipeline is the whole data path of the daemon on ports in memory: what no
// kernel disturbs can be measured exactly. Time stands still in it but for what
// a measurement gives.
type pipeline struct {
	worker   *dataplane.Worker
	director *dataplane.Director
	in, out  *memport.Port
	now      time.Duration
	frames   []memport.Frame
}

// Hosts of the pipeline; the client is a router with all clients behind it.
var (
	pipelineMACs = [...]wire.MAC{{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2}, {2, 0, 0, 0, 0, 3}, {2, 0, 0, 0, 0, 4}}
	pipelineTCP  = Endpoint{service.TCP, 80}
)

// newPipeline makes a pipeline with room for so many connections and one wlc
// service of so many servers.
func newPipeline(capacity, servers int, e Endpoint, m service.Method) (*pipeline, error) {
	mem, err := hugemem.Alloc(dataplane.ConnBytes(capacity))
	if err != nil {
		return nil, err
	}
	d, err := dataplane.New(dataplane.Config{Conns: capacity, Seed: 42, Workers: 1, Hops: pipelineHops(), Memory: mem})
	if err != nil {
		return nil, err
	}
	p := &pipeline{director: d, in: memport.New(0), out: memport.New(1), now: time.Hour}
	p.worker = dataplane.NewWorker(d.Lane(0), memport.NewWaiter(p.in, p.out), func() time.Duration { return p.now })
	p.worker.SetPort(0, p.in)
	p.worker.SetPort(1, p.out)
	p.in.Discard(true)
	p.out.Discard(true)
	p.frames = make([]memport.Frame, dataplane.BatchSize)
	for i := range p.frames {
		p.frames[i].Data = pipelineFrame(e)
	}
	return p, p.serve(servers, e, m)
}

// pipelineHops knows every host.
func pipelineHops() *nexthop.Table {
	h := nexthop.New(nexthop.Config{Seed: 1})
	h.SetLinks([]nexthop.Link{
		{Index: 1, Port: 0, Name: "d0", MAC: pipelineMACs[1], MTU: 1500, Up: true},
		{Index: 2, Port: 1, Name: "d1", MAC: pipelineMACs[2], MTU: 1500, Up: true},
	})
	h.SetAddresses([]nexthop.Address{{Index: 1, Prefix: directorIn}, {Index: 2, Prefix: directorOut}})
	h.SetRoutes([]nexthop.Route{
		{Dst: directorIn.Masked(), Index: 1},
		{Dst: directorOut.Masked(), Index: 2},
	})
	neighbours := []nexthop.Neighbour{{Index: 1, Addr: clientAddr.Addr(), MAC: pipelineMACs[0], State: nexthop.Pinned}}
	for n := range pipelineReals {
		neighbours = append(neighbours, nexthop.Neighbour{Index: 2, Addr: pipelineReal(n), MAC: pipelineMACs[3], State: nexthop.Pinned})
	}
	h.SetNeighbours(neighbours)
	return h
}

// pipelineReals is the number of addresses of servers.
const pipelineReals = 200

func pipelineReal(n int) netip.Addr {
	return netip.AddrFrom4([4]byte{192, 0, 2, byte(11 + n%pipelineReals)})
}

// serve makes the service. Servers share addresses if they are many.
func (p *pipeline) serve(servers int, e Endpoint, m service.Method) error {
	vs := service.VirtualService{Key: service.Key{Protocol: e.Protocol, Addr: virtual, Port: e.Port}, Scheduler: "wlc"}
	if err := p.director.Apply(service.Change{Op: service.AddService, Service: vs}); err != nil {
		return err
	}
	for n := range servers {
		rs := service.RealServer{Addr: pipelineReal(n), Port: e.Port, Method: m, Weight: 1}
		if m == service.NAT {
			rs.Port += uint16(n / pipelineReals)
		}
		if err := p.director.Apply(service.Change{Op: service.AddServer, Service: vs, Server: rs}); err != nil {
			return err
		}
	}
	for range 3 { // the announcements of the new address
		p.now += 2 * time.Second
		p.worker.Round()
	}
	return nil
}

// pipelineFrame is a minimal frame from a client to the service.
func pipelineFrame(e Endpoint) []byte {
	b := make([]byte, frameSize)
	copy(b, pipelineMACs[1][:])
	copy(b[6:], pipelineMACs[0][:])
	copy(b[12:], []byte{8, 0, 0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 6})
	src, dst := clientAddr.Addr().As4(), virtual.As4()
	copy(b[26:], src[:])
	copy(b[30:], dst[:])
	binary.BigEndian.PutUint16(b[36:], e.Port)
	b[46], b[47] = 5<<4, 2 // a TCP header without options, SYN
	if e.Protocol == service.UDP {
		b[17], b[23] = 28, 17
		binary.BigEndian.PutUint16(b[38:], 8)
	}
	setChecksum(b[14:34])
	return b
}

// TCP flags.
const (
	flagSYN = 2
	flagACK = 16
)

// batch passes a batch of packets, the i-th of flow(i), and returns how long the
// worker took: receive, the pipeline, send, release.
func (p *pipeline) batch(flags byte, flow func(i int) int) time.Duration {
	first := binary.BigEndian.Uint32(clientAddr.Addr().AsSlice())
	for i := range p.frames {
		f, n := p.frames[i].Data, flow(i)
		binary.BigEndian.PutUint32(f[26:], first+uint32(n/flowPorts))
		binary.BigEndian.PutUint16(f[34:], uint16(firstPort+n%flowPorts))
		if f[23] == wire.ProtoTCP {
			f[47] = flags
		}
		setChecksum(f[14:34])
	}
	p.in.InjectFrames(p.frames...)
	start := time.Now()
	p.worker.Round()
	return time.Since(start)
}

// fill makes n connections, in batches, and checks that they are there. Each is
// established by its second packet: what is timed afterwards is a packet that
// changes nothing, not the one that opens a connection.
func (p *pipeline) fill(ctx context.Context, n int) error {
	for k := 0; k < n; k += len(p.frames) {
		if k&0xffff == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		flow := func(i int) int { return min(k+i, n-1) }
		p.batch(flagSYN, flow)
		p.batch(flagACK, flow)
	}
	if held := p.director.Conns().Len(); held < n {
		return fmt.Errorf("%d of %d connections were made", held, n)
	}
	return nil
}
