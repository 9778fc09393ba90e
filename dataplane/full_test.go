package dataplane_test

import (
	"testing"
	"time"

	"ulvs/dataplane"
	"ulvs/service"
	"ulvs/wire"
)

// TestTableFull: established connections are never given up for new ones; those
// are refused and counted nowhere.
func TestTableFull(t *testing.T) {
	for _, persistent := range []time.Duration{0, time.Minute} {
		const capacity = 11
		x := newWorld(t, capacity)
		vs := service.VirtualService{Key: key(service.TCP), Scheduler: "rr", Persistent: persistent}
		x.apply(service.Change{Op: service.AddService, Service: vs})
		for n := 1; n <= 2; n++ {
			x.apply(change(service.AddServer, n, service.NAT, 1))
		}
		x.settle()
		for i := range capacity {
			x.send(0, syn(1000+i))
			x.send(0, ack(1000+i, 0))
		}
		kept := x.d.Conns().Len()
		refused := x.count(dataplane.DroppedTableFull)
		for i := range 20 {
			if out := x.send(0, syn(2000+i)); len(out[0])+len(out[1]) != 0 {
				t.Error("a connection was made in a full table")
			}
		}
		if n := x.count(dataplane.DroppedTableFull) - refused; n != 20 || x.d.Conns().Len() != kept || kept != capacity {
			t.Errorf("%d refused of 20, %d entries of %d", n, x.d.Conns().Len(), capacity)
		}
		x.countsMatch()
		x.now += 20 * time.Minute // all have gone: their memory is used again
		x.settle()
		x.now += 20 * time.Minute
		x.settle()
		if out := x.send(0, syn(3000)); len(out[1]) != 1 {
			t.Error("no connection after all have ended")
		}
		x.countsMatch()
	}
}

// TestFlood: a flood of SYNs into a full table costs half-open connections,
// then closing ones, and no established one.
func TestFlood(t *testing.T) {
	const capacity = 300
	x := newWorld(t, capacity)
	x.balance(service.TCP, "wlc", service.NAT, 3)
	for i := range 100 {
		x.send(0, syn(1000+i))
		x.send(0, ack(1000+i, 0))
	}
	for i := range 100 {
		x.send(0, syn(1200+i))
		x.send(0, ack(1200+i, 0))
		x.send(0, ackFlags(1200+i, wire.FIN|wire.ACK))
	}
	for i := range 3000 {
		if out := x.send(0, syn(10000+i)); len(out[1]) != 1 {
			t.Fatalf("SYN %d of the flood was refused", i)
		}
	}
	x.countsMatch()
	for i := range 100 {
		if out := x.send(0, ack(1000+i, 0)); len(out[1]) != 1 {
			t.Fatalf("established connection %d was given up", i)
		}
	}
	if n := x.d.Conns().Len(); n != capacity {
		t.Errorf("%d entries of %d", n, capacity)
	}
}

// ackFlags is a packet of client port n with these flags.
func ackFlags(n int, flags uint8) *wire.Packet {
	p := ack(n, 0)
	p.TCP().SetFlags(flags)
	return p
}
