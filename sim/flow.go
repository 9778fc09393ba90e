package sim

import (
	"ulvs/sched"
	"ulvs/wire"
)

// connection is the flow that schedulers are shown.
type connection struct {
	sched.Flow
	virtual wire.Addr // where there are no destinations
}

func (c *connection) setUp() {
	c.virtual = address(netVirtual, 1)
	c.Proto, c.VirtualPort = wire.ProtoTCP, 80
}

// address gives the flow in hand the addresses of an arrival: those of its
// client and destination if they have numbers, spread so that hashes of
// neighbours tell nothing; else a client never seen before.
func (e *engine) address(a *arrival) {
	f := &e.flow
	r := e.addresses.next()
	f.ClientPort = uint16(r) | 1024
	if a.client >= 0 {
		r = mix(uint64(a.client))
	}
	f.Client = address(netClients, r)
	f.Virtual = f.virtual
	if a.destination >= 0 {
		f.Virtual = address(netObjects, mix(uint64(a.destination)))
	}
}
