package dataplane_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ulvs/dataplane"
	"ulvs/dataplane/memport"
	"ulvs/service"
	"ulvs/wire"
)

// TestWorkerRuns: a running worker forwards what arrives, wakes for it, and
// ends when told.
func TestWorkerRuns(t *testing.T) {
	x := newWorld(t, 1000)
	x.balance(service.TCP, "rr", service.NAT, 1)
	for _, p := range x.eth {
		p.Reset()
	}
	x.running(func() {
		for i := range 200 {
			x.eth[0].Inject(syn(1000 + i).Frame())
		}
		<-x.frameOf(1, 1199)
		x.eth[1].Inject(fromServer(1, 1000, wire.SYN|wire.ACK, nil).Frame())
	})
	x.send(0) // what came as it ended
	x.reasons(map[dataplane.Reason]uint64{dataplane.ForwardedNAT: 200, dataplane.ForwardedReply: 1})
}

// TestDo: every function given to Do runs exactly once before Do returns, never
// beside another or beside the worker, whether the worker has not begun, works,
// is being stopped or has ended, and while the waiter is being replaced.
func TestDo(t *testing.T) {
	x := newWorld(t, 100)
	plain, calls, want := 0, atomic.Int64{}, int64(0)
	var wg sync.WaitGroup
	ask := func(n int, waiters bool) {
		want += int64(n)
		for range n {
			wg.Go(func() {
				ran := false
				x.w.Do(func() {
					plain++ // the race detector sees any two at a time
					calls.Add(1)
					ran = true
					if waiters {
						x.w.SetWaiter(memport.NewWaiter()).Wake()
					}
				})
				if !ran {
					t.Error("Do returned before its function ran")
				}
			})
		}
	}
	ask(20, false) // before the worker begins
	x.running(func() {
		ask(50, true)
		wg.Wait()
		ask(50, true)
		for range 20 {
			wg.Go(x.w.Wake)
		}
	}) // stopped while some are waiting
	ask(50, false)
	wg.Wait()
	if int64(plain) != want || calls.Load() != want {
		t.Errorf("%d functions ran, asked for %d", plain, want)
	}
}

// TestStop: stopping before, twice, and from many goroutines ends the worker.
func TestStop(t *testing.T) {
	x := newWorld(t, 100)
	x.w.Stop()
	x.w.Run()
	y := newWorld(t, 100)
	y.running(func() {
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(y.w.Stop)
		}
		wg.Wait()
	})
	y.w.Do(func() { y.w.SetPort(0, nil) })
	if y.w.Port(0) != nil {
		t.Error("a port could not be taken out after the end")
	}
}

// TestPromptDo: what comes while the waiter is being replaced does not wait for
// the worker's longest sleep.
func TestPromptDo(t *testing.T) {
	x := newWorld(t, 100)
	sleeps := &countingWaiter{woken: make(chan struct{}, 1)}
	x.running(func() {
		second := make(chan struct{})
		x.w.Do(func() {
			x.w.SetWaiter(sleeps)
			go func() { x.w.Do(func() {}); close(second) }()
		})
		<-second
	})
	if n := sleeps.timeouts.Load(); n != 0 {
		t.Errorf("the worker slept %d times to the end", n)
	}
}

// countingWaiter counts the waits that nobody ended.
type countingWaiter struct {
	woken    chan struct{}
	timeouts atomic.Int64
}

func (w *countingWaiter) Wait(d time.Duration) {
	select {
	case <-w.woken:
	case <-time.After(20 * d):
		w.timeouts.Add(1)
	}
}

func (w *countingWaiter) Wake() {
	select {
	case w.woken <- struct{}{}:
	default:
	}
}

// TestSendLost: frames that a port refuses, or that no port takes, are counted,
// and the next ones go on.
func TestSendLost(t *testing.T) {
	x := newWorld(t, 1000)
	x.balance(service.TCP, "rr", service.DR, 1)
	refused := 0
	x.eth[1].Refuse(func(*wire.Packet) bool { refused++; return refused%3 == 0 })
	var pkts []*wire.Packet
	for i := range 300 {
		pkts = append(pkts, syn(1000+i))
	}
	out := x.send(0, pkts...)
	if len(out[1]) != 200 || x.w.SendLost() != 100 {
		t.Errorf("%d frames sent and %d lost of 300 of which 100 were refused", len(out[1]), x.w.SendLost())
	}
	x.w.SetPort(1, nil)
	x.send(0, pkts[:10]...)
	if x.w.SendLost() != 110 {
		t.Errorf("%d frames lost, want 10 more without the port", x.w.SendLost())
	}
	x.conserved(310)
}
