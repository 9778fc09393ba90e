// Package forward rewrites packets: NAT, TTL, Ethernet addresses,
// encapsulation, segmentation, fragmentation and ICMP errors.
//
// It owns the bytes of a packet between the connection's decision and the
// transmit queue. Each function takes a wire.Packet that wire.Parse has
// accepted, changes it in place (or fills fresh ones from it) and leaves its
// parsed fields and its Offload describing what the bytes now are, except TTL,
// which stays as received.
//
// Packets are IPv4 or IPv6, the ports those of TCP, UDP and SCTP: what else
// Parse will let through one day begins at rewrite. The two families share every function;
// what IPv6 does otherwise is in ipv6.go.
//
// It never chooses: which method, which server, which error to answer with and
// in what order to call is the Director's. It never allocates, reads a clock,
// looks up a route or touches a device.
//
// Functions that make new packets take a fresh one: a wire.Packet whose Buf
// has room for wire.Headroom bytes and the frame. Everything else in it is
// overwritten; the frame begins at wire.Headroom, its MAC addresses still to be
// set by SetMACs.
//
// The order of calls for one packet is: DecrementTTL, compare SegmentLen with
// the MTU (an ICMP 3/4 quotes the packet with its TTL already decremented and
// its addresses still as received), NAT or encapsulation, Fragment if need be,
// SetMACs. A tunnel takes super-frames through Segment before
// Tunnel.Encap.
//
// Nothing here is shared between packets: functions may run on any number of
// goroutines as long as each packet belongs to one.
package forward
