// Package dataplane is the way of a packet: the Director, which decides what
// happens to one packet; the Lane, one worker's private side of it; the Worker,
// the loop that moves batches between ports and the Director; and the Port, the
// interface to a device.
//
// The Director is pure: no I/O, no clock, no log. Live traffic, tests,
// benchmarks, captures and simulations call the same Lane.Handle.
//
// Reading order, as a packet goes: worker.go (receive batch), ahead.go (parse and
// begin the look-up of a group), handle.go (what is it?), fragment.go, inbound.go
// (client to virtual address), sctp.go, schedule.go (first packet of a
// connection), marks.go, persist.go, transmit.go (rewrite, next hop, MTU),
// outbound.go (replies), icmp.go, problem.go, tunnel_error.go, arp.go, ndp.go,
// tick.go (what happens without a packet), defence.go; then plain.go, the
// shortest way, which does nothing that they do not. config.go changes the
// configuration under it, settings.go the settings, trash.go frees what was
// deleted.
//
// Threading: a Director is shared by all workers. A Lane belongs to one
// goroutine. Configuration calls (Apply and the like) may come from any
// goroutine and are serialised by the Director.
package dataplane
