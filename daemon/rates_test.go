package daemon

import (
	"testing"

	"ulvs/control/api"
	"ulvs/dataplane"
)

// TestRatesOfInstances: what is deleted and added again begins anew: no rate of
// counters that went back to zero, and none of a history.
func TestRatesOfInstances(t *testing.T) {
	at := func(instance, born, pkts uint64) []dataplane.ServiceView {
		o := dataplane.Origin{Instance: instance, Born: dataplane.Stats{InPkts: born}}
		return []dataplane.ServiceView{{Origin: o, Raw: dataplane.Stats{InPkts: pkts}}}
	}
	e := newEstimator()
	e.step(at(1, 0, 8000), dataplane.Stats{})
	if got := e.of(1).InPackets; got != 1000 { // a quarter of 4000/s
		t.Errorf("rate %d, want 1000", got)
	}
	e.step(at(2, 0, 8), dataplane.Stats{})
	if got := e.of(2); got != (api.Rates{InPackets: 1}) {
		t.Errorf("rates of the new one %+v", got)
	}
	e.step(at(3, 1e9, 1e9), dataplane.Stats{})
	if got := e.of(3); got != (api.Rates{}) {
		t.Errorf("rates of the revived one %+v", got)
	}
	if got := e.of(1); got != (api.Rates{}) || len(e.all) != 1 {
		t.Errorf("rates of the first %+v, %d kept", got, len(e.all))
	}
}
