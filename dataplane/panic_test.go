package dataplane_test

import (
	"testing"
	"time"

	"ulvs/dataplane"
	"ulvs/dataplane/memport"
	"ulvs/sched"
	"ulvs/service"
	"ulvs/wire"
	"ulvs/wire/wiretest"
)

// faulty is a scheduler with a fault: it panics when it picks for client port
// 666, and takes the first server otherwise.
type faulty struct{ list []*sched.Server }

func (f *faulty) Name() string                                      { return "faulty" }
func (f *faulty) Init(list []*sched.Server)                         { f.list = list }
func (f *faulty) Added(list []*sched.Server, _ *sched.Server)       { f.list = list }
func (f *faulty) Edited(list []*sched.Server, _ *sched.Server)      { f.list = list }
func (f *faulty) Removed(l []*sched.Server, _ *sched.Server, _ int) { panic("fault in a change") }
func (f *faulty) Pick(flow *sched.Flow) *sched.Server {
	if flow.ClientPort == 666 {
		panic("fault in a pick")
	}
	return f.list[0]
}

// TestPanic: a fault while a packet is handled costs that packet. It is
// counted and told, the worker goes on, and no lock stays taken: neither the
// service's nor, with persistence, that of the template's shard.
func TestPanic(t *testing.T) {
	for _, persistent := range []time.Duration{0, time.Minute} {
		x := newWorld(t, 100)
		vs := service.VirtualService{Key: key(service.TCP), Scheduler: "rr", Persistent: persistent}
		x.apply(service.Change{Op: service.AddService, Service: vs}, change(service.AddServer, 1, service.DR, 1))
		x.d.SetScheduler(vs.Key, &faulty{})
		x.settle()
		told := 0
		x.w.OnPanic = func(any) { told++ }
		out := x.send(0, syn(666), syn(1000), syn(666), syn(1001), syn(666))
		if len(out[1]) < 2 || told != int(x.w.Panics()) || told == 0 {
			t.Errorf("persistence %v: %d frames to the server, want 2 or more; %d panics, told of %d", persistent, len(out[1]), x.w.Panics(), told)
		}
		x.reasons(map[dataplane.Reason]uint64{dataplane.DroppedPanic: uint64(told)})
		x.countsMatch()
		if out = x.send(0, ack(1000, 0)); len(out[1]) != 1 {
			t.Error("the connection after a panic is not there")
		}
	}
}

// TestPanicInChange: a fault in a change leaves no lock taken.
func TestPanicInChange(t *testing.T) {
	x := newWorld(t, 100)
	x.balance(service.TCP, "rr", service.DR, 2)
	x.d.SetScheduler(key(service.TCP), &faulty{})
	func() {
		defer func() {
			if recover() == nil {
				t.Error("no panic")
			}
		}()
		_ = x.d.Apply(change(service.DeleteServer, 1, service.DR, 1))
	}()
	if out := x.send(0, syn(1000)); len(out[1]) != 1 {
		t.Error("no packet goes to a server any more")
	}
	x.apply(change(service.EditServer, 2, service.DR, 5))
}

// faultyPort is a port in memory that panics when it is told to.
type faultyPort struct {
	*memport.Port
	receive, send, release, mangle bool
}

func (p *faultyPort) Receive(pkts []wire.Packet) int {
	if p.receive {
		p.receive = false
		panic("fault in Receive")
	}
	n := p.Port.Receive(pkts)
	if p.mangle && n > 1 {
		pkts[1].End = -1
	}
	return n
}

func (p *faultyPort) Send(pkts []*wire.Packet) int {
	if p.send {
		p.send = false
		panic("fault in Send")
	}
	return p.Port.Send(pkts)
}

func (p *faultyPort) Release() {
	if p.release {
		p.release = false
		panic("fault in Release")
	}
	p.Port.Release()
}

// TestPanicInPort: a fault outside the handling of packets does not end the
// worker either; what was under way may be lost, later packets are not.
func TestPanicInPort(t *testing.T) {
	for name, set := range map[string]func(*faultyPort){
		"receive": func(p *faultyPort) { p.receive = true },
		"send":    func(p *faultyPort) { p.send = true },
		"release": func(p *faultyPort) { p.release = true },
	} {
		t.Run(name, func(t *testing.T) {
			x := newWorld(t, 1000)
			x.balance(service.TCP, "rr", service.DR, 1)
			bad := [2]*faultyPort{{Port: x.eth[0]}, {Port: x.eth[1]}}
			for i, p := range bad {
				x.w.SetPort(uint16(i), p)
				set(p)
			}
			panicked := make(chan any, 10)
			x.w.OnPanic = func(r any) { panicked <- r }
			x.eth[0].Inject(syn(1000).Frame())
			x.running(func() {
				<-panicked
				x.eth[0].Inject(syn(1001).Frame())
				<-x.frameOf(1, 1001)
			})
			if n := x.w.Panics(); n < 1 || n > 2 {
				t.Errorf("%d panics", n)
			}
			x.reasons(nil)
		})
	}
}

// TestPanicInParse: a fault while a group of packets is prepared costs the one
// packet to blame.
func TestPanicInParse(t *testing.T) {
	x := newWorld(t, 1000)
	x.balance(service.TCP, "rr", service.DR, 1)
	x.w.SetPort(0, &faultyPort{Port: x.eth[0], mangle: true})
	out := x.send(0, syn(1000), syn(1001), syn(1002), syn(1003))
	if len(out[1]) != 3 || x.w.Panics() != 1 {
		t.Errorf("%d frames to the server, want 3; %d panics, want 1", len(out[1]), x.w.Panics())
	}
	x.reasons(map[dataplane.Reason]uint64{dataplane.DroppedPanic: 1})
}

// running runs f while the worker runs.
func (x *world) running(f func()) {
	done := make(chan struct{})
	go func() { defer close(done); x.w.Run() }()
	f()
	x.w.Stop()
	<-done
}

// frameOf returns a channel that is closed when a frame of client port n has
// left by a port.
func (x *world) frameOf(port, n int) chan struct{} {
	found := make(chan struct{})
	go func() {
		defer close(found)
		for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
			for _, f := range x.eth[port].Sent() {
				if d := wiretest.Decode(x.t, f.Data); d.TCP != nil && int(d.TCP.SrcPort) == n {
					return
				}
			}
		}
		x.t.Errorf("no frame of client port %d left", n)
	}()
	return found
}
