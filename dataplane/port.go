package dataplane

import (
	"time"

	"ulvs/wire"
)

// Port is one network interface as one worker sees it. A Port belongs to its
// worker: no method may be called from two goroutines at a time.
type Port interface {
	// Receive fills pkts from the front with frames that have arrived and
	// returns how many; it never blocks. The packets' memory stays the port's
	// and is valid until Release.
	Receive(pkts []wire.Packet) int
	// Release gives the memory of all packets received since the last Release
	// back to the port.
	Release()
	// Send transmits the frames of pkts in order and returns how many were
	// sent; it does not block. Frames that could not be sent are dropped and
	// counted by the port under the reason it gives.
	// Send may write the Offload of each packet into the bytes before its frame.
	Send(pkts []*wire.Packet) int
}

// Waiter blocks a worker until one of its ports has something to receive.
type Waiter interface {
	// Wait returns when a port is ready, when d has passed, or after Wake.
	Wait(d time.Duration)
	// Wake makes a Wait under way, or the next one, return at once. It may be
	// called from any goroutine.
	Wake()
}
