package conntrack

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ulvs/wire"
)

// TestConcurrent lets several workers do all there is to do to few connections
// and templates in a table that is too small for them, and holds the sums at
// the end. It is run with the race detector in CI.
func TestConcurrent(t *testing.T) {
	const workers, steps = 4, 20_000
	var inserted, ended atomic.Int64
	table, err := New(Config{Capacity: 3000, Seed: 5, Expired: func(*Conn) { ended.Add(1) }})
	if err != nil {
		t.Fatal(err)
	}
	var clock atomic.Int64
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(1, uint64(w)))
			for range steps {
				now := time.Duration(clock.Add(int64(time.Millisecond)))
				inserted.Add(int64(work(table, r, now)))
			}
		})
	}
	wg.Wait()
	if got := inserted.Load() - ended.Load(); got != int64(table.Len()) || got != int64(table.Stats().Len) {
		t.Errorf("%d inserted, %d ended, %d there", inserted.Load(), ended.Load(), table.Len())
	}
	held := map[Ref]uint32{}
	controlled := uint32(0)
	table.Range(func(i *Info) bool {
		held[i.Control]++
		controlled += i.Controlled
		return true
	})
	delete(held, 0)
	for _, n := range held {
		controlled -= n
	}
	if controlled != 0 {
		t.Errorf("%d references too many", int32(controlled))
	}
	end := time.Duration(clock.Load()) + time.Hour
	for range 3 { // connections, then their templates
		table.Tick(end, 1e6)
		end += time.Hour
	}
	if table.Len() != 0 || table.Used() != 0 || inserted.Load() != ended.Load() {
		t.Errorf("%d left, %d used", table.Len(), table.Used())
	}
}

// work is one packet of one worker; it returns how many entries it made.
func work(table *Table, r *rand.Rand, now time.Duration) (made int) {
	if r.IntN(50) == 0 {
		table.Tick(now, 100)
	}
	if r.IntN(5000) == 0 {
		table.Range(func(i *Info) bool { return i.Packets < 1000 })
		table.RemoveIf(func(c *Conn) bool { return c.ClientPort()%64 == 1 })
	}
	var ref Ref
	k := flow(r.IntN(5000))
	if r.IntN(2) == 0 {
		k = flow6(r.IntN(1000))
	}
	if r.IntN(3) == 0 {
		made, ref = template(table, r.IntN(16), now)
	}
	var a Ahead
	table.AimInbound(&a, &k.Client, &k.Virtual, k.ClientPort, k.VirtualPort, k.Proto)
	table.Look(&a)
	table.Reach(&a)
	s := table.Lock(a.Hash)
	defer s.Unlock()
	c := s.FindInbound(&k)
	if c != nil && c.State() == TimeWait && r.IntN(2) == 0 {
		s.Remove(c)
		c = nil
	}
	if c == nil {
		c, _ = s.Insert(&k, &Spec{Real: addr("203.0.113.1"), RealPort: 80, State: SynRecv, Control: ref}, now, time.Minute)
		if c != nil {
			return made + 1
		}
	} else {
		s.SetState(c, TCPNext(c.Direction(r.IntN(2) == 0), c.State(), uint8(r.Uint32()), false))
		c.CountPacket()
		s.Touch(c, now, time.Duration(r.IntN(10_000))*time.Millisecond)
	}
	table.Release(ref)
	return made
}

// template finds or makes template n and holds it.
func template(table *Table, n int, now time.Duration) (made int, ref Ref) {
	k := Key{Client: addr("192.0.2.0"), Virtual: addr("198.51.100.1"), VirtualPort: uint16(n), Proto: wire.ProtoTCP}
	k.Client = poke(k.Client, 14, byte(n))
	s := table.Lock(table.HashKey(&k))
	defer s.Unlock()
	c := s.FindInbound(&k)
	if c == nil {
		if c, _ = s.Insert(&k, &Spec{Real: addr("203.0.113.1"), Flags: Template}, now, 2*time.Second); c == nil {
			return 0, 0
		}
		made = 1
	}
	s.Touch(c, now, 2*time.Second)
	return made, s.Hold(c)
}

// TestNoAllocs: nothing that a packet does allocates.
func TestNoAllocs(t *testing.T) {
	d := newDirector(t, 3000)
	to := NewTimeouts()
	hit, reply := flow(1), flow(1)
	reply.Virtual, reply.VirtualPort = addr("203.0.113.1"), 8080
	insert(t, d.Table, hit, Established, time.Minute)
	sp := Spec{Real: reply.Virtual, RealPort: 8080, State: SynRecv}
	n := 10
	for name, f := range map[string]func(){
		"hit": func() {
			s := d.Lock(d.Hash(hit.Client, hit.ClientPort, hit.Proto))
			c := s.FindInbound(&hit)
			s.SetState(c, TCPNext(c.Direction(false), c.State(), wire.ACK, false))
			s.Touch(c, 0, to.Of(c.Proto(), c.State()))
			s.Unlock()
		},
		"reply": func() {
			s := d.Lock(d.HashKey(&reply))
			c := s.FindOutbound(&reply)
			s.Touch(c, 0, time.Minute)
			_, _ = c.Real(), c.Virtual()
			s.Unlock()
		},
		"insert and evict": func() {
			k := flow(n)
			if n++; n%2 == 0 {
				k = flow6(n)
			}
			s := d.Lock(d.HashKey(&k))
			s.Insert(&k, &sp, 0, time.Minute)
			s.Unlock()
		},
		"tick": func() { d.Tick(time.Second, 10) },
	} {
		if a := testing.AllocsPerRun(5000, f); a != 0 {
			t.Errorf("%s: %v allocations", name, a)
		}
	}
}
