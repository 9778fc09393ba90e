package afpacket

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"ulvs/internal/testns"
	"ulvs/wire"
)

// throttle limits an interface to a few frames per second behind a queue.
func throttle(t *testing.T, ns *testns.NS, name string) {
	t.Helper()
	const rate = 20_000 // bytes per second
	h := ns.Handle()
	link, err := h.LinkByName(name)
	if err != nil {
		t.Fatal(err)
	}
	err = h.QdiscAdd(&netlink.Tbf{
		QdiscAttrs: netlink.QdiscAttrs{LinkIndex: link.Attrs().Index, Handle: netlink.MakeHandle(1, 0), Parent: netlink.HANDLE_ROOT},
		Rate:       rate, Limit: 1 << 20, Buffer: netlink.Xmittime(rate, 2000),
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestLinkFlap: down and up again, the port goes on by itself and says so once.
func TestLinkFlap(t *testing.T) {
	both(t, func(t *testing.T, g Geometry) {
		from, to, c := ends(t, g)
		for round := range uint32(3) {
			c.b.Down("b0")
			waitLinkErrors(t, to, uint64(round)+1)
			if n := to.Send([]*wire.Packet{packetOf(testFrame(9, 60)), packetOf(testFrame(9, 60))}); n != 0 {
				t.Errorf("sent %d frames by an interface that is down", n)
			}
			c.b.Up("b0")
			reach(t, from, to, round)
			inject(t, to, testFrame(round, 60))
		}
		if to.Gone() {
			t.Error("a port that flapped is gone")
		}
		if s := to.Stats(); s.LinkErrors != 3 || s.SendDown != 6 {
			t.Errorf("stats %+v, want 3 link errors and 6 frames for a link that was down", s)
		}
	})
}

// reach sends a frame until it arrives: for up to a second after the other end
// of a veth pair went up the kernel drops what is sent to it, and calls it
// sent.
func reach(t *testing.T, from, to *Port, n uint32) {
	t.Helper()
	poller := newTestPoller(t, to)
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		inject(t, from, testFrame(n, 60))
		poller.Wait(10 * time.Millisecond)
		if slices.Contains(numbers(take(to)), n) {
			return
		}
	}
	t.Fatalf("frame %d did not arrive", n)
}

// waitLinkErrors waits until the port was told of n errors, and then that
// waiting is quiet again.
func waitLinkErrors(t *testing.T, port *Port, n uint64) {
	t.Helper()
	poller, err := NewPoller(port)
	if err != nil {
		t.Fatal(err)
	}
	defer poller.Close()
	for deadline := time.Now().Add(patience); port.Stats().LinkErrors < n; {
		if time.Now().After(deadline) {
			t.Fatalf("%d link errors, want %d", port.Stats().LinkErrors, n)
		}
		poller.Wait(time.Until(deadline))
	}
	if !sleepsThrough(poller) {
		t.Error("an error once taken still ends every wait")
	}
}

// sleepsThrough reports whether one of several waits lasts its time; a signal
// of Go's scheduler may end some early.
func sleepsThrough(p *Poller) bool {
	const quiet = 5 * time.Millisecond
	for range 5 {
		start := time.Now()
		p.Wait(quiet)
		if time.Since(start) >= quiet {
			return true
		}
	}
	return false
}

// TestDeletedAndCreatedAgain: the old port is deaf and says so, a new one works.
func TestDeletedAndCreatedAgain(t *testing.T) {
	both(t, func(t *testing.T, g Geometry) {
		_, to, c := ends(t, g)
		if to.Gone() {
			t.Fatal("a working port is gone")
		}
		c.a.Delete("a0")
		waitLinkErrors(t, to, 1)
		c.plug(t)
		if !to.Gone() {
			t.Error("the port of a deleted interface is not gone")
		}
		if n := to.Send([]*wire.Packet{packetOf(testFrame(1, 60))}); n != 0 || to.Stats().SendDown != 1 {
			t.Errorf("sent %d frames by a deleted interface, stats %+v", n, to.Stats())
		}
		from := open(t, c.a, Options{Interface: "a0", Ring: small})
		again := open(t, c.b, Options{Interface: "b0", Ring: g})
		reach(t, from, again, 5)
		if to.Receive(make([]wire.Packet, 1)) != 0 {
			t.Error("the old port hears the new interface")
		}
	})
}

// TestGoneWithoutPoller: a manager may ask while the worker is too busy to wait.
func TestGoneWithoutPoller(t *testing.T) {
	_, to, c := ends(t, small)
	c.b.Delete("b0")
	if !to.Gone() {
		t.Error("the port of a deleted interface is not gone")
	}
}

// TestMTUChange: the port follows without being told.
func TestMTUChange(t *testing.T) {
	from, to, c := ends(t, small)
	c.a.MTU("a0", 3000)
	c.b.MTU("b0", 3000)
	inject(t, from, testFrame(1, 3014))
	if got := await(t, to, 1); len(got) != 1 || len(got[0].Frame()) != 3014 {
		t.Errorf("received %d frames of the new MTU, want 1", len(got))
	}
	c.a.MTU("a0", 1000)
	if n := from.Send([]*wire.Packet{packetOf(testFrame(1, 1500))}); n != 0 || from.Stats().SendTooLong != 1 {
		t.Errorf("sent %d frames beyond the MTU: %+v", n, from.Stats())
	}
}

// TestOpenWhileDown: frames come once the interface is up.
func TestOpenWhileDown(t *testing.T) {
	c := newCable(t)
	from := open(t, c.a, Options{Interface: "a0", Ring: small})
	c.b.Down("b0")
	to := open(t, c.b, Options{Interface: "b0", Ring: small})
	c.b.Up("b0")
	reach(t, from, to, 1)
}

// TestFanoutWhileDown: kernels before 6.14 let only running sockets join, and
// Open says so; later ones as this machine's may let them, then frames come
// once the interface is up.
func TestFanoutWhileDown(t *testing.T) {
	c := newCable(t)
	from := open(t, c.a, Options{Interface: "a0", Ring: small})
	c.b.Down("b0")
	to, err := tryOpen(c.b, Options{Interface: "b0", Ring: small, Fanout: &Fanout{}})
	if errors.Is(err, ErrDown) {
		return
	}
	if err != nil {
		t.Fatalf("error %v, want none or %v", err, ErrDown)
	}
	defer to.Close()
	c.b.Up("b0")
	reach(t, from, to, 1)
}
