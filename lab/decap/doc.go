// Package decap is the real server's end of LVS tunnelling (LVS-TUN) for
// kernels without the devices for it: it receives IP in IP (RFC 2003) or GRE
// (RFC 2784) on a raw socket, or GUE (draft-ietf-intarea-gue) on a UDP socket,
// unpacks it and hands the inner packet, which is IPv4, to the kernel on a device that
// holds the virtual address. Replies are the kernel's and never pass here.
//
// It takes packets from the directors it was told of only, with inner packets
// for its virtual addresses only, so that nobody can use the tunnel to get
// past the filters of the network. It owns its device, the virtual addresses
// on it and the sysctls that hide them from ARP, and gives all back at the
// end. It never forwards a packet and never sends one to the network.
//
// The kernel reassembles outer fragments before they come here. A kernel that
// has an ipip or sit device loaded, for GRE a gre device, answers each tunnelled
// packet with an ICMP port unreachable of its own; there, use its tunl0 or gre0
// instead.
//
// Open and Run are called once each; Stats may be called from any goroutine.
package decap
