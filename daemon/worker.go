package daemon

import (
	"maps"
	"runtime"
	"runtime/debug"
	"slices"

	"ulvs/dataplane"
	"ulvs/dataplane/afpacket"
)

// worker is one data path thread with what it waits on.
type worker struct {
	*dataplane.Worker
	poller *afpacket.Poller
	done   chan struct{}
}

// beside is how many threads of Go may run beside the workers.
const beside = 2

// letRun has Go run every worker and what is beside them at the same time, and
// leaves it to the kernel who gets a processor. By itself Go runs as many as there
// are processors, one in a daemon that is pinned to one: a worker then waits up
// to 10 ms for a request of the API or a collection to give way, which is
// longer than its ring lasts.
func letRun(workers int) {
	if n := workers + beside; runtime.GOMAXPROCS(0) < n {
		runtime.GOMAXPROCS(n)
	}
}

// startWorker starts worker i, yet without ports.
func startWorker(d *Daemon, i int) (*worker, error) {
	poller, err := afpacket.NewPoller()
	if err != nil {
		return nil, err
	}
	w := &worker{
		Worker: dataplane.NewWorker(d.director.Lane(i), poller, d.clock),
		poller: poller,
		done:   make(chan struct{}),
	}
	w.OnPanic = func(r any) {
		if w.Panics() == 1 { // once: a packet that does this comes again and again
			d.log.Error("internal fault in the data path; the packet was dropped", "worker", i, "fault", r, "stack", string(debug.Stack()))
		}
	}
	go func() {
		defer close(w.done)
		runtime.LockOSThread() // until its end, as its priority is
		if err := afpacket.Urgent(); err != nil {
			d.log.Info("workers run like any other thread: frames may be lost where a busy process shares their processor", "worker", i, "err", err)
		}
		w.Run()
	}()
	return w, nil
}

// share is what one worker gets: its ports by number, and what waits on them.
type share struct {
	ports  map[uint16]*afpacket.Port
	poller *afpacket.Poller
}

func newShare(ports map[uint16]*afpacket.Port, mode *afpacket.Poll) (*share, error) {
	poller, err := afpacket.NewPoller(slices.Collect(maps.Values(ports))...)
	if err != nil {
		return nil, err
	}
	if mode != nil {
		poller.SetPoll(*mode)
	}
	return &share{ports, poller}, nil
}

// use gives the worker the ports it shall work with. The ports it had and has no
// more are nobody's afterwards.
func (w *worker) use(s *share) error {
	w.Do(func() {
		for n := range dataplane.DefaultPorts {
			w.SetPort(uint16(n), nil)
		}
		for n, p := range s.ports {
			w.SetPort(n, p)
		}
		w.SetWaiter(s.poller)
	})
	old := w.poller
	w.poller = s.poller
	return old.Close()
}

// stop ends the loop.
func (w *worker) stop() {
	w.Stop()
	<-w.done
	_ = w.poller.Close()
}
