package dataplane_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ulvs/conntrack"
	"ulvs/dataplane"
	"ulvs/dataplane/memport"
	"ulvs/service"
	"ulvs/wire"
	"ulvs/wire/wiretest"
)

// TestPlainEqual: the shortest way does what the way of all packets does. Two
// directors get the same random frames, one of them takes none the shortest way;
// what leaves, the reasons, the connections and all counts are the same.
func TestPlainEqual(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			short, long := newTrafficWorld(t, 200), newTrafficWorld(t, 200)
			long.d.Lane(0).ParseAll()
			g := &traffic{r: rand.New(rand.NewPCG(seed, 1))}
			for range 100 {
				c := g.change()
				if a, b := short.d.Apply(c), long.d.Apply(c); (a == nil) != (b == nil) {
					t.Fatalf("%v: %v and %v", c, a, b)
				}
				frames := g.steady(40)
				pass := time.Duration(g.r.ExpFloat64() * float64(5*time.Second))
				a, b := short.arrive(frames, pass), long.arrive(frames, pass)
				if !reflect.DeepEqual(a, b) {
					t.Fatalf("left (- the way of all packets, + the shortest):\n%s", cmp.Diff(b, a))
				}
				if s, l := short.seen(), long.seen(); !reflect.DeepEqual(s, l) {
					t.Fatalf("(- the way of all packets, + the shortest):\n%s", cmp.Diff(l, s))
				}
				g.remember(a)
			}
		})
	}
}

// arrival is a frame and the port that it arrives on.
type arrival struct {
	port  int
	frame memport.Frame
}

// steady makes n random frames, many of them data of a few connections.
func (g *traffic) steady(n int) (all []arrival) {
	for range n {
		port, f := g.frame()
		switch g.r.IntN(4) {
		case 0:
			port, f = 0, g.data(fmt.Sprintf("%s:%d", clientIP, 1+g.r.IntN(5)), fmt.Sprintf("%s:%d", vip, 80+g.r.IntN(3)), toDirector())
		case 1:
			n := 1 + g.r.IntN(3)
			port, f = 1, g.data(rsIP(n)+":8080", fmt.Sprintf("%s:%d", clientIP, 1+g.r.IntN(5)), wiretest.WithMACs(rsMAC(n), inMAC))
		}
		all = append(all, arrival{port, f})
	}
	return all
}

// change is a random change of one of the services' servers, which may not be
// possible.
func (g *traffic) change() service.Change {
	methods := []service.Method{service.NAT, service.DR, service.Tunnel}
	m := methods[g.r.IntN(len(methods))]
	vs := service.VirtualService{Key: key([]service.Protocol{service.TCP, service.UDP}[g.r.IntN(2)])}
	vs.Port = trafficPorts[m]
	ops := []service.Op{service.DeleteServer, service.AddServer, service.AddServer, service.EditServer, service.EditServer}
	s := server(1+g.r.IntN(3), m)
	s.Weight = g.r.IntN(3)
	return service.Change{Op: ops[g.r.IntN(len(ops))], Service: vs, Server: s}
}

// data is a packet as most of a connection are.
func (g *traffic) data(src, dst string, macs wiretest.Option) memport.Frame {
	n := g.r.IntN(200)
	opts := append(g.options(0), macs)
	p := wiretest.TCP(wiretest.Flow{Src: src, Dst: dst}, wire.ACK, wiretest.Payload(n), opts...)
	if g.r.IntN(3) == 0 {
		if g.r.IntN(3) == 0 {
			opts = append(opts, wiretest.WithNoChecksum())
		}
		p = wiretest.UDP(wiretest.Flow{Src: src, Dst: dst}, wiretest.Payload(n), opts...)
	}
	return memport.Frame{Data: p.Frame(), Offload: p.Offload}
}

// arrive lets time pass and frames arrive, and returns copies of what left.
func (x *world) arrive(frames []arrival, pass time.Duration) (out [2][]memport.Frame) {
	x.now += pass
	for _, p := range x.eth {
		p.Reset()
	}
	for _, a := range frames {
		x.eth[a.port].InjectFrames(a.frame)
	}
	for x.w.Round() {
	}
	for i, p := range x.eth {
		for _, f := range p.Sent() {
			f.Data = slices.Clone(f.Data)
			out[i] = append(out[i], f)
		}
	}
	return out
}

// seen is all that can be seen of a world from outside.
type seen struct {
	Reasons  map[string]uint64
	Conns    map[string]string
	Services map[string]dataplane.Stats
	Counts   map[string]string
}

func (x *world) seen() seen {
	s := seen{map[string]uint64{}, map[string]string{}, map[string]dataplane.Stats{}, map[string]string{}}
	by, _ := x.d.Reasons()
	for r, n := range by {
		s.Reasons[dataplane.Reason(r).String()] = n
	}
	x.d.Conns().Range(func(i *conntrack.Info) bool {
		c := *i
		c.Server, c.Control = 0, 0 // numbers of this world
		s.Conns[fmt.Sprint(i.Proto, i.Client, i.ClientPort, i.Virtual, i.VirtualPort, i.Real, i.Flags)] = fmt.Sprintf("%+v", c)
		return true
	})
	views, _, _ := x.d.Inspect()
	for _, v := range views {
		s.Services[fmt.Sprint(v.Key)] = v.Stats
		for _, r := range v.Servers {
			s.Counts[fmt.Sprint(v.Key, r.Addr)] = fmt.Sprint(r.Active, r.Inactive, r.Stats)
		}
	}
	return s
}
