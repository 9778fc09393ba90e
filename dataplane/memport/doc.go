// Package memport is a network interface in memory: a dataplane.Port whose
// frames a test, a benchmark or a simulation puts in and takes out, and the
// dataplane.Waiter that goes with it.
//
// It owns the memory of its frames and recycles it, so that a loop of Inject,
// Receive, Send, Release and Reset allocates nothing once it has run. It never
// touches a device, a clock or the frames' contents, save for the offload
// header that every Port writes before a frame it sends.
//
// A Port is safe for one worker and any number of goroutines that inject and
// look at what was sent.
package memport
