package nexthop

import (
	"bytes"
	"testing"
	"time"

	"ulvs/wire"
)

func TestQueuedFramesGoOutOnceResolved(t *testing.T) {
	w := newWorld(t)
	far := addr("203.0.113.9")
	w.wantStatus("203.0.113.9", Unresolved)
	first, second := frame(40), frame(100)
	if !w.Queue(far, first) || !w.Queue(addr("203.0.113.10"), second) {
		t.Fatal("not queued")
	}
	want := bytes.Clone(first.Frame()[12:])
	clear(first.Buf) // the queue has a copy
	wantRequest(t, w.tick(sec(1)), 0, "192.0.2.1", "192.0.2.254", wire.Broadcast)
	wantNothing(t, w.tick(sec(1.9)))

	gen := w.Gen()
	w.Learn(sec(1.9), 0, addr("192.0.2.254"), mac(9))
	got := w.tick(sec(1.9))
	if len(got) != 2 || got[0].port != 0 || got[0].p.Out != 0 {
		t.Fatalf("sent %+v, want both frames by port 0", got)
	}
	p := got[0].p
	if e := wire.Ethernet(p.Frame()); e.Dst() != mac(9) || e.Src() != mac(0xa0) || !bytes.Equal(e[12:], want) {
		t.Errorf("frame is % x", p.Frame())
	}
	if p.Start < wire.Headroom || p.L3 != p.Start+14 || p.L4 != p.L3+20 || p.IPEnd != p.End || p.IPLen() != 40 {
		t.Errorf("offsets of the copy are wrong: %+v", p)
	}
	if got[1].p.IPLen() != 100 {
		t.Error("order not kept")
	}
	w.wantHop("203.0.113.9", mac(9))
	if w.Gen() != gen {
		t.Error("a neighbour's first resolution called back hops that nobody holds")
	}
	if s := w.Stats(); s.Queued != 2 || s.Flushed != 2 || s.Requests != 1 || s.Resolved != 1 || s.Dropped != 0 {
		t.Errorf("%+v", s)
	}
}

func TestNoAnswerDropsAfterThreeRequests(t *testing.T) {
	w := newWorld(t)
	w.Queue(addr("192.0.2.9"), frame(40))
	w.Queue(addr("192.0.2.9"), frame(40))
	for i := range attempts {
		wantRequest(t, w.tick(sec(float64(i))), 0, "192.0.2.1", "192.0.2.9", wire.Broadcast)
	}
	wantNothing(t, w.tick(sec(2.95)))
	wantNothing(t, w.tick(sec(3.1)))
	if s := w.Stats(); s.Failed != 1 || s.Dropped != 2 || s.Requests != attempts {
		t.Errorf("%+v", s)
	}
	if n := w.snap.Load().neighbours.count; n != 1 { // the gateway
		t.Errorf("%d neighbours remembered, want 1", n)
	}
	w.Queue(addr("192.0.2.9"), frame(40))
	wantRequest(t, w.tick(sec(5)), 0, "192.0.2.1", "192.0.2.9", wire.Broadcast)
}

func TestFailedGatewayIsAskedOnceASecond(t *testing.T) {
	w := newWorld(t)
	requests := 0
	for now := time.Duration(0); now < 10*time.Second; now += 10 * time.Millisecond {
		w.Queue(addr("203.0.113.9"), frame(40))
		requests += len(w.tick(now))
	}
	if requests < 9 || requests > 11 {
		t.Errorf("%d requests in 10 s, want about one a second", requests)
	}
}

func TestQueueIsBounded(t *testing.T) {
	w := newWorld(t)
	w.cfg.QueueFrames, w.cfg.QueueBytes, w.cfg.TotalBytes, w.cfg.MaxNeighbours = 4, 1000, 1500, 4
	w.SetRoutes([]Route{onLink("192.0.2.0/24", 2)})
	for i, tt := range []struct {
		dst  string
		size int
		want bool
	}{
		{"192.0.2.10", 40, true}, {"192.0.2.10", 40, true}, {"192.0.2.10", 40, true}, {"192.0.2.10", 40, true},
		{"192.0.2.10", 40, false}, // a fifth frame
		{"192.0.2.11", 800, true},
		{"192.0.2.11", 800, false}, // over 1000 bytes
		{"192.0.2.12", 400, false}, // over 1500 in all
		{"192.0.2.13", 1, true},
		{"192.0.2.14", 1, false}, // a fifth neighbour: 12 was made
	} {
		if got := w.Queue(addr(tt.dst), frame(tt.size)); got != tt.want {
			t.Errorf("%d: queue %d bytes for %s: %v", i, tt.size, tt.dst, got)
		}
	}
	if s := w.Stats(); s.QueueFull != 4 || s.Queued != 6 {
		t.Errorf("%+v", s)
	}
	for now := time.Duration(0); now < 5*time.Second; now += scanEvery {
		w.tick(now)
	}
	if w.queued != 0 || w.Stats().Dropped != 6 {
		t.Errorf("%d bytes still queued, %+v", w.queued, w.Stats())
	}
	if !w.Queue(addr("192.0.2.14"), frame(1)) {
		t.Error("no room after all were given up")
	}
}

func TestOnlyUsedNeighboursAreConfirmed(t *testing.T) {
	w := newWorld(t)
	w.SetNeighbours([]Neighbour{{2, ip("192.0.2.7"), mac(7), Reachable}, {2, ip("192.0.2.8"), mac(8), Reachable}})
	wantNothing(t, w.tick(0))
	w.wantHop("192.0.2.7", mac(7))
	wantNothing(t, w.tick(sec(29)))
	w.wantHop("192.0.2.7", mac(7))
	wantRequest(t, w.tick(sec(31)), 0, "192.0.2.1", "192.0.2.7", mac(7))
	w.Learn(sec(31.5), 0, addr("192.0.2.7"), mac(7))
	wantNothing(t, w.tick(sec(33)))
	wantNothing(t, w.tick(sec(60)))
}

func TestSilentNeighbourIsAskedByBroadcastAndLost(t *testing.T) {
	w := newWorld(t)
	w.SetNeighbours([]Neighbour{{2, ip("192.0.2.254"), mac(7), Stale}})
	h := w.wantHop("203.0.113.9", mac(7))
	for i := range attempts {
		wantRequest(t, w.tick(sec(float64(i))), 0, "192.0.2.1", "192.0.2.254", mac(7))
		w.wantHop("203.0.113.9", mac(7))
	}
	w.tick(sec(3)) // gives up the unicast
	wantRequest(t, w.tick(sec(3.2)), 0, "192.0.2.1", "192.0.2.254", wire.Broadcast)
	w.wantStatus("203.0.113.9", Unresolved)
	if w.Gen() == h.Gen {
		t.Error("the lost hop was not called back")
	}
	w.Learn(sec(3.5), 0, addr("192.0.2.254"), mac(8))
	w.wantHop("203.0.113.9", mac(8))
}

func TestHopsAreCalledBackEveryFewSeconds(t *testing.T) {
	w := newWorld(t)
	w.SetNeighbours([]Neighbour{{2, ip("192.0.2.254"), mac(7), Reachable}})
	w.tick(0)
	h := w.wantHop("203.0.113.9", mac(7))
	w.tick(sec(9))
	if w.Gen() != h.Gen {
		t.Error("called back too early")
	}
	w.tick(sec(10))
	if w.Gen() == h.Gen {
		t.Error("not called back")
	}
	w.wantHop("203.0.113.9", mac(7))
}

func TestUnusedNeighbourIsForgotten(t *testing.T) {
	w := newWorld(t)
	w.Queue(addr("192.0.2.9"), frame(40))
	w.tick(0)
	w.Learn(0, 0, addr("192.0.2.9"), mac(9))
	for now := time.Duration(0); now < forgetAfter+3*refreshEvery; now += refreshEvery {
		w.tick(now)
	}
	w.wantStatus("192.0.2.9", Unresolved)
}

func TestLinkFlapForgetsWhatWasLearnt(t *testing.T) {
	w := newWorld(t)
	w.Queue(addr("192.0.2.9"), frame(40))
	w.tick(0)
	w.Learn(0, 0, addr("192.0.2.9"), mac(9))
	w.tick(0)
	w.Queue(addr("192.0.2.10"), frame(40))
	w.UpdateNeighbour(Neighbour{2, ip("192.0.2.11"), mac(11), Pinned})
	down := []Link{testLinks[0], testLinks[1]}
	down[0].Up = false
	w.SetLinks(down)
	w.wantStatus("192.0.2.9", LinkDown)
	if s := w.Stats(); s.Dropped != 1 {
		t.Errorf("%+v, want the waiting frame dropped", s)
	}
	wantNothing(t, w.tick(sec(1)))
	w.SetLinks(testLinks)
	w.wantStatus("192.0.2.9", Unresolved)
	w.wantHop("192.0.2.11", mac(11))
}

func TestRecreatedLinkStartsAnew(t *testing.T) {
	w := newWorld(t)
	w.SetNeighbours([]Neighbour{{2, ip("192.0.2.9"), mac(9), Reachable}})
	h := w.wantHop("192.0.2.9", mac(9))
	w.SetLinks(testLinks[1:])
	w.wantStatus("192.0.2.9", NoRoute)
	if w.Gen() == h.Gen {
		t.Error("not called back")
	}
	w.UpdateNeighbour(Neighbour{12, ip("192.0.2.9"), mac(19), Reachable}) // before its link has a port
	w.SetLinks([]Link{testLinks[1], {Index: 12, Port: 5, MAC: mac(0xb0), MTU: 1400, Up: true}})
	w.SetRoutes([]Route{onLink("192.0.2.0/24", 12)})
	if h := w.wantHop("192.0.2.9", mac(19)); h.Port != 5 || h.MTU != 1400 || h.Src != mac(0xb0) {
		t.Errorf("%+v", h)
	}
	if l, ok := w.LinkOf(5); !ok || l.Index != 12 {
		t.Errorf("link of port 5: %+v", l)
	}
}
