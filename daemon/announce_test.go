package daemon

import (
	"testing"

	"ulvs/dataplane/nexthop"
	"ulvs/wire"
)

// TestSaidBy: neighbours must be told again when a link came up or is another.
func TestSaidBy(t *testing.T) {
	now := nexthop.Link{Index: 1, MAC: wire.MAC{2, 0, 0, 0, 0, 1}, Up: true, MTU: 1500}
	same, down, moved, remade := now, now, now, now
	same.MTU, down.Up, moved.MAC[5], remade.Index = 1400, false, 2, 9
	for _, row := range []struct {
		was  nexthop.Link
		want bool
	}{{same, true}, {down, false}, {moved, false}, {remade, false}} {
		if got := saidBy(now)(row.was); got != row.want {
			t.Errorf("was %+v: said %v", row.was, got)
		}
	}
}
