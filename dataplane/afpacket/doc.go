// Package afpacket is the packet interface of ulvs: AF_PACKET sockets with a
// memory-mapped receive ring, and sendmmsg that takes frames straight out of
// that ring; beside it AF_XDP for small frames to be sent (SetXDP). It is the
// only place that knows them.
//
// It owns sockets, rings and the counters of what they drop. It looks
// into a frame only to finish its checksum for AF_XDP, never decides where one goes, never allocates on the packet
// path, and never blocks but in Poller.Wait.
//
// The files in the order of a frame's way: port.go and socket.go set up,
// ring2.go (or ring3.go) receives, send.go transmits, with xdp.go for what goes
// by AF_XDP, poller.go waits.
//
// Threads: Receive, Release and Send belong to one worker. Stats, SetFilter,
// SetXDP and Gone may be called from any goroutine. Close may be called when the
// worker has stopped using the port. Sockets belong to the network namespace
// of the thread that calls Open.
package afpacket
