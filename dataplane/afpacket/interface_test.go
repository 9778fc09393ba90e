package afpacket_test

import (
	"ulvs/dataplane"
	"ulvs/dataplane/afpacket"
)

// The package does not import dataplane, which it serves; that it fits is held
// here.
var (
	_ dataplane.Port   = (*afpacket.Port)(nil)
	_ dataplane.Waiter = (*afpacket.Poller)(nil)
)
