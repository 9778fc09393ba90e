// Package nexthop answers, for one destination address, by which port and to
// which Ethernet address a packet leaves. It owns the director's copy of the
// host's links, addresses, routes and neighbours, sends ARP requests (RFC 826)
// and neighbour solicitations (RFC 4861) of its own for what the kernel does not
// know, and holds frames while an answer is awaited.
//
// It is pure: netlink, sockets and clocks stay outside. State comes in by the
// Set methods and Learn, frames go out by the function given to Tick. It never
// answers for an address and never uses a virtual address as its own.
//
// Lookup, Gen, IsLocal and LinkOf are lock-free, allocate nothing and may be
// called from any goroutine, as may all other methods, which take one lock.
//
// Not followed: policy routing beyond the tables local and main, multipath
// spreading (the first usable next hop wins), per-route MTUs.
package nexthop
