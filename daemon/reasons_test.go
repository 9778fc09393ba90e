package daemon

import (
	"slices"
	"testing"

	"ulvs/control/api"
	"ulvs/dataplane/afpacket"
)

// TestEveryLossHasAMeaning: nothing that Reasons may list is unexplained.
func TestEveryLossHasAMeaning(t *testing.T) {
	r := map[string]uint64{api.LostSend: 1, api.LostPanics: 1, api.LostNeighbour: 1, api.LostDatagram: 1}
	addLosses(r, afpacket.Stats{RingDrops: 1, SendFull: 1, SendDown: 1, SendTooLong: 1, SendRefused: 1, LinkErrors: 1})
	explained := 0
	for _, text := range api.ReasonTexts() {
		if r[text.Name] != 0 {
			explained++
		}
	}
	if explained != len(r) {
		t.Errorf("%d losses, %d explained", len(r), explained)
	}
	if all := api.ReasonTexts(); !slices.ContainsFunc(all, func(x api.ReasonText) bool { return x.Name == "forwarded-nat" }) {
		t.Error("no reasons of packets")
	}
}
