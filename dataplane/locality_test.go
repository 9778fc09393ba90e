package dataplane_test

import (
	"slices"
	"testing"
	"time"

	"ulvs/service"
	"ulvs/wire"
	"ulvs/wire/wiretest"
)

// pass lets time pass by second.
func (x *world) pass(d time.Duration) {
	for end := x.now + d; x.now < end; x.now += time.Second {
		x.send(0)
	}
}

// establish makes connections and returns their servers.
func (x *world) establish(first, n int) []int {
	got := x.picks(first, n)
	for i := range n {
		x.send(0, ack(first+i, 0))
	}
	return got
}

// TestExpiration: what lblc and lblcr remember of a destination outlives the
// setting by up to half an hour, as recorded from the kernel with 5 s: there
// after 7 and 84 s, gone after 31 minutes. With the usual day it stays.
func TestExpiration(t *testing.T) {
	for _, c := range []struct {
		scheduler string
		life      time.Duration
		last      int
	}{
		{"lblc", 5 * time.Second, 2}, {"lblcr", 5 * time.Second, 2},
		{"lblc", 24 * time.Hour, 3}, {"lblcr", 24 * time.Hour, 3},
	} {
		x := newWorld(t, 100)
		if err := x.d.Timeouts().Set(2*time.Hour, 0, 0); err != nil {
			t.Fatal(err)
		}
		x.d.Tunables().LBLCExpiration.Store(int64(c.life))
		x.d.Tunables().LBLCRExpiration.Store(int64(c.life))
		vs := service.VirtualService{Key: key(service.TCP), Scheduler: c.scheduler}
		x.apply(service.Change{Op: service.AddService, Service: vs})
		for n := 1; n <= 3; n++ {
			x.apply(change(service.AddServer, n, service.DR, 10))
		}
		x.settle()
		got := x.establish(1000, 2)
		x.pass(7 * time.Second)
		got = append(got, x.establish(1010, 1)...)
		x.pass(77 * time.Second)
		got = append(got, x.establish(1020, 1)...)
		x.pass(31 * time.Minute)
		got = append(got, x.establish(1030, 1)...)
		if want := []int{3, 3, 3, 3, c.last}; !slices.Equal(got, want) {
			t.Errorf("%s, expiration %v: servers %v, want %v", c.scheduler, c.life, got, want)
		}
		x.countsMatch()
	}
}

// TestRewatch: a server that was deleted and comes back, and one whose service
// gets another scheduler, count for the scheduler that has it now, also by
// connections from before.
func TestRewatch(t *testing.T) {
	x := newWorld(t, 100)
	x.balance(service.TCP, "wlc", service.DR, 2)
	got := x.establish(1000, 4) // 2 1 2 1
	x.apply(change(service.DeleteServer, 2, service.DR, 1), change(service.AddServer, 2, service.DR, 1))
	got = append(got, x.establish(1010, 1)...) // 2 is revived with its two
	x.apply(service.Change{Op: service.EditService, Service: service.VirtualService{Key: key(service.TCP), Scheduler: "sed"}})
	got = append(got, x.establish(1020, 1)...) // 3 and 2 active
	for _, port := range []int{1001, 1003} {
		x.send(0, wiretest.TCP(flow(port), wire.RST, nil, toDirector()))
	}
	got = append(got, x.establish(1030, 3)...)
	if want := []int{2, 1, 2, 1, 2, 1, 1, 1, 2}; !slices.Equal(got, want) {
		t.Errorf("servers %v, want %v", got, want)
	}
	x.countsMatch()
}
