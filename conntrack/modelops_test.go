package conntrack

import (
	"maps"
	"slices"
	"time"

	"pgregory.net/rapid"

	"ulvs/wire"
)

// The random calls of TestModel: each does the same to the table and to the
// model and compares what comes out.

var (
	modelClients  = []wire.Addr{addr("192.0.2.1"), addr("192.0.2.2"), addr("2001:db8::1")}
	modelVirtuals = []wire.Addr{addr("198.51.100.1"), addr("198.51.100.2"), addr("2001:db8::2")}
	modelReals    = []wire.Addr{addr("203.0.113.1"), addr("2001:db8::3")}
	modelProtos   = []uint8{wire.ProtoTCP, wire.ProtoUDP, 0}
	modelStates   = []State{Established, SynRecv, TimeWait, Close, SynSent}
	modelTimeouts = []time.Duration{0, time.Millisecond, time.Second, time.Minute, 15 * time.Minute, MaxTimeout}
)

func drawKey(t *rapid.T) Key {
	return Key{
		Client: rapid.SampledFrom(modelClients).Draw(t, "client"), ClientPort: rapid.Uint16Range(0, 2).Draw(t, "cport"),
		Virtual: rapid.SampledFrom(modelVirtuals).Draw(t, "virtual"), VirtualPort: rapid.Uint16Range(80, 81).Draw(t, "vport"),
		Proto: rapid.SampledFrom(modelProtos).Draw(t, "proto"),
	}
}

func drawTimeout(t *rapid.T) time.Duration {
	return rapid.SampledFrom(modelTimeouts).Draw(t, "timeout")
}

// pickLive draws an entry of the model.
func (m *model) pickLive(t *rapid.T) (uint32, *entry) {
	if len(m.live) == 0 {
		t.Skip("empty")
	}
	id := rapid.SampledFrom(slices.Sorted(maps.Keys(m.live))).Draw(t, "entry")
	return id, m.live[id]
}

// locked finds a visible entry in the table and calls f with it.
func (m *model) locked(t *rapid.T, f func(*Shard, *Conn, *entry)) {
	id, e := m.pickLive(t)
	if e.hidden {
		t.Skip("hidden")
	}
	s := m.t.Lock(m.t.HashKey(&e.key))
	defer s.Unlock()
	m.regain(e)
	c := s.FindInbound(&e.key)
	if c == nil || c.Server() != id {
		t.Fatalf("entry %d is not found", id)
	}
	f(s, c, e)
}

func (m *model) insert(t *rapid.T) {
	k := drawKey(t)
	sp := Spec{
		Real: rapid.SampledFrom(modelReals).Draw(t, "real"), RealPort: rapid.Uint16Range(8080, 8081).Draw(t, "rport"),
		State: rapid.SampledFrom(modelStates).Draw(t, "state"), Server: m.next + 1,
	}
	switch rapid.IntRange(0, 3).Draw(t, "kind") {
	case 0:
		sp.Flags = Template
	case 1:
		sp.Flags = NoOutput
	}
	control := m.hold(t, &sp)
	timeout := drawTimeout(t)
	s := m.t.Lock(m.t.HashKey(&k))
	defer s.Unlock()
	if s.FindInbound(&k) != nil {
		_, e := m.find(&k)
		m.regain(e)
		m.release(control)
		return
	}
	m.next++
	c, result := s.Insert(&k, &sp, m.now, timeout)
	e := &entry{
		key: k, real: sp.Real, realPort: sp.RealPort, flags: sp.Flags, state: sp.State, class: firstClass(k.Proto, sp.Flags, sp.State),
		deadline: m.now + timeout, control: control, units: unitsOf(&k, &sp),
	}
	m.checkEvicted(t, e, c, result)
	if c == nil {
		m.release(control)
		return
	}
	m.live[m.next] = e
	m.use(e)
	if e.state == Established && e.key.Proto == wire.ProtoTCP && e.flags&Template == 0 && m.live[control] != nil {
		m.live[control].assured = true
	}
}

// hold takes a reference to a template for a new entry, or none.
func (m *model) hold(t *rapid.T, sp *Spec) uint32 {
	if !rapid.Bool().Draw(t, "controlled") {
		return 0
	}
	for _, id := range slices.Sorted(maps.Keys(m.live)) {
		e := m.live[id]
		if e.hidden || e.flags&Template == 0 {
			continue
		}
		s := m.t.Lock(m.t.HashKey(&e.key))
		sp.Control = s.Hold(s.FindInbound(&e.key))
		s.Unlock()
		e.holders++
		return id
	}
	return 0
}

// release gives the reference to entry id back.
func (m *model) release(id uint32) {
	if e := m.live[id]; e != nil {
		e.holders--
		m.each(func(c *Conn) {
			if c.server == id {
				m.t.Release(Ref(c.unit + 1))
			}
		})
	}
}

// each calls f for all entries without a lock.
func (m *model) each(f func(*Conn)) {
	s := &m.t.shards[0]
	for b := range s.blocks {
		for i := range 64 {
			if s.blocks[b].heads()&unitMask(i, 1) != 0 {
				f(&s.conns[b*64+i])
			}
		}
	}
}

// prolong follows the table in prolonging overdue entries that are held.
func (m *model) prolong() {
	m.each(func(c *Conn) {
		e := m.live[c.server]
		if e != nil && c.deadline == m.now+grace && e.deadline <= m.now && e.holders > 0 {
			e.deadline = c.deadline
		}
	})
}

// checkEvicted holds what an Insert removed against the rules.
func (m *model) checkEvicted(t *rapid.T, e *entry, c *Conn, result InsertResult) {
	ended := m.ended
	m.ended = nil
	m.prolong()
	worst := class(0)
	for _, id := range ended {
		v := m.live[id]
		overdue := v.deadline <= m.now
		if v.holders != 0 || !overdue && (v.class == kept || v.assured) {
			t.Fatalf("evicted %+v", v)
		}
		if !overdue {
			worst = max(worst, v.class)
		}
		m.drop(id)
	}
	if (c == nil) != (result == InsertFull) {
		t.Fatalf("result %v with entry %v", result, c != nil)
	}
	left, free := 0, m.limit-m.used()
	for _, v := range m.live {
		if v.holders == 0 && !v.assured && v.class < kept {
			left += v.units
			if v.class < worst {
				t.Fatalf("evicted class %d before %+v", worst, v)
			}
		}
		if v.holders == 0 && v.deadline <= m.now && v.deadline != 0 && c == nil {
			t.Fatalf("full with overdue %+v", v)
		}
	}
	if c == nil && left+free >= e.units {
		t.Fatalf("full with %d units free and %d to evict", free, left)
	}
}

func (m *model) lookup(t *rapid.T) {
	k := drawKey(t)
	s := m.t.Lock(m.t.HashKey(&k))
	defer s.Unlock()
	want, e := m.find(&k)
	m.regain(e)
	if got := serverOf(s.FindInbound(&k)); got != want {
		t.Fatalf("inbound: entry %d, want %d", got, want)
	}
	k.Virtual = rapid.SampledFrom(modelReals).Draw(t, "real")
	k.VirtualPort = rapid.Uint16Range(8080, 8081).Draw(t, "rport")
	if got, want := serverOf(s.FindOutbound(&k)), m.findReply(&k); got != want {
		t.Fatalf("outbound: entry %d, want %d", got, want)
	}
}

func serverOf(c *Conn) uint32 {
	if c == nil {
		return 0
	}
	return c.Server()
}

func (m *model) touch(t *rapid.T) {
	timeout := drawTimeout(t)
	m.locked(t, func(s *Shard, c *Conn, e *entry) {
		s.Touch(c, m.now, timeout)
		e.deadline = m.now + timeout
		if e.class == unproven && e.flags&Template == 0 {
			e.class = kept
		}
	})
}

func (m *model) setState(t *rapid.T) {
	to := rapid.SampledFrom(modelStates).Draw(t, "to")
	m.locked(t, func(s *Shard, c *Conn, e *entry) {
		was := Active(e.key.Proto, e.state)
		change := s.SetState(c, to)
		if e.flags&Template != 0 || e.key.Proto != wire.ProtoTCP {
			if change != Same {
				t.Fatalf("change %d, want none", change)
			}
			return
		}
		if to == Established && e.state != to && m.live[e.control] != nil {
			m.live[e.control].assured = true
		}
		e.state, e.class = to, tcpClass[to]
		want := Same
		if is := Active(e.key.Proto, to); is && !was {
			want = Activated
		} else if was && !is {
			want = Deactivated
		}
		if change != want {
			t.Fatalf("change %d, want %d", change, want)
		}
	})
}

func (m *model) remove(t *rapid.T) {
	m.locked(t, func(s *Shard, c *Conn, e *entry) {
		s.Remove(c)
		if e.holders != 0 {
			e.hidden, e.replies, e.deadline = true, false, 0
			return
		}
		m.takeEnded(t, func(v *entry) bool { return v == e })
	})
}

func (m *model) expire(t *rapid.T) {
	m.locked(t, func(s *Shard, c *Conn, e *entry) {
		s.Expire(c, m.now)
		e.hidden, e.replies, e.deadline = true, false, m.now
	})
}

// takeEnded checks what the table reported as ended and drops it.
func (m *model) takeEnded(t *rapid.T, right func(*entry) bool) {
	for _, id := range m.ended {
		if e := m.live[id]; e == nil || !right(e) {
			t.Fatalf("ended %d: %+v", id, e)
		}
		m.drop(id)
	}
	m.ended = nil
}

// tick lets time pass and everything due end; with a small budget only part of
// it, but never anything else.
func (m *model) tick(t *rapid.T) {
	m.now += rapid.SampledFrom([]time.Duration{0, 1, time.Millisecond, time.Second, time.Minute, 20 * time.Minute, 14 * 24 * time.Hour}).Draw(t, "pass")
	for range rapid.IntRange(0, 2).Draw(t, "small") {
		m.t.Tick(m.now, 1)
		m.checkTick(t)
	}
	m.t.Tick(m.now, 1000)
	m.checkTick(t)
	// once more, for those that waited for what they control
	m.t.Tick(m.now, 1000)
	m.checkTick(t)
	for id, e := range m.live {
		if e.holders == 0 && e.deadline <= m.now && !(e.hidden && e.deadline == 0) {
			t.Fatalf("entry %d is %v overdue", id, m.now-e.deadline)
		}
	}
}

// checkTick follows what a Tick did: ended entries were due, and those due that
// control others were prolonged by a minute from then.
func (m *model) checkTick(t *rapid.T) {
	m.prolong()
	m.takeEnded(t, func(e *entry) bool { return e.deadline <= m.now })
}

// check compares everything that can be seen.
func (m *model) check(t *rapid.T) {
	want := Stats{Len: len(m.live)}
	for _, e := range m.live {
		switch e.class {
		case halfOpen:
			want.HalfOpen++
		case closing:
			want.Closing++
		}
	}
	got := m.t.Stats()
	if got.Len != want.Len || got.HalfOpen != want.HalfOpen || got.Closing != want.Closing || m.t.Len() != want.Len || m.t.Used() != m.used() {
		t.Fatalf("%+v used %d, want %+v used %d", got, m.t.Used(), want, m.used())
	}
	m.t.Range(func(i *Info) bool {
		e := m.live[i.Server]
		if e == nil {
			t.Fatalf("listed %+v", i)
		}
		if i.Key != e.key || i.Real != e.real || i.RealPort != e.realPort || i.Deadline != e.deadline ||
			int(i.Controlled) != e.holders || i.Assured != e.assured || (i.Flags&Hashed == 0) != e.hidden {
			t.Fatalf("%+v, want %+v", i, e)
		}
		return true
	})
}
