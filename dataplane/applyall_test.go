package dataplane_test

import (
	"errors"
	"testing"

	"ulvs/service"
)

// TestApplyAll: of several changes each is made or refused for itself, and the
// packet path sees the outcome of all of them.
func TestApplyAll(t *testing.T) {
	x := newWorld(t, 100)
	vs := service.VirtualService{Key: key(service.TCP), Scheduler: "rr"}
	add := service.Change{Op: service.AddService, Service: vs}
	errs := x.d.ApplyAll([]service.Change{
		change(service.AddServer, 1, service.DR, 1), add, add, change(service.AddServer, 2, service.DR, 1),
		change(service.AddServer, 3, service.DR, 1), change(service.DeleteServer, 2, service.DR, 1),
	})
	for i, want := range []error{service.ErrNoService, nil, service.ErrServiceExists, nil, nil, nil} {
		if !errors.Is(errs[i], want) {
			t.Errorf("change %d: %v, want %v", i, errs[i], want)
		}
	}
	x.settle()
	if got := x.picks(1000, 3); got[0] != 3 || got[1] != 3 || got[2] != 3 {
		t.Errorf("servers %v, want only 3", got)
	}
}

// TestEditInPlace: a new weight is in force at once and makes nobody look at the
// configuration anew; another method does.
func TestEditInPlace(t *testing.T) {
	x := newWorld(t, 100)
	x.balance(service.TCP, "rr", service.DR, 2)
	before := x.d.Generation()
	x.apply(change(service.EditServer, 2, service.DR, 0))
	if got := x.picks(1000, 2); got[0] != 1 || got[1] != 1 {
		t.Errorf("servers %v, want only 1", got)
	}
	if w := x.d.Table().Find(key(service.TCP)).Servers[0].Weight; w != 0 {
		t.Errorf("weight %d in the table, want 0", w)
	}
	if x.d.Generation() != before {
		t.Error("a new weight changed the generation")
	}
	x.apply(change(service.EditServer, 2, service.Tunnel, 0))
	if x.d.Generation() == before {
		t.Error("a new method did not change the generation")
	}
}
