package dataplane_test

import (
	"testing"
	"time"

	"ulvs/dataplane"
	"ulvs/service"
)

// TestStaleBatch: a batch that began before a change still does right by every
// packet: it finds servers that are newer than its snapshot, and does not
// answer for a service that has been deleted.
func TestStaleBatch(t *testing.T) {
	c := newCrew(t, 1, 100)
	c.balance("rr", service.NAT, 1)
	l := c.lanes[0]
	l.Begin(time.Hour)
	c.apply(change(service.AddServer, 2, service.NAT, 1), change(service.EditServer, 1, service.NAT, 0))
	for i := range 3 {
		if v := l.Handle(syn(1000 + i)); v != dataplane.Forwarded || toServer2(l) != 2 {
			t.Errorf("SYN to a new server: %v, sent to %d", v, toServer2(l))
		}
		l.Sent()
	}
	c.apply(service.Change{Op: service.Flush})
	if v := l.Handle(syn(1010)); v != dataplane.Passed {
		t.Errorf("SYN to a deleted service: %v", v)
	}
	l.End()
	c.done(4)
	_, total, _ := c.d.Inspect()
	if total.Conns != 3 || total.InPkts != 3 {
		t.Errorf("totals %+v, want 3 connections", total)
	}
}

// toServer2 is the number of the server that the frame in the lane's queue goes
// to.
func toServer2(l *dataplane.Lane) int {
	for n := 1; n <= 9; n++ {
		for _, p := range l.Queue(1) {
			if p.Ethernet().Dst() == rsMAC(n) {
				return n
			}
		}
	}
	return 0
}

// TestIndexKeptForBatch: the place of a deleted server is not given to another
// while a lane is in a batch that may know the old one.
func TestIndexKeptForBatch(t *testing.T) {
	c := newCrew(t, 2, 100)
	c.balance("rr", service.DR, 1)
	slow, fast := c.lanes[1], c.lanes[0]
	tick := func(now time.Duration) {
		fast.Begin(now)
		fast.Tick()
		fast.Sent()
		fast.End()
	}
	slow.Begin(time.Hour)
	c.apply(change(service.DeleteServer, 1, service.DR, 1))
	for i := range 5 {
		tick(time.Hour + time.Duration(2+i)*time.Minute)
	}
	c.apply(change(service.AddServer, 2, service.DR, 1))
	if all, trash := c.d.Indexes(); all != 2 || trash != 0 {
		t.Errorf("%d places and %d deleted servers while a batch is under way, want 2 and 0", all, trash)
	}
	slow.End()
	tick(2 * time.Hour)
	c.apply(change(service.AddServer, 3, service.DR, 1))
	if all, _ := c.d.Indexes(); all != 2 {
		t.Errorf("%d places, the first was not used again", all)
	}
}
