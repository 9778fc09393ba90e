package daemon

import (
	"testing"

	"ulvs/dataplane/afpacket"
)

// TestEveryLossHasAMeaning: nothing that Reasons may list is unexplained.
func TestEveryLossHasAMeaning(t *testing.T) {
	r := map[string]uint64{lostSend: 1, lostPanics: 1, lostNeighbour: 1, lostDatagram: 1}
	addLosses(r, afpacket.Stats{RingDrops: 1, SendFull: 1, SendDown: 1, SendTooLong: 1, SendRefused: 1, LinkErrors: 1})
	if len(r) != len(lossMeanings) {
		t.Errorf("%d losses, %d meanings", len(r), len(lossMeanings))
	}
	for name := range r {
		if Meaning(name) == "" {
			t.Errorf("%s is not explained", name)
		}
	}
	if Meaning("forwarded-nat") == "" || Meaning("nosuch") != "" {
		t.Error("meanings of reasons")
	}
}
