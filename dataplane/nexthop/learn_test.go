package nexthop

import (
	"testing"

	"ulvs/wire"
)

func TestLearnOnlyWhatWasAskedFor(t *testing.T) {
	w := newWorld(t)
	w.Learn(0, 0, addr("192.0.2.9"), mac(9))
	w.Learn(0, 7, addr("192.0.2.254"), mac(9)) // no such port
	w.Learn(0, 1, addr("192.0.2.254"), mac(9)) // another link
	w.wantStatus("192.0.2.9", Unresolved)
	w.wantStatus("203.0.113.9", Unresolved)
	if n := w.snap.Load().neighbours.count; n != 1 {
		t.Errorf("%d neighbours, want the gateway only", n)
	}
}

func TestLearnRefusesImpossibleAddresses(t *testing.T) {
	w := newWorld(t)
	for _, m := range []wire.MAC{wire.Broadcast, {1, 0, 0x5e, 0, 0, 1}, {}, mac(0xa0)} {
		w.Learn(0, 0, addr("192.0.2.254"), m)
		w.wantStatus("203.0.113.9", Unresolved)
	}
	if s := w.Stats(); s.Refused != 4 {
		t.Errorf("%+v", s)
	}
}

func TestChangedMACIsFollowedButTheFirstAnswerWins(t *testing.T) {
	w := newWorld(t)
	w.Learn(sec(5), 0, addr("192.0.2.254"), mac(1))
	h := w.wantHop("203.0.113.9", mac(1))
	w.Learn(sec(5.5), 0, addr("192.0.2.254"), mac(66)) // a second answer to the same request
	if got := w.wantHop("203.0.113.9", mac(1)); got != h || w.Stats().Refused != 1 {
		t.Errorf("hop %+v, %+v", got, w.Stats())
	}
	w.Learn(sec(6.5), 0, addr("192.0.2.254"), mac(2)) // a gratuitous ARP
	w.wantHop("203.0.113.9", mac(2))
	if w.Gen() == h.Gen || w.Stats().Changed != 1 {
		t.Errorf("not called back: %+v", w.Stats())
	}
}

func TestOtherHopsHoldAgainAfterACallBack(t *testing.T) {
	w := newWorld(t)
	w.SetNeighbours([]Neighbour{{2, ip("192.0.2.7"), mac(7), Reachable}, {2, ip("192.0.2.254"), mac(1), Reachable}})
	w.tick(sec(3))
	w.Learn(sec(5), 0, addr("192.0.2.254"), mac(2))
	w.tick(sec(5.1))
	w.wantHop("192.0.2.7", mac(7))
	w.wantHop("203.0.113.9", mac(2))
}

func TestPinnedNeighbourIsNotUnlearnt(t *testing.T) {
	w := newWorld(t)
	pin := Neighbour{2, ip("192.0.2.254"), mac(1), Pinned}
	w.SetNeighbours([]Neighbour{pin})
	w.Learn(sec(100), 0, addr("192.0.2.254"), mac(66))
	w.wantHop("203.0.113.9", mac(1))
	wantNothing(t, w.tick(sec(100)))
	wantNothing(t, w.tick(sec(200))) // and never probed
	pin.State = Gone
	w.UpdateNeighbour(pin)
	w.wantStatus("203.0.113.9", Unresolved)
}

func TestKernelsNewsWinAndItsRepetitionsDoNot(t *testing.T) {
	w := newWorld(t)
	tell := func(m byte, s NeighbourState) { w.UpdateNeighbour(Neighbour{2, ip("192.0.2.254"), mac(m), s}) }
	tell(1, Stale)
	w.wantHop("203.0.113.9", mac(1))
	w.Learn(sec(2), 0, addr("192.0.2.254"), mac(2))
	tell(1, Stale) // as before: we know better
	w.wantHop("203.0.113.9", mac(2))
	tell(3, Stale) // that is new
	w.wantHop("203.0.113.9", mac(3))
	tell(1, Reachable) // confirmed
	w.wantHop("203.0.113.9", mac(1))
	tell(4, Pinned)
	tell(5, Stale) // the pin was taken out
	w.wantHop("203.0.113.9", mac(5))
	w.UpdateNeighbour(Neighbour{2, ip("192.0.2.99"), mac(1), Gone}) // never heard of
}

func TestKernelDroppingANeighbourMakesUsAsk(t *testing.T) {
	w := newWorld(t)
	w.SetNeighbours([]Neighbour{{2, ip("192.0.2.254"), mac(1), Reachable}})
	w.wantHop("203.0.113.9", mac(1))
	wantNothing(t, w.tick(sec(1)))
	w.SetNeighbours(nil)
	w.wantHop("203.0.113.9", mac(1))
	wantRequest(t, w.tick(sec(2)), 0, "192.0.2.1", "192.0.2.254", mac(1))
}
