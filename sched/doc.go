// Package sched picks real servers for new connections. It owns the live
// counts of a real server (Server), the schedulers and their list (New, Names),
// one file per scheduler, each named and behaving as in the kernel
// (net/netfilter/ipvs/ip_vs_<name>.c) unless it says that it is ours.
//
// It never looks at packets, connections, the clock or configuration, and
// never allocates in Pick, but for a destination that lblc or lblcr see first.
//
// Threading: all calls to one Scheduler are serialised by its service's lock.
// The counts of a Server are atomic and change at any time, also during Pick;
// its methods tell the scheduler that ranks it, without a lock (watch.go).
package sched
