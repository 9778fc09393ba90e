package afpacket

import (
	"sync"
	"testing"
	"time"
)

func newTestPoller(t *testing.T, ports ...*Port) *Poller {
	t.Helper()
	p, err := NewPoller(ports...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

func TestWaitTimesOut(t *testing.T) {
	_, to, _ := ends(t, small)
	p := newTestPoller(t, to)
	p.Wait(0)
	p.Wait(20 * time.Microsecond)
	if !sleepsThrough(p) {
		t.Error("waits end before their time without a reason")
	}
}

// TestWakeEndsOneWait: the one under way or the next, spinning or asleep, and
// not the one after.
func TestWakeEndsOneWait(t *testing.T) {
	_, to, _ := ends(t, small)
	p := newTestPoller(t, to)
	for range 200 {
		var wg sync.WaitGroup
		wg.Go(func() { p.Wait(time.Hour) })
		p.Wake()
		p.Wake()
		wg.Wait()
	}
	if !sleepsThrough(p) {
		t.Error("waits go on ending without a wake")
	}
}

// TestWakeOfASleeper wakes a Wait that has given up spinning.
func TestWakeOfASleeper(t *testing.T) {
	_, to, _ := ends(t, small)
	p := newTestPoller(t, to)
	p.SetPoll(Block)
	for range 200 {
		var wg sync.WaitGroup
		wg.Go(func() { p.Wait(time.Hour) })
		p.Wake()
		wg.Wait()
	}
}

// TestFrameEndsWait: a frame at any of the ports.
func TestFrameEndsWait(t *testing.T) {
	from1, to1, _ := ends(t, small)
	from2, to2, _ := ends(t, small)
	p := newTestPoller(t, to1, to2)
	for _, mode := range []Poll{Block, Adaptive, Spin} {
		p.SetPoll(mode)
		for i, from := range []*Port{from1, from2, from1} {
			inject(t, from, testFrame(1, 60))
			for deadline := time.Now().Add(patience); !p.ready(); {
				p.Wait(time.Until(deadline))
				if time.Now().After(deadline) {
					t.Fatalf("frame %d did not end the wait", i)
				}
			}
			take(to1)
			take(to2)
		}
	}
}
