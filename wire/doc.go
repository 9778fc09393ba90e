// Package wire owns what is on the wire: Ethernet, ARP, IPv4, IPv6, TCP, UDP,
// SCTP, ICMP, ICMPv6 and neighbour discovery as views over bytes, the Internet
// checksum in full and incremental, and Parse, which turns a frame into a
// Packet's offsets and fields or names what is wrong with it.
//
// It never reads outside the frame it is given, never allocates, does no I/O
// and keeps no state. Everything here may be called from any goroutine; a
// Packet and the bytes under a view belong to one goroutine at a time.
//
// The views (Ethernet, ARP, IPv4, IPv6, TCP, UDP, SCTP, ICMPv4, ICMPv6) are byte
// slices that begin at their header. Their accessors panic on a slice shorter
// than the fixed header: call Parse first, or compare lengths.
package wire
