package conntrack

import (
	"strings"
	"testing"
	"time"

	"ulvs/service"
	"ulvs/wire"
)

// sctpFlow is flow(i) of SCTP.
func sctpFlow(i int) Key {
	k := flow(i)
	k.Proto = wire.ProtoSCTP
	return k
}

// TestSCTPInboundOnly follows clients whose servers answer past the director,
// which was not recorded: chunk types of the client and the states they lead
// to.
func TestSCTPInboundOnly(t *testing.T) {
	for name, c := range map[string]struct {
		chunks []uint8
		want   string
	}{
		"whole life":       {[]uint8{1, 10, 0, 3, 7, 14}, "INIT1 ESTABLISHED ESTABLISHED ESTABLISHED S-RECEIVED CLOSED"},
		"server ends":      {[]uint8{1, 10, 8}, "INIT1 ESTABLISHED CLOSED"},
		"init again":       {[]uint8{1, 1, 10}, "INIT1 INIT ESTABLISHED"},
		"abort":            {[]uint8{1, 10, 6, 0}, "INIT1 ESTABLISHED CLOSED CLOSED"},
		"init after close": {[]uint8{1, 6, 1}, "INIT1 CLOSED INIT"},
		"begun by server":  {[]uint8{2, 11}, "C-ECHOED ESTABLISHED"},
		"error":            {[]uint8{1, 9, 4, 5}, "INIT1 INIT1 INIT1 INIT1"},
		"reserved chunks":  {[]uint8{1, 10, 12, 13, 63, 0xc0, 0xff}, "INIT1 ESTABLISHED ESTABLISHED ESTABLISHED ESTABLISHED ESTABLISHED ESTABLISHED"},
	} {
		s, got := SCTPNone, []string(nil)
		for _, chunk := range c.chunks {
			s = SCTPNext(InboundOnly, s, chunk)
			got = append(got, StateName(wire.ProtoSCTP, s))
		}
		if text := strings.Join(got, " "); text != c.want {
			t.Errorf("%s: %s, want %s", name, text, c.want)
		}
	}
}

// TestSCTPBounds: no value of any argument leads out of the tables.
func TestSCTPBounds(t *testing.T) {
	for v := range 256 {
		for d := range numDirections + 1 {
			for s := range numSCTP + 2 {
				if to := SCTPNext(d, s, uint8(v)); to >= numSCTP {
					t.Fatalf("direction %d, state %d, chunk %d: state %d", d, s, v, to)
				}
			}
		}
		if name := StateName(wire.ProtoSCTP, State(v)); name == "" {
			t.Errorf("state %d has no name", v)
		}
	}
}

// TestSCTPEviction: handshakes go first, then what is ending, and what is
// established stays.
func TestSCTPEviction(t *testing.T) {
	d := newDirector(t, 4)
	for i, st := range []State{SCTPEstablished, SCTPShutdownSent, SCTPInit1, SCTPCookieReplied} {
		insert(t, d.Table, sctpFlow(i), st, time.Minute)
	}
	for n, want := range []InsertResult{EvictedHalfOpen, EvictedHalfOpen, EvictedClosing, InsertFull} {
		if _, result := try(d.Table, sctpFlow(10+n), SCTPEstablished, time.Minute); result != want {
			t.Fatalf("insert %d: %v, want %v", n, result, want)
		}
	}
	if !has(d.Table, sctpFlow(0)) {
		t.Error("an established association is gone")
	}
	at(t, d.Table, sctpFlow(0), func(s *Shard, c *Conn) {
		if change := s.SetState(c, SCTPClosed); change != Deactivated || !c.Has(Inactive) {
			t.Errorf("closed: %v", change)
		}
	})
	if _, result := try(d.Table, sctpFlow(20), SCTPInit1, time.Minute); result != EvictedClosing || has(d.Table, sctpFlow(0)) {
		t.Errorf("after the end of one: %v", result)
	}
}

// TestSCTPAssuresTemplate: an established association proves its template.
func TestSCTPAssuresTemplate(t *testing.T) {
	d := newDirector(t, 8)
	template := sctpFlow(0)
	s := d.Lock(d.HashKey(&template))
	c, _ := s.Insert(&template, &Spec{Real: addr("203.0.113.1"), Flags: Template | NoClientPort, Method: service.NAT}, 0, time.Minute)
	ref := s.Hold(c)
	s.Unlock()
	k := sctpFlow(7)
	s = d.Lock(d.HashKey(&k))
	s.Insert(&k, &Spec{Real: addr("203.0.113.1"), RealPort: 80, State: SCTPInit1, Control: ref}, 0, time.Minute)
	s.Unlock()
	for _, st := range []struct {
		state   State
		assured bool
	}{{SCTPCookieReplied, false}, {SCTPEstablished, true}, {SCTPShutdownSent, true}} {
		at(t, d.Table, k, func(s *Shard, c *Conn) { s.SetState(c, st.state) })
		at(t, d.Table, template, func(_ *Shard, c *Conn) {
			if c.Assured() != st.assured {
				t.Errorf("%s: assured %v", StateName(wire.ProtoSCTP, st.state), c.Assured())
			}
		})
	}
}
