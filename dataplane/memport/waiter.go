package memport

import "time"

// Waiter is a dataplane.Waiter over ports in memory.
type Waiter struct {
	ports []*Port
	woken chan struct{} // holds one token: frames came, or Wake was called
}

// NewWaiter returns a Waiter that an Inject into any of ports ends. A port has
// at most one Waiter, made before its first Inject.
func NewWaiter(ports ...*Port) *Waiter {
	w := &Waiter{ports: ports, woken: make(chan struct{}, 1)}
	for _, p := range ports {
		p.notify = w.Wake
	}
	return w
}

// Wait implements dataplane.Waiter.
func (w *Waiter) Wait(d time.Duration) {
	if w.ready() {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-w.woken:
	case <-timer.C:
	}
}

func (w *Waiter) ready() bool {
	for _, p := range w.ports {
		if p.Pending() > 0 {
			return true
		}
	}
	return false
}

// Wake implements dataplane.Waiter.
func (w *Waiter) Wake() {
	select {
	case w.woken <- struct{}{}:
	default:
	}
}
