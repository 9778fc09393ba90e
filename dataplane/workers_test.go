package dataplane_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"testing"
	"time"

	"ulvs/dataplane"
	"ulvs/sched"
	"ulvs/service"
	"ulvs/wire"
	"ulvs/wire/wiretest"
)

// crew is a Director with several lanes, each used by one goroutine.
type crew struct {
	t     testing.TB
	d     *dataplane.Director
	lanes []*dataplane.Lane
}

func newCrew(t testing.TB, workers, conns int) *crew {
	t.Helper()
	d, err := dataplane.New(dataplane.Config{Conns: conns, Seed: 42, Workers: workers, Hops: newHops(1500, 1500)})
	if err != nil {
		t.Fatal(err)
	}
	c := &crew{t: t, d: d}
	for i := range workers {
		c.lanes = append(c.lanes, d.Lane(i))
	}
	return c
}

func (c *crew) apply(changes ...service.Change) {
	for _, ch := range changes {
		if err := c.d.Apply(ch); err != nil {
			c.t.Errorf("%v: %v", ch, err)
		}
	}
}

// balance adds the usual service and its servers.
func (c *crew) balance(scheduler string, m service.Method, weights ...int) {
	vs := service.VirtualService{Key: key(service.TCP), Scheduler: scheduler}
	c.apply(service.Change{Op: service.AddService, Service: vs})
	for i, w := range weights {
		c.apply(change(service.AddServer, i+1, m, w))
	}
}

// run lets every lane work in a goroutine of its own. work gets the lane's
// number and a function that handles one packet on it.
func (c *crew) run(work func(worker int, handle func(*wire.Packet) dataplane.Verdict)) {
	var wg sync.WaitGroup
	for i, l := range c.lanes {
		wg.Go(func() {
			n := 0
			l.Begin(time.Hour)
			work(i, func(p *wire.Packet) dataplane.Verdict {
				if n++; n%16 == 0 || l.Full() {
					l.Sent()
					l.Tick()
					l.End()
					l.Begin(time.Hour + time.Duration(n)*time.Microsecond)
				}
				return l.Handle(p)
			})
			l.Sent()
			l.End()
		})
	}
	wg.Wait()
}

// later lets time pass on all lanes.
func (c *crew) later(now time.Duration) {
	for range 3 {
		for _, l := range c.lanes {
			l.Begin(now)
			l.Tick()
			l.Sent()
			l.End()
		}
		now += 2 * time.Second
	}
}

// done checks what must hold when nobody is at work: every packet counted
// once, counts equal to entries, and after all timeouts nothing left.
func (c *crew) done(packets uint64) {
	c.t.Helper()
	by, total := c.d.Reasons()
	sum := uint64(0)
	for _, n := range by {
		sum += n
	}
	if sum != total || total != packets || by[dataplane.DroppedPanic] != 0 {
		c.t.Errorf("%d packets in, %d handled, %d by reason", packets, total, sum)
	}
	if diff := countDiff(c.d); diff != "" {
		c.t.Error(diff)
	}
	c.later(24 * time.Hour)
	c.later(48 * time.Hour)
	if n := c.d.Conns().Len(); n != 0 {
		c.t.Errorf("%d entries are left", n)
	}
	if diff := countDiff(c.d); diff != "" {
		c.t.Errorf("after all timeouts: %s", diff)
	}
	if _, trash := c.d.Indexes(); trash != 0 {
		c.t.Errorf("%d deleted servers are never freed", trash)
	}
}

// clientSYN is a SYN of one of many clients.
func clientSYN(n int) *wire.Packet {
	f := wiretest.Flow{Src: fmt.Sprintf("192.0.2.%d:%d", 1+n/50000, 1024+n%50000), Dst: vip + ":80"}
	return wiretest.TCP(f, wire.SYN, nil, toDirector())
}

// TestExactShares: however many workers pick, together they pick as one.
func TestExactShares(t *testing.T) {
	for _, workers := range []int{1, 2, 3, 8} {
		for scheduler, weights := range map[string][]int{"rr": {1, 1, 1}, "wrr": {1, 2, 3}, "lc": {1, 1, 1}, "wlc": {1, 2, 3}} {
			t.Run(fmt.Sprintf("%s/%d", scheduler, workers), func(t *testing.T) {
				c := newCrew(t, workers, 20000)
				c.balance(scheduler, service.DR, weights...)
				const each = 600
				c.run(func(w int, handle func(*wire.Packet) dataplane.Verdict) {
					for i := range each {
						if v := handle(clientSYN(w*each + i)); v != dataplane.Forwarded {
							t.Errorf("SYN: %v", v)
						}
					}
				})
				c.compareShares(scheduler, weights, workers*each)
				c.done(uint64(workers * each))
			})
		}
	}
}

// compareShares compares the counts with what the scheduler gives a single
// worker.
func (c *crew) compareShares(scheduler string, weights []int, n int) {
	c.t.Helper()
	s, err := sched.New(scheduler, sched.Config{})
	if err != nil {
		c.t.Fatal(err)
	}
	s.Init(nil)
	var list []*sched.Server
	for i, w := range weights {
		r := sched.NewServer(wire.Addr{}, uint16(i), int32(w))
		list = sched.Insert(list, r)
		s.Added(list, r)
	}
	for range n {
		r := s.Pick(&sched.Flow{})
		r.Bind()
		r.Activate()
	}
	views, _, _ := c.d.Inspect()
	for i, v := range views[0].Servers {
		if got, want := v.Active, list[i].Active.Load(); got != want || int(v.Stats.Conns) != int(want) {
			c.t.Errorf("server %v has %d of %d connections (%d counted), want %d", v.Addr, got, n, v.Stats.Conns, want)
		}
	}
}

// TestSharedFlows: the same flows on all lanes at once, replies on others, make
// one connection each, and no packet is lost or sent elsewhere.
func TestSharedFlows(t *testing.T) {
	c := newCrew(t, 8, 20000)
	c.balance("rr", service.NAT, 1, 1, 1)
	const flows = 1500
	c.run(func(w int, handle func(*wire.Packet) dataplane.Verdict) {
		for i := range flows {
			if v := handle(clientSYN(i)); v != dataplane.Forwarded {
				t.Errorf("SYN: %v", v)
			}
		}
	})
	if n := c.d.Conns().Len(); n != flows {
		t.Errorf("%d entries for %d flows", n, flows)
	}
	views, _, _ := c.d.Inspect()
	if conns := views[0].Stats.Conns; conns != flows {
		t.Errorf("%d connections counted for %d flows", conns, flows)
	}
	c.replies(flows)
	c.done(8*flows + 8*3*flows)
}

// replies sends a reply of each server to each flow on every lane: exactly one
// server's belongs to the connection.
func (c *crew) replies(flows int) {
	c.run(func(w int, handle func(*wire.Packet) dataplane.Verdict) {
		for i := range flows {
			mine := 0
			for n := 1; n <= 3; n++ {
				f := wiretest.Flow{Src: rsIP(n) + ":8080", Dst: fmt.Sprintf("192.0.2.1:%d", 1024+i)}
				flags := wire.SYN | wire.ACK
				if w == 0 {
					flags = wire.FIN | wire.ACK
				}
				if handle(wiretest.TCP(f, flags, nil, wiretest.WithMACs(rsMAC(n), inMAC))) != dataplane.Passed {
					mine++
				}
			}
			if mine != 1 {
				c.t.Errorf("flow %d: replies of %d servers were translated", i, mine)
			}
		}
	})
}

// TestChangesUnderTraffic: services and servers come, change and go while all
// lanes forward. Nothing is lost or counted twice, no server place leaks.
func TestChangesUnderTraffic(t *testing.T) {
	const workers, each = 7, 3000
	for _, persistent := range []time.Duration{0, 30 * time.Second} {
		t.Run(persistent.String(), func(t *testing.T) {
			c := newCrew(t, workers, 2000)
			c.balance("wrr", service.NAT, 1, 2, 3)
			stop := make(chan struct{})
			var changed sync.WaitGroup
			changed.Go(func() { c.changeUntil(stop, persistent) })
			c.run(func(w int, handle func(*wire.Packet) dataplane.Verdict) {
				r := rand.New(rand.NewPCG(uint64(w), 3))
				for range each {
					handle(anyPacket(r))
				}
			})
			close(stop)
			changed.Wait()
			c.done(workers * each)
			if all, _ := c.d.Indexes(); all > 400 {
				t.Errorf("%d server places were given out", all)
			}
		})
	}
}

// anyPacket is a packet of a client or server in some flow.
func anyPacket(r *rand.Rand) *wire.Packet {
	flags := []uint8{wire.SYN, wire.SYN, wire.ACK, wire.FIN | wire.ACK, wire.RST, wire.SYN | wire.ACK}[r.IntN(6)]
	client := fmt.Sprintf("192.0.2.%d:%d", 1+r.IntN(3), 1024+r.IntN(1000))
	if r.IntN(3) == 0 {
		n := 1 + r.IntN(5)
		return wiretest.TCP(wiretest.Flow{Src: rsIP(n) + ":8080", Dst: client}, flags, nil, wiretest.WithMACs(rsMAC(n), inMAC))
	}
	return wiretest.TCP(wiretest.Flow{Src: client, Dst: vip + ":80"}, flags, nil, toDirector())
}

// changeUntil changes the configuration at random until stop is closed. What
// does not fit the present one is refused, which is fine.
func (c *crew) changeUntil(stop chan struct{}, persistent time.Duration) {
	r := rand.New(rand.NewPCG(9, 9))
	other := service.VirtualService{Key: key(service.TCP), Scheduler: "rr"}
	other.Addr = netip.MustParseAddr("198.51.100.9")
	for {
		select {
		case <-stop:
			return
		default:
		}
		vs := service.VirtualService{Key: key(service.TCP), Scheduler: sched.Names()[r.IntN(len(sched.Names()))], Persistent: persistent}
		ch := change(service.AddServer, 1+r.IntN(5), service.NAT, r.IntN(4))
		ch.Server.Upper = uint32(r.IntN(2) * 50)
		switch n := r.IntN(40); {
		case n < 12:
		case n < 22:
			ch.Op = service.EditServer
		case n < 30:
			ch.Op = service.DeleteServer
		case n < 34:
			ch = service.Change{Op: service.EditService, Service: vs}
		case n < 36:
			ch = service.Change{Op: []service.Op{service.AddService, service.DeleteService}[n%2], Service: other}
		case n < 37:
			ch = service.Change{Op: service.DeleteService, Service: vs}
		case n < 38:
			ch = service.Change{Op: service.Flush}
		default:
			ch = service.Change{Op: service.AddService, Service: vs}
		}
		_ = c.d.Apply(ch)
		c.d.Inspect()
	}
}
