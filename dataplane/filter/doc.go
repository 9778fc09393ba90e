// Package filter writes the classic BPF program that keeps traffic which is
// none of ulvs's business (the operator's ssh, other hosts' broadcasts) out of
// the receive rings. It is made from the live table: virtual services and the
// real servers whose replies come back through the director.
//
// It owns the choice of what comes in. It never judges a packet more finely
// than by addresses, protocol and ports: the pipeline parses again whatever
// passes. It is pure: rules in, instructions out, no system call.
//
// filter.go says what passes, ipv6.go what of IPv6, program.go how it is written
// down.
//
// Threads: no state; all functions may be called from anywhere.
package filter
