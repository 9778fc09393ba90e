package schedtest

import (
	"sync"

	"ulvs/sched"
	"ulvs/wire"
)

// service is a virtual service as the director keeps it: a scheduler and its
// list behind one lock.
type service struct {
	mu   sync.Mutex
	s    sched.Scheduler
	list []*sched.Server
}

// newService starts a scheduler as ipvsadm does: on an empty service, to which
// servers of the given weights are added one after the other.
func newService(s sched.Scheduler, weights ...int32) *service {
	v := &service{s: s}
	s.Init(nil)
	for _, w := range weights {
		v.add(w)
	}
	return v
}

// add puts a new server at the head. Server number n is 203.0.113.n:80.
func (v *service) add(weight int32) *sched.Server {
	n := byte(len(v.list) + 1)
	s := sched.NewServer(wire.AddrFrom4([4]byte{203, 0, 113, n}), 80, weight)
	s.ID = uint32(n)
	v.list = sched.Insert(v.list, s)
	v.s.Added(v.list, s)
	return s
}

func (v *service) remove(s *sched.Server) {
	list, at := sched.Remove(v.list, s)
	s.SetDeleted(true)
	v.list = list
	v.s.Removed(list, s, at)
}

func (v *service) edit(s *sched.Server, weight int32) {
	s.SetWeight(weight)
	v.s.Edited(v.list, s)
}

// forget makes lblc forget its destinations: those it sends to their server
// even when that one is closed by its threshold, as the kernel does.
func (v *service) forget() {
	if v.s.Name() == "lblc" {
		v.s.Init(v.list)
	}
}

// pick picks and counts an inactive connection, as one for other workers.
func (v *service) pick(f *sched.Flow) *sched.Server {
	v.mu.Lock()
	defer v.mu.Unlock()
	s := v.s.Pick(f)
	if s != nil {
		s.Bind()
	}
	return s
}

// open is pick for a connection that is active at once, as TCP's are: were it
// activated after the lock, others would pick by counts in between.
func (v *service) open(f *sched.Flow) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if s := v.s.Pick(f); s != nil {
		s.Bind()
		s.Activate()
	}
}

// flow returns the n-th of many different flows.
func flow(n int) *sched.Flow {
	return &sched.Flow{
		Client:      wire.AddrFrom4([4]byte{192, 0, 2, byte(n)}),
		Virtual:     wire.AddrFrom4([4]byte{198, 51, 100, byte(n >> 8)}),
		ClientPort:  uint16(1024 + n*7919),
		VirtualPort: 80,
		Proto:       wire.ProtoTCP,
	}
}
