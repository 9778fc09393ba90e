// Package sim compares schedulers on workloads that nobody has to build: a
// discrete-event simulation in virtual time that drives package sched as the
// Director does. A connection is picked a server for and counted there with
// BindActive (a TCP connection is active from its SYN on), turns inactive with
// its FIN (Deactivate) and leaves the table some time later (Unbind); nothing of
// a scheduler is re-implemented here.
//
// It owns scenarios (scenario.go, the files in scenarios/), the model of clients
// and servers (arrivals.go, server.go), the loop (engine.go), measures and their
// output. The model ends where the network begins: packets take no time and are
// never lost.
//
// The same scenario, scheduler and seed give the same numbers anywhere. Streams
// of random numbers are apart by purpose (random.go), so schedulers are compared
// on the same arrivals, the same work and the same clients.
//
// Threading: Run simulates schedulers side by side; one simulation is one
// goroutine and shares nothing.
package sim
