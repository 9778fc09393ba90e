package conntrack

import (
	"testing"
	"time"

	"ulvs/wire"
)

// at runs f on k's entry, which must be there.
func at(t testing.TB, table *Table, k Key, f func(*Shard, *Conn)) {
	t.Helper()
	s := table.Lock(table.HashKey(&k))
	defer s.Unlock()
	c := s.FindInbound(&k)
	if c == nil {
		t.Fatalf("%+v is not found", k)
	}
	f(s, c)
}

// TestExpiryIsExact: a connection is there until its deadline and gone with it,
// whatever ticks came before.
func TestExpiryIsExact(t *testing.T) {
	for _, timeout := range []time.Duration{1, time.Microsecond, time.Millisecond, time.Second, time.Minute + 7, 15 * time.Minute, MaxTimeout} {
		for _, start := range []time.Duration{0, 123456789, 30 * 24 * time.Hour, 200 * 24 * time.Hour} {
			d := newDirector(t, 10)
			d.Tick(start, 10)
			k := flow(1)
			s := d.Lock(d.HashKey(&k))
			s.Insert(&k, &Spec{Real: addr("203.0.113.1"), State: Established}, start, timeout)
			s.Unlock()
			for _, before := range []time.Duration{timeout, timeout - timeout/2, 1} {
				if n := d.Tick(start+timeout-before, 10); n != 0 {
					t.Errorf("start %v timeout %v: gone %v before", start, timeout, before)
				}
			}
			if n := d.Tick(start+timeout, 10); n != 1 || d.Len() != 0 || d.Used() != 0 || has(d.Table, k) {
				t.Errorf("start %v timeout %v: %d ended, %d left", start, timeout, n, d.Len())
			}
		}
	}
}

// TestTouch: each packet moves the deadline, later or earlier.
func TestTouch(t *testing.T) {
	d := newDirector(t, 10)
	k := flow(1)
	insert(t, d.Table, k, Established, time.Minute)
	for now := time.Duration(0); now < time.Hour; now += 50 * time.Second {
		d.Tick(now, 10)
		at(t, d.Table, k, func(s *Shard, c *Conn) { s.Touch(c, now, time.Minute) })
	}
	end := 3550 * time.Second
	if d.Tick(end+59*time.Second, 10) != 0 || d.Tick(end+time.Minute, 10) != 1 {
		t.Error("a touched connection does not end a minute after the last touch")
	}

	insert(t, d.Table, k, Established, 15*time.Minute)
	at(t, d.Table, k, func(s *Shard, c *Conn) { s.Touch(c, 2*time.Hour, 15*time.Minute) })
	at(t, d.Table, k, func(s *Shard, c *Conn) { s.Touch(c, 2*time.Hour, 10*time.Second) })
	if d.Tick(2*time.Hour+10*time.Second, 10) != 1 {
		t.Error("a shorter timeout is not followed")
	}
}

// TestTicksWrap: the tick counter wraps after 52 days.
func TestTicksWrap(t *testing.T) {
	d := newDirector(t, 5000)
	for day := range 120 {
		now := time.Duration(day) * 24 * time.Hour
		d.Tick(now, 100)
		k := flow(day)
		s := d.Lock(d.HashKey(&k))
		s.Insert(&k, &Spec{Real: addr("203.0.113.1"), State: Established}, now, MaxTimeout)
		s.Unlock()
		if want := min(day+1, 31); d.Len() != want {
			t.Fatalf("day %d: %d connections, want %d", day, d.Len(), want)
		}
	}
}

// TestTickBudget: a Tick looks at no more than it may, goes on where it stopped,
// and gets through.
func TestTickBudget(t *testing.T) {
	const n, budget = 20_000, 100
	d := newDirector(t, n)
	for i := range n {
		insert(t, d.Table, flow(i), Established, time.Minute)
	}
	left := n
	for ticks := 0; left > 0; ticks++ {
		gone := d.Tick(time.Minute, budget)
		if left -= gone; gone > budget+63 || d.Len() != left {
			t.Fatalf("%d ended in one tick, %d left of %d", gone, d.Len(), left)
		}
		if ticks > n/budget*2 {
			t.Fatalf("%d left after %d ticks", left, ticks)
		}
	}
	if d.Stats().Expired != n {
		t.Errorf("%+v", d.Stats())
	}
}

// TestTickIsLazy: with all connections alive and touched, a Tick looks at none
// of them until their old deadlines pass, and then once.
func TestTickIsLazy(t *testing.T) {
	const n = 1000
	d := newDirector(t, n)
	for i := range n {
		insert(t, d.Table, flow(i), Established, time.Minute)
	}
	for i := range n {
		at(t, d.Table, flow(i), func(s *Shard, c *Conn) { s.Touch(c, 30*time.Second, time.Minute) })
	}
	s := &d.shards[0]
	for _, c := range []struct {
		now    time.Duration
		looked int
	}{{59 * time.Second, 0}, {time.Minute, n}, {61 * time.Second, 0}, {89 * time.Second, 0}} {
		if looked, gone := s.tickShard(c.now, 10*n); looked != c.looked || gone != 0 {
			t.Errorf("at %v: looked at %d, ended %d; want %d and 0", c.now, looked, gone, c.looked)
		}
	}
}

// TestExpire hides at once and ends with the next Tick, so that a new connection
// with the same key can be made meanwhile.
func TestExpire(t *testing.T) {
	d := newDirector(t, 10)
	k := flow(1)
	insert(t, d.Table, k, TimeWait, time.Minute)
	at(t, d.Table, k, func(s *Shard, c *Conn) { s.Expire(c, time.Second) })
	if has(d.Table, k) || d.Len() != 1 {
		t.Error("expired connection is found or not listed")
	}
	insert(t, d.Table, k, SynRecv, time.Minute)
	if d.Tick(time.Second, 10) != 1 || !has(d.Table, k) || d.Len() != 1 {
		t.Error("the wrong one ended")
	}
}

// TestTemplate: a template that controls connections outlives its timeout by a
// minute, again and again (kernel ip_vs_conn.c, ip_vs_conn_expire).
func TestTemplate(t *testing.T) {
	d := newDirector(t, 5000)
	template := Key{Client: addr("192.0.2.0"), Virtual: addr("198.51.100.1"), VirtualPort: 80, Proto: wire.ProtoTCP}
	s := d.Lock(d.HashKey(&template))
	c, _ := s.Insert(&template, &Spec{Real: addr("203.0.113.1"), Flags: Template}, 0, 2*time.Second)
	ref := s.Hold(c)
	s.Unlock()
	k := flow(1)
	s = d.Lock(d.HashKey(&k))
	s.Insert(&k, &Spec{Real: addr("203.0.113.1"), State: SynRecv, Control: ref}, 0, 100*time.Second)
	s.Unlock()
	check := func(now time.Duration, there, assured bool, controlled uint32) {
		t.Helper()
		d.Tick(now, 1000)
		if has(d.Table, template) != there {
			t.Fatalf("at %v: template there is %v", now, !there)
		}
		if there {
			at(t, d.Table, template, func(_ *Shard, c *Conn) {
				if c.Assured() != assured || c.Controlled() != controlled {
					t.Errorf("at %v: assured %v, controls %d", now, c.Assured(), c.Controlled())
				}
			})
		}
	}
	check(time.Second, true, false, 1)
	at(t, d.Table, k, func(s *Shard, c *Conn) {
		if c.Control() != ref || s.SetState(c, Established) != Same {
			t.Error("control or change")
		}
	})
	check(2*time.Second, true, true, 1)
	check(62*time.Second, true, true, 1)
	check(100*time.Second, true, true, 0) // the connection ended
	check(121*time.Second, true, true, 0)
	check(122*time.Second, false, true, 0)
	if d.Used() != 0 {
		t.Errorf("%d used", d.Used())
	}
}

// TestRemoveHeld: a template that is removed while it controls connections
// stays in memory until they have ended, for their references name it.
func TestRemoveHeld(t *testing.T) {
	for name, remove := range map[string]func(*Shard, *Conn){
		"remove":     func(s *Shard, c *Conn) { s.Remove(c) },
		"expire":     func(s *Shard, c *Conn) { s.Expire(c, time.Second) },
		"invalidate": func(s *Shard, c *Conn) { s.Invalidate(c) },
	} {
		t.Run(name, func(t *testing.T) {
			d := newDirector(t, 10)
			k := flow(0)
			insert(t, d.Table, k, Established, time.Minute)
			var ref Ref
			at(t, d.Table, k, func(s *Shard, c *Conn) {
				ref = s.Hold(c)
				remove(s, c)
			})
			if has(d.Table, k) || d.Len() != 1 {
				t.Fatal("found, or gone from memory")
			}
			insert(t, d.Table, k, SynRecv, time.Hour) // its place in the index is free
			d.Tick(2*time.Minute, 10)
			if d.Len() != 2 {
				t.Fatal("gone while held")
			}
			d.Release(ref)
			d.Tick(10*time.Minute, 10)
			if d.Len() != 1 || !has(d.Table, k) {
				t.Error("not gone, or the wrong one")
			}
		})
	}
}

func TestInvalidate(t *testing.T) {
	d := newDirector(t, 10)
	insert(t, d.Table, flow(1), Established, time.Minute)
	at(t, d.Table, flow(1), func(s *Shard, c *Conn) { s.Invalidate(c) })
	d.Range(func(i *Info) bool {
		if i.VirtualPort != 65535 || i.RealPort != 65535 || i.ClientPort != 0 {
			t.Errorf("%+v", i)
		}
		return true
	})
	if d.Tick(time.Minute, 10) != 1 {
		t.Error("an invalid template does not end at its time")
	}
}
