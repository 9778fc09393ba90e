// Package egress tells who looks at or changes the frames that an interface
// sends, between the network stack and its driver: a queueing discipline, egress
// hooks of tc and nftables, packet sockets such as tcpdump's. A sender that
// passes all of that by (AF_XDP, PACKET_QDISC_BYPASS) asks here first.
//
// It reads the network namespace of the calling thread and changes nothing.
package egress
