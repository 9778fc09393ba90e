package lab

import (
	"fmt"
	"net"
	"net/netip"

	"ulvs/lab/decap"
)

// The addresses of every lab, from the blocks for documentation (RFC 5737).
// Real server n has the address 192.0.2.(10+n).
var (
	oneNet   = netip.MustParsePrefix("192.0.2.0/24")    // DR: everybody; NAT and TUN: the servers
	outerNet = netip.MustParsePrefix("198.51.100.0/24") // NAT and TUN: client and director
)

// Host parts of the addresses in either network.
const (
	gatewayPart  = 1
	directorPart = 2
	clientPart   = 10
	serverPart   = 10 // plus the server's number
	vipPart      = 100
	bypassPart   = 254
)

// Interface is an interface of a host as a Result shows it.
type Interface struct {
	Name    string         `json:"name"`
	Network string         `json:"network,omitempty"` // the bridge it is joined to; none for lo and tunnels
	Addrs   []netip.Prefix `json:"addrs"`
	MAC     string         `json:"mac,omitempty"`
	Note    string         `json:"note,omitempty"`
}

// hostPlan is a host to be built.
type hostPlan struct {
	name    string
	links   []Interface
	gateway netip.Addr // none if not valid
	forward bool       // ip_forward
	hides   bool       // arp_ignore and arp_announce: keeps its VIP to itself
}

// plan is a whole topology. Its order is that of the printed table.
type plan struct {
	networks []string
	vip      netip.Addr
	hosts    []hostPlan
}

// newPlan draws the topology of c.
func newPlan(c Config) plan {
	switch c.Mode {
	case NAT:
		return natPlan(c)
	case TUN:
		return tunPlan(c)
	}
	return drPlan(c)
}

// drPlan is the set-up of the LVS guides for direct routing: one network, the
// VIP on the director's interface and, hidden from ARP, on each server's lo.
func drPlan(c Config) plan {
	p := plan{networks: []string{"lan"}, vip: host(oneNet, vipPart)}
	director := hostPlan{name: "director", forward: c.Forward,
		links: []Interface{c.virtual(ethernet("eth0", "lan", oneNet, directorPart), p.vip)}}
	p.hosts = []hostPlan{{name: "client", links: []Interface{ethernet("eth0", "lan", oneNet, clientPart)}}, director}
	for n := 1; n <= c.Servers; n++ {
		server := hostPlan{name: serverName(n), links: []Interface{ethernet("eth0", "lan", oneNet, serverPart+n)}}
		if !c.Bare {
			server.hides = true
			server.links = append(server.links, hidden("lo", p.vip))
		}
		p.hosts = append(p.hosts, server)
	}
	return p
}

// natPlan is the set-up of the LVS guides for NAT: two networks with the
// director between them as the servers' gateway.
func natPlan(c Config) plan {
	p := plan{networks: []string{"outer", "inner"}, vip: host(outerNet, vipPart)}
	director := hostPlan{name: "director", forward: c.Forward, links: []Interface{
		c.virtual(ethernet("eth0", "outer", outerNet, directorPart), p.vip),
		ethernet("eth1", "inner", oneNet, gatewayPart)}}
	p.hosts = []hostPlan{outerClient(directorPart), director}
	if c.Bypass {
		p.hosts = append(p.hosts, hostPlan{name: "router", forward: true, links: []Interface{
			ethernet("eth0", "outer", outerNet, bypassPart), ethernet("eth1", "inner", oneNet, bypassPart)}})
	}
	for n := 1; n <= c.Servers; n++ {
		p.hosts = append(p.hosts, innerServer(n))
	}
	return p
}

// tunPlan puts a router between the director and the servers, which direct
// routing could not cross: the servers unpack and answer the client by
// way of the router.
func tunPlan(c Config) plan {
	p := plan{networks: []string{"outer", "inner"}, vip: host(outerNet, vipPart)}
	director := hostPlan{name: "director", forward: c.Forward, gateway: host(outerNet, gatewayPart),
		links: []Interface{c.virtual(ethernet("eth0", "outer", outerNet, directorPart), p.vip)}}
	router := hostPlan{name: "router", forward: true, links: []Interface{
		ethernet("eth0", "outer", outerNet, gatewayPart), ethernet("eth1", "inner", oneNet, gatewayPart)}}
	p.hosts = []hostPlan{outerClient(gatewayPart), director, router}
	for n := 1; n <= c.Servers; n++ {
		server := innerServer(n)
		server.links = append(server.links, hidden(decap.DefaultDevice, p.vip))
		p.hosts = append(p.hosts, server)
	}
	return p
}

// outerClient is the client of NAT and TUN. Its gateway lets it reach the
// servers' own addresses too, as one does to see what differs.
func outerClient(gateway int) hostPlan {
	return hostPlan{name: "client", gateway: host(outerNet, gateway),
		links: []Interface{ethernet("eth0", "outer", outerNet, clientPart)}}
}

func innerServer(n int) hostPlan {
	return hostPlan{name: serverName(n), gateway: host(oneNet, gatewayPart),
		links: []Interface{ethernet("eth0", "inner", oneNet, serverPart+n)}}
}

// virtual adds the VIP to the director's interface if the director has it.
func (c Config) virtual(i Interface, vip netip.Addr) Interface {
	if c.HiddenVIP {
		return i
	}
	i.Addrs = append(i.Addrs, netip.PrefixFrom(vip, vip.BitLen()))
	i.Note = "with the VIP"
	return i
}

// ethernet is an interface joined to a network. Its MAC is made of its
// address, so that a reader recognises it in a capture.
func ethernet(name, network string, p netip.Prefix, part int) Interface {
	addr := host(p, part)
	ip := addr.As4()
	mac := net.HardwareAddr{0x02, 0x00, ip[0], ip[1], ip[2], ip[3]}
	return Interface{Name: name, Network: network, MAC: mac.String(),
		Addrs: []netip.Prefix{netip.PrefixFrom(addr, p.Bits())}}
}

// hidden is the interface that holds a real server's VIP.
func hidden(name string, vip netip.Addr) Interface {
	return Interface{Name: name, Addrs: []netip.Prefix{netip.PrefixFrom(vip, vip.BitLen())},
		Note: "the VIP, hidden from ARP"}
}

// host is the address in p, an IPv4 /24, with the given last byte.
func host(p netip.Prefix, part int) netip.Addr {
	b := p.Addr().As4()
	b[3] = byte(part)
	return netip.AddrFrom4(b)
}

func serverName(n int) string { return fmt.Sprintf("rs%d", n) }
