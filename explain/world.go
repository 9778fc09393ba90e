package explain

import (
	"net/netip"

	"ulvs/dataplane/nexthop"
	"ulvs/service"
	"ulvs/wire"
)

// The network around an Engine's Director, which is the same for all rules.
// Everybody but the real servers is behind one router on the interface
// "clients"; each real server is on the interface "servers", with a hardware
// address made of its IP address. All of them are known from the beginning, so
// that nothing has to wait for ARP.
const (
	clientsPort = 0
	serversPort = 1
	linkMTU     = 1500
)

// portNames are the interfaces by port.
var portNames = [...]string{clientsPort: "clients", serversPort: "servers"}

var (
	routerMAC = wire.MAC{2, 0, 0, 0, 0x0c, 0}
	portMACs  = [...]wire.MAC{clientsPort: {2, 0, 0, 0, 0x0d, 0}, serversPort: {2, 0, 0, 0, 0x0d, 1}}
	// The director's own addresses and the router's are nobody's elsewhere: the
	// dummy addresses of IPv4 (RFC 7600), and unique local ones (RFC 4193).
	ownAddrs    = [2]netip.Addr{netip.MustParseAddr("192.0.0.8"), netip.MustParseAddr("fd00::8")}
	routerAddrs = [2]netip.Addr{netip.MustParseAddr("192.0.0.9"), netip.MustParseAddr("fd00::9")}
)

// serverMAC is the hardware address of a real server: 02:00 and an IPv4
// address, 02:06 and the last four bytes of an IPv6 one.
func serverMAC(a netip.Addr) wire.MAC {
	b := a.As16()
	m := wire.MAC{2, 0, b[12], b[13], b[14], b[15]}
	if a.Is6() {
		m[1] = 6
	}
	return m
}

// newHops is the next-hop table of that network.
func newHops(seed uint64) *nexthop.Table {
	h := nexthop.New(nexthop.Config{Seed: seed})
	var links []nexthop.Link
	for port, name := range portNames {
		links = append(links, nexthop.Link{Index: port + 1, Port: uint16(port), Name: name, MAC: portMACs[port], MTU: linkMTU, Up: true})
	}
	h.SetLinks(links)
	var own []nexthop.Address
	for _, a := range ownAddrs {
		own = append(own, nexthop.Address{Index: clientsPort + 1, Prefix: netip.PrefixFrom(a, a.BitLen())})
	}
	h.SetAddresses(own)
	connect(h, nil)
	return h
}

// connect puts the real servers of a configuration on their link.
func connect(h *nexthop.Table, t *service.Table) map[netip.Addr]bool {
	servers := map[netip.Addr]bool{}
	if t != nil {
		for _, e := range t.Services() {
			for _, r := range e.Servers {
				servers[r.Addr] = true
			}
		}
	}
	routes := []nexthop.Route{
		{Dst: netip.MustParsePrefix("0.0.0.0/0"), Gateway: routerAddrs[0], Index: clientsPort + 1, Source: ownAddrs[0]},
		{Dst: netip.MustParsePrefix("::/0"), Gateway: routerAddrs[1], Index: clientsPort + 1, Source: ownAddrs[1]},
	}
	var known []nexthop.Neighbour
	for _, a := range routerAddrs {
		routes = append(routes, nexthop.Route{Dst: netip.PrefixFrom(a, a.BitLen()), Index: clientsPort + 1})
		known = append(known, nexthop.Neighbour{Index: clientsPort + 1, Addr: a, MAC: routerMAC, State: nexthop.Pinned})
	}
	for a := range servers {
		own := ownAddrs[0]
		if a.Is6() {
			own = ownAddrs[1]
		}
		routes = append(routes, nexthop.Route{Dst: netip.PrefixFrom(a, a.BitLen()), Index: serversPort + 1, Source: own})
		known = append(known, nexthop.Neighbour{Index: serversPort + 1, Addr: a, MAC: serverMAC(a), State: nexthop.Pinned})
	}
	h.SetRoutes(routes)
	h.SetNeighbours(known)
	return servers
}
