package conntrack

import (
	"testing"
	"time"

	"ulvs/service"
	"ulvs/wire"
)

// TestFields: what is put in comes out, for both address families and mixed.
func TestFields(t *testing.T) {
	for name, c := range map[string]struct{ client, virtual, real string }{
		"v4":         {"192.0.2.1", "198.51.100.1", "203.0.113.1"},
		"v6":         {"2001:db8::1", "2001:db8:2::1", "2001:db8:3::1"},
		"v4 over v6": {"192.0.2.1", "198.51.100.1", "2001:db8:3::1"},
		"v6 over v4": {"2001:db8::1", "2001:db8:2::1", "203.0.113.1"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDirector(t, 10)
			k := Key{Client: addr(c.client), ClientPort: 1, Virtual: addr(c.virtual), VirtualPort: 2, Proto: wire.ProtoUDP}
			sp := Spec{Real: addr(c.real), RealPort: 3, Method: service.Tunnel, Flags: Sync | Hashed, Server: 4, Mark: 5}
			s := d.Lock(d.Hash(k.Client, k.ClientPort, k.Proto))
			made, _ := s.Insert(&k, &sp, time.Second, time.Minute)
			if got := s.FindInbound(&k); got != made {
				t.Fatal("not found inbound")
			}
			reply := k
			reply.Virtual, reply.VirtualPort = sp.Real, 3
			if got := s.FindOutbound(&reply); got != made {
				t.Fatal("not found outbound")
			}
			s.Unlock()
			want := Info{
				Key: k, Real: sp.Real, RealPort: 3, Method: service.Tunnel, Flags: Sync | Hashed | Inactive,
				Server: 4, Deadline: 61 * time.Second, Packets: 1, Mark: 5,
			}
			d.Range(func(i *Info) bool {
				if *i != want {
					t.Errorf("got  %+v\nwant %+v", *i, want)
				}
				return true
			})
			if d.Len() != 1 || d.Cap() != 10 {
				t.Errorf("Len %d, Cap %d", d.Len(), d.Cap())
			}
		})
	}
}

// poke returns a with byte i set to v, bump with it one higher.
func poke(a wire.Addr, i int, v byte) wire.Addr {
	b := a.As16()
	b[i] = v
	return wire.AddrFrom16(b)
}

func bump(a wire.Addr, i int) wire.Addr { return poke(a, i, a.As16()[i]+1) }

// TestNearMisses: a key that differs in any one field finds nothing.
func TestNearMisses(t *testing.T) {
	for _, k := range []Key{flow(1), flow6(1)} {
		d := newDirector(t, 10)
		insert(t, d.Table, k, Established, time.Minute)
		change := []func(*Key){
			func(k *Key) { k.Client = bump(k.Client, 15) }, func(k *Key) { k.Client = bump(k.Client, 0) }, func(k *Key) { k.Client = bump(k.Client, 9) },
			func(k *Key) { k.Virtual = bump(k.Virtual, 15) }, func(k *Key) { k.Virtual = bump(k.Virtual, 0) }, func(k *Key) { k.Virtual = bump(k.Virtual, 9) },
			func(k *Key) { k.ClientPort++ }, func(k *Key) { k.VirtualPort++ }, func(k *Key) { k.Proto++ },
		}
		for i, f := range change {
			near := k
			f(&near)
			if has(d.Table, near) {
				t.Errorf("change %d of %+v is found", i, k)
			}
			// The same with all hashes colliding.
			for j := range d.conns {
				if c := &d.conns[j]; d.isHead(j) && (names(c, &near) || !names(c, &k)) {
					t.Errorf("change %d of %+v compares equal", i, k)
				}
			}
		}
	}
}

// isHead reports whether an entry starts at unit i.
func (t *Table) isHead(i int) bool {
	s := &t.shards[i/len(t.shards[0].conns)]
	i -= s.first
	return s.blocks[i/64].heads()&unitMask(i, 1) != 0
}

// TestTuples: one client end that talks to many virtual ends fills its shard,
// and finds each connection as fast as any other.
func TestTuples(t *testing.T) {
	const n = 1000
	d := newDirector(t, 5000)
	k := flow(1)
	for port := range uint16(n) {
		k.VirtualPort = port
		insert(t, d.Table, k, Established, time.Minute)
	}
	for port := range uint16(n) {
		if k.VirtualPort = port; !has(d.Table, k) {
			t.Fatalf("port %d is lost", port)
		}
	}
	s := d.Lock(d.HashKey(&k))
	defer s.Unlock()
	worst := 0
	for port := range uint16(n) {
		i := s.home(tag(s.hash, &k.Virtual, port, s.t.secrets.inbound))
		probes := 1
		for ; uint32(s.slots[i]) != 0; i = s.next(i) {
			probes++
		}
		worst = max(worst, probes)
	}
	if worst > 40 {
		t.Errorf("%d probes in the worst case", worst)
	}
	k.Virtual, k.VirtualPort = addr("203.0.113.1"), 8080
	if c := s.FindOutbound(&k); c == nil || c.VirtualPort() != n-1 {
		t.Error("the reply does not find the newest connection")
	}
	k.Virtual, k.VirtualPort = addr("198.51.100.1"), 7
	older := s.FindInbound(&k)
	reply := k
	reply.Virtual, reply.VirtualPort = addr("203.0.113.1"), 8080
	newest := s.FindOutbound(&reply)
	if newest.VirtualPort() != n-1 {
		t.Error("the reply finds an older connection once the client has used it")
	}
	s.Remove(newest)
	if s.FindInbound(&k) != older || s.FindOutbound(&reply) != older {
		t.Error("the reply does not find the connection used last when the newest is gone")
	}
}

// TestFlags: the table's own flags are nobody else's.
func TestFlags(t *testing.T) {
	d := newDirector(t, 10)
	c := insert(t, d.Table, flow6(1), Established, time.Minute)
	c.Clear(0xffff)
	if c.flags != Hashed|wide|replyIndexed || c.Flags() != Hashed {
		t.Errorf("flags %x after Clear", c.Flags())
	}
	c.Set(NoOutput)
	if !c.Has(NoOutput) || c.Direction(false) != InboundOnly {
		t.Error("NoOutput is not set")
	}
	if c.Direction(true) != Outbound || c.Has(NoOutput) || !c.Has(SeenOut) || c.Direction(false) != Inbound {
		t.Error("a reply does not end NoOutput")
	}
	if c.CountPacket() != 2 || c.Packets() != 2 {
		t.Error("packets are not counted from the first")
	}
	c.SetServer(9)
	if c.Server() != 9 || c.Mark() != 0 || c.Proto() != wire.ProtoTCP || c.Method() != service.NAT || c.ClientPort() != 1 || c.RealPort() != 8080 {
		t.Error("wrong fields")
	}
}

func TestRemoveIf(t *testing.T) {
	d := newDirector(t, 5000)
	for i := range 3000 {
		insert(t, d.Table, flow(i), Established, time.Minute)
	}
	if n := d.RemoveIf(func(c *Conn) bool { return c.ClientPort()%3 == 0 }); n != 1000 {
		t.Errorf("removed %d", n)
	}
	if d.Len() != 2000 || has(d.Table, flow(3)) || !has(d.Table, flow(4)) {
		t.Error("removed the wrong ones")
	}
	seen := 0
	d.Range(func(*Info) bool { seen++; return seen < 7 })
	if seen != 7 {
		t.Errorf("Range went on to %d", seen)
	}
	if st := d.Stats(); st.Len != 2000 || st.Inserted != 3000 || st.Removed != 1000 {
		t.Errorf("%+v", st)
	}
}

// TestFull: a table of many shards takes exactly its capacity; no shard runs
// out before.
func TestFull(t *testing.T) {
	for _, n := range []int{1, 63, 64, 65, 2047, 2048, 5000, 100_000} {
		d := newDirector(t, n)
		for i := range n {
			insert(t, d.Table, flow(i), Established, time.Minute)
		}
		if c, result := try(d.Table, flow(n), Established, time.Minute); c != nil || result != InsertFull {
			t.Errorf("capacity %d: one more: %v", n, result)
		}
		if d.Used() != n || d.Len() != n || d.Stats().Refused != 1 {
			t.Errorf("capacity %d: %d used, %+v", n, d.Used(), d.Stats())
		}
		for i := range n {
			if !has(d.Table, flow(i)) {
				t.Fatalf("capacity %d: connection %d is lost", n, i)
			}
		}
	}
}

// TestStateNames and classes, by protocol.
func TestStateNames(t *testing.T) {
	for _, c := range []struct {
		proto  uint8
		state  State
		name   string
		active bool
		class  class
	}{
		{wire.ProtoTCP, None, "NONE", false, halfOpen},
		{wire.ProtoTCP, Established, "ESTABLISHED", true, kept},
		{wire.ProtoTCP, SynSent, "SYN_SENT", true, halfOpen},
		{wire.ProtoTCP, SynRecv, "SYN_RECV", true, halfOpen},
		{wire.ProtoTCP, FinWait, "FIN_WAIT", false, closing},
		{wire.ProtoTCP, TimeWait, "TIME_WAIT", false, closing},
		{wire.ProtoTCP, Close, "CLOSE", false, closing},
		{wire.ProtoTCP, CloseWait, "CLOSE_WAIT", false, closing},
		{wire.ProtoTCP, LastAck, "LAST_ACK", false, closing},
		{wire.ProtoTCP, Listen, "LISTEN", false, halfOpen},
		{wire.ProtoTCP, SynAck, "SYNACK", true, halfOpen},
		{wire.ProtoTCP, 11, "NONE", false, kept},
		{wire.ProtoUDP, UDPNormal, "UDP", false, unproven},
		{wire.ProtoICMP, 0, "ICMP", false, kept},
		{0, 0, "NONE", false, kept},
	} {
		if got := StateName(c.proto, c.state); got != c.name || Active(c.proto, c.state) != c.active || firstClass(c.proto, 0, c.state) != c.class {
			t.Errorf("%+v: %s %v %d", c, got, Active(c.proto, c.state), firstClass(c.proto, 0, c.state))
		}
	}
	if TCPNext(Inbound, 200, wire.ACK, false) != Close || TCPNext(9, Established, wire.ACK, false) != Close {
		t.Error("a state or direction out of range does not close")
	}
}

func TestTimeouts(t *testing.T) {
	to := NewTimeouts()
	if err := to.Set(77*time.Second, 0, 44*time.Second); err != nil {
		t.Fatal(err)
	}
	if a, b, c := to.Get(); a != 77*time.Second || b != 2*time.Minute || c != 44*time.Second {
		t.Error(a, b, c)
	}
	for _, bad := range []time.Duration{-1, MaxTimeout + 1} {
		if to.Set(time.Second, bad, 0) == nil {
			t.Errorf("%v is accepted", bad)
		}
	}
	if a, _, _ := to.Get(); a != 77*time.Second {
		t.Error("a refused Set changed something")
	}
	if to.SetState(SynRecv, time.Second) != nil || to.Of(wire.ProtoTCP, SynRecv) != time.Second {
		t.Error("SetState")
	}
	if to.SetState(20, time.Second) == nil || to.SetState(SynRecv, 0) == nil {
		t.Error("bad SetState is accepted")
	}
	if to.Of(wire.ProtoICMP, 0) != time.Minute || to.Of(wire.ProtoTCP, 15) != time.Minute {
		t.Error("others")
	}
}

// names reports whether k names c.
func names(c *Conn, k *Key) bool { return k.is4() && c.isInbound4(k) || c.isInbound6(k) }
