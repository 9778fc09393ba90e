package conntrack

import (
	"testing"
	"time"

	"ulvs/wire"
)

// TestEvictionOrder fills a table with one connection of each kind and adds
// more until nothing may go.
func TestEvictionOrder(t *testing.T) {
	d := newDirector(t, 8)
	udp := flow(100)
	udp.Proto = wire.ProtoUDP
	insert(t, d.Table, udp, UDPNormal, time.Minute)
	answered := udp
	answered.ClientPort++
	insert(t, d.Table, answered, UDPNormal, time.Minute)
	at(t, d.Table, answered, func(s *Shard, c *Conn) { s.Touch(c, 0, time.Minute) })
	states := []State{Established, TimeWait, SynRecv, Close, SynAck, Established}
	for i, st := range states {
		insert(t, d.Table, flow(i), st, time.Minute)
	}
	gone := map[int]InsertResult{2: EvictedHalfOpen, 4: EvictedHalfOpen, 1: EvictedClosing, 3: EvictedClosing}
	for n, victim := range []int{2, 4, 1, 3} {
		if _, result := try(d.Table, flow(10+n), Established, time.Minute); result != gone[victim] || has(d.Table, flow(victim)) {
			t.Fatalf("insert %d: %v, victim still there: %v", n, result, has(d.Table, flow(victim)))
		}
	}
	if _, result := try(d.Table, flow(20), Established, time.Minute); result != EvictedUnproven || has(d.Table, udp) {
		t.Fatalf("UDP with one packet: %v", result)
	}
	for n := range 3 {
		if _, result := try(d.Table, flow(30+n), SynRecv, time.Minute); result != InsertFull {
			t.Fatalf("with connections in use only: %v", result)
		}
	}
	if !has(d.Table, answered) || !has(d.Table, flow(0)) || !has(d.Table, flow(5)) {
		t.Error("a connection in use is gone")
	}
	if st := d.Stats(); st.Evicted != [3]uint64{2, 2, 1} || st.Refused != 3 || d.Used() != 8 {
		t.Errorf("%+v", st)
	}
}

// TestOverdueFirst: what has expired makes room before anything is evicted, and
// before it is refused.
func TestOverdueFirst(t *testing.T) {
	d := newDirector(t, 2)
	insert(t, d.Table, flow(1), SynRecv, time.Hour)
	insert(t, d.Table, flow(2), Established, time.Second)
	k := flow(3)
	s := d.Lock(d.HashKey(&k))
	_, result := s.Insert(&k, &Spec{Real: addr("203.0.113.1"), State: Established}, time.Second, time.Hour)
	s.Unlock()
	if result != Inserted || has(d.Table, flow(2)) || !has(d.Table, flow(1)) {
		t.Errorf("%v", result)
	}
}

// TestFlood: half-open connections come and go through a full table of many
// shards, the oldest first about, and no established one is lost.
func TestFlood(t *testing.T) {
	const n, kept = 20_000, 15_000
	d := newDirector(t, n)
	for i := range kept {
		insert(t, d.Table, flow(i), Established, time.Minute)
	}
	for i := kept; i < 5*n; i++ {
		insert(t, d.Table, flow(i), SynRecv, time.Minute)
	}
	for i := range kept {
		if !has(d.Table, flow(i)) {
			t.Fatalf("established %d is lost", i)
		}
	}
	recent := 0
	for i := 5*n - (n-kept)/2; i < 5*n; i++ {
		if has(d.Table, flow(i)) {
			recent++
		}
	}
	if recent < (n-kept)/2*6/10 {
		t.Errorf("of the newest half of the half-open only %d of %d are left", recent, (n-kept)/2)
	}
	if d.Used() != n {
		t.Errorf("%d used", d.Used())
	}
}

// TestElsewhere: a shard without a victim of its own takes one from another, and
// a table without any notes it until something changes.
func TestElsewhere(t *testing.T) {
	const n = 8192
	d := newDirector(t, n)
	for i := range n {
		st := Established
		if i == 77 {
			st = TimeWait
		}
		insert(t, d.Table, flow(i), st, time.Minute)
	}
	if _, result := try(d.Table, flow(n), Established, time.Minute); result != EvictedClosing || has(d.Table, flow(77)) {
		t.Fatalf("%v", result)
	}
	if _, result := try(d.Table, flow(n+1), Established, time.Minute); result != InsertFull || !d.dry.Load() {
		t.Fatalf("%v, noted %v", result, d.dry.Load())
	}
	at(t, d.Table, flow(5), func(s *Shard, c *Conn) { s.SetState(c, FinWait) })
	if _, result := try(d.Table, flow(n+2), Established, time.Minute); result != EvictedClosing || has(d.Table, flow(5)) {
		t.Fatalf("after a FIN: %v", result)
	}
}

// TestEvictTemplate: a template goes last, and not while it is held or after it
// was assured.
func TestEvictTemplate(t *testing.T) {
	d := newDirector(t, 2)
	add := func(i int) {
		k := flow(i)
		s := d.Lock(d.HashKey(&k))
		defer s.Unlock()
		s.Insert(&k, &Spec{Real: addr("203.0.113.1"), Flags: Template}, 0, time.Minute)
	}
	add(1)
	add(2)
	var ref Ref
	at(t, d.Table, flow(1), func(s *Shard, c *Conn) { ref = s.Hold(c) })
	d.Assure(ref)
	at(t, d.Table, flow(2), func(s *Shard, c *Conn) { ref = s.Hold(c) })
	if _, result := try(d.Table, flow(3), SynRecv, time.Minute); result != InsertFull {
		t.Fatalf("held templates: %v", result)
	}
	d.Release(ref)
	if _, result := try(d.Table, flow(3), SynRecv, time.Minute); result != EvictedUnproven || has(d.Table, flow(2)) {
		t.Fatalf("a template without use: %v", result)
	}
	if !has(d.Table, flow(1)) {
		t.Error("the assured template is gone")
	}
}

// TestEvictPairs: IPv6 connections take two units and get them from two IPv4
// ones, and the other way round.
func TestEvictPairs(t *testing.T) {
	d := newDirector(t, 4)
	for i := range 4 {
		insert(t, d.Table, flow(i), SynRecv, time.Minute)
	}
	insert(t, d.Table, flow6(0), SynRecv, time.Minute)
	insert(t, d.Table, flow6(1), SynRecv, time.Minute)
	if d.Len() != 2 || d.Used() != 4 || !has(d.Table, flow6(0)) || !has(d.Table, flow6(1)) {
		t.Fatalf("%d connections, %d units", d.Len(), d.Used())
	}
	insert(t, d.Table, flow(1), Established, time.Minute)
	if d.Len() != 2 || d.Used() != 3 {
		t.Fatalf("%d connections, %d units", d.Len(), d.Used())
	}
	if c, _ := try(d.Table, flow6(9), Established, time.Minute); c == nil || d.Used() != 3 {
		t.Errorf("%d units", d.Used())
	}
}

// TestFragmented: a shard with room but no pair of free units makes one.
func TestFragmented(t *testing.T) {
	d := newDirector(t, 2048)
	s := &d.shards[0]
	units := len(s.conns)
	var keys []Key
	for i := 0; len(keys) < units; i++ {
		if k := flow(i); &d.shards[d.HashKey(&k)>>d.shift] == s {
			insert(t, d.Table, k, SynRecv, time.Minute)
			keys = append(keys, k)
		}
	}
	if c, result := try(d.Table, keyIn(d, s, 1_000_000, flow), SynRecv, time.Minute); c == nil || result != EvictedHalfOpen {
		t.Errorf("shard without a free unit: %v", result)
	}
	for i, k := range keys {
		if i%2 == 0 && has(d.Table, k) {
			at(t, d.Table, k, func(s *Shard, c *Conn) { s.Remove(c) })
		}
	}
	before := d.Used()
	if c, result := try(d.Table, keyIn(d, s, 0, flow6), SynRecv, time.Minute); c == nil || result != EvictedHalfOpen || d.Used() != before+1 {
		t.Errorf("shard without a pair: %v, used %d after %d", result, d.Used(), before)
	}
}

// keyIn returns a key from make(from) on that falls into s.
func keyIn(d *director, s *Shard, from int, make func(int) Key) Key {
	for i := from; ; i++ {
		if k := make(i); &d.shards[d.HashKey(&k)>>d.shift] == s {
			return k
		}
	}
}
