// Package conformance holds ulvs against recordings of a kernel's ip_vs. It
// owns the reading of a recording, the bench on which it is replayed (a
// Director between two interfaces in memory, time that the recording gives),
// the comparison after every step, the literal lists of what differs on
// purpose or is not there yet, and the table that sums it up.
//
// It never touches a network, a clock or a daemon, and it decides nothing: the
// commands go through package ipvsadm, the packets through package dataplane,
// as live ones do.
//
// A recording is a file of JSON lines in a directory named after its group,
// plain or compressed: recording.go says which lines there are.
//
// Run may be called from any goroutine; each call has a Director of its own.
package conformance
