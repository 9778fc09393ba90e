package dataplane_test

import (
	"testing"

	"ulvs/service"
)

// TestLastWeight: a quiesced server keeps its places in mh's table, also where
// mh is chosen only afterwards or starts again with other flags, as recorded
// from the kernel; a server that is added with weight 0 has none.
func TestLastWeight(t *testing.T) {
	vs := service.VirtualService{Key: key(service.TCP), Scheduler: "mh", SchedFlag: []string{"mh-port"}}
	edit := func(scheduler string, flags ...string) service.Change {
		return service.Change{Op: service.EditService, Service: service.VirtualService{Key: vs.Key, Scheduler: scheduler, SchedFlag: flags}}
	}
	quiesce := change(service.EditServer, 3, service.DR, 0)
	for _, tt := range []struct {
		name    string
		changes []service.Change
		places  bool
	}{
		{"quiesced", []service.Change{quiesce}, true},
		{"to rr and back", []service.Change{quiesce, edit("rr"), edit("mh", "mh-port")}, true},
		{"under rr", []service.Change{edit("rr"), quiesce, edit("mh", "mh-port")}, true},
		{"other flags", []service.Change{edit("mh"), quiesce, edit("mh", "mh-port")}, true},
		{"added with weight 0", []service.Change{change(service.DeleteServer, 3, service.DR, 1), change(service.AddServer, 3, service.DR, 0), edit("rr"), edit("mh", "mh-port")}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x := newWorld(t, 100)
			x.apply(service.Change{Op: service.AddService, Service: vs})
			for n := 1; n <= 3; n++ {
				x.apply(change(service.AddServer, n, service.DR, 1))
			}
			x.settle()
			x.apply(tt.changes...)
			got := map[int]int{}
			for i := range 60 {
				n := 0
				if out := x.send(0, syn(2000+i)); len(out[1]) == 1 {
					n = toServer(out[1][0])
				}
				got[n]++
			}
			if (got[0] > 0) != tt.places || got[1] == 0 || got[2] == 0 || got[3] != 0 {
				t.Errorf("SYNs by server %v, want some without: %v", got, tt.places)
			}
		})
	}
}
