// Package defrag puts fragmented datagrams together, of IPv4 (RFC 791 section
// 3.2, RFC 815) and of IPv6 (RFC 8200 section 4.5): a bounded store of what has
// come of each, by source, destination, id and, in IPv4, protocol. It never
// decides whose a datagram is and sends nothing.
//
// Fragments that overlap end their datagram, as RFC 5722 has it for IPv6 and
// Linux for both: no sender makes them, and which of two versions counts has
// been the way around many a filter. What is stored is a copy. Memory is bounded
// by MaxBytes; the oldest datagrams give way. A Table may be used from several
// goroutines; its lock is held for one fragment.
package defrag
