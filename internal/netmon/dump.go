package netmon

import (
	"errors"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ulvs/dataplane/nexthop"
	"ulvs/wire"
)

// Link is an interface of any kind.
type Link struct {
	Index    int
	Name     string
	Kind     string // "veth", "bridge", ...; "device" for hardware
	MAC      wire.MAC
	MTU      int  // bytes of IP packet
	Master   int  // index of the bridge or bond it is a port of; 0 none
	Ethernet bool // frames have Ethernet headers; false for loopback
	Up       bool // administratively up, with carrier
}

// readers read and deliver each list, in the order in which they build on
// each other.
var readers = []struct {
	list lists
	name string
	read func(*monitor) error
}{
	{links, "links", (*monitor).readLinks},
	{addresses, "addresses", (*monitor).readAddresses},
	{routes, "routes", (*monitor).readRoutes},
	{neighbours, "neighbours", (*monitor).readNeighbours},
}

// tries bounds how often a dump that was disturbed by changes is repeated at
// once; after that it is repeated with the usual gap.
const tries = 5

// undisturbed repeats a dump that a change in the kernel has interrupted.
func undisturbed[T any](dump func() (T, error)) (got T, err error) {
	for range tries {
		if got, err = dump(); !errors.Is(err, netlink.ErrDumpInterrupted) {
			break
		}
	}
	return got, err
}

func (m *monitor) readLinks() error {
	all, err := dumpLinks(m.dumps)
	if err == nil {
		m.handler.Links(all)
	}
	return err
}

func dumpLinks(h *netlink.Handle) ([]Link, error) {
	all, err := undisturbed(h.LinkList)
	if err != nil {
		return nil, err
	}
	out := make([]Link, len(all))
	for i, l := range all {
		out[i] = linkOf(l)
	}
	return out, nil
}

func linkOf(l netlink.Link) Link {
	a := l.Attrs()
	const running = unix.IFF_UP | unix.IFF_LOWER_UP // IFF_RUNNING lags behind the carrier
	out := Link{
		Index: a.Index, Name: a.Name, Kind: l.Type(), MTU: a.MTU, Master: a.MasterIndex,
		Ethernet: a.EncapType == "ether", Up: a.RawFlags&running == running,
	}
	copy(out.MAC[:], a.HardwareAddr)
	return out
}

func (m *monitor) readAddresses() error {
	all, err := dumpAddresses(m.dumps)
	if err == nil {
		m.handler.Addresses(all)
	}
	return err
}

func dumpAddresses(h *netlink.Handle) ([]nexthop.Address, error) {
	all, err := undisturbed(func() ([]netlink.Addr, error) { return h.AddrList(nil, netlink.FAMILY_ALL) })
	if err != nil {
		return nil, err
	}
	out := make([]nexthop.Address, 0, len(all))
	for _, a := range all {
		if p, ok := prefixOf(a.IPNet); ok {
			out = append(out, nexthop.Address{Index: a.LinkIndex, Prefix: p, Secondary: a.Flags&unix.IFA_F_SECONDARY != 0})
		}
	}
	return out, nil
}

func (m *monitor) readRoutes() error {
	all, err := undisturbed(func() ([]netlink.Route, error) {
		anyTable := &netlink.Route{Table: unix.RT_TABLE_UNSPEC}
		return m.dumps.RouteListFiltered(netlink.FAMILY_ALL, anyTable, netlink.RT_FILTER_TABLE)
	})
	if err != nil {
		return err
	}
	out := make([]nexthop.Route, 0, len(all))
	for i := range all {
		if r := &all[i]; r.Table == unix.RT_TABLE_MAIN || r.Table == unix.RT_TABLE_LOCAL {
			out = appendRoute(out, r)
		}
	}
	m.handler.Routes(out)
	return nil
}

// appendRoute adds r, which is several Routes if it is a multipath one.
func appendRoute(out []nexthop.Route, r *netlink.Route) []nexthop.Route {
	dst, ok := prefixOf(r.Dst)
	if !ok {
		return out
	}
	base := nexthop.Route{Dst: dst, Type: routeType(r.Type), Metric: uint32(r.Priority), Source: addrOf(r.Src)}
	if len(r.MultiPath) == 0 {
		base.Index, base.Gateway = r.LinkIndex, gatewayOf(r.Gw, r.Via)
		return append(out, base)
	}
	for _, hop := range r.MultiPath {
		if hop.Flags&unix.RTNH_F_DEAD == 0 {
			base.Index, base.Gateway = hop.LinkIndex, gatewayOf(hop.Gw, hop.Via)
			out = append(out, base)
		}
	}
	return out
}

// routeType puts the kernel's types together by what becomes of a packet.
func routeType(t int) nexthop.RouteType {
	switch t {
	case unix.RTN_UNICAST:
		return nexthop.Unicast
	case unix.RTN_LOCAL, unix.RTN_ANYCAST:
		return nexthop.Local
	case unix.RTN_BROADCAST, unix.RTN_MULTICAST:
		return nexthop.Broadcast
	}
	return nexthop.Unusable
}

// gatewayOf returns the gateway, which for IPv4 routes may be an IPv6 one
// (RTA_VIA); invalid if there is none.
func gatewayOf(gw net.IP, via netlink.Destination) netip.Addr {
	if v, ok := via.(*netlink.Via); ok && v != nil {
		return addrOf(v.Addr)
	}
	return addrOf(gw)
}

func (m *monitor) readNeighbours() error {
	var out []nexthop.Neighbour
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		all, err := undisturbed(func() ([]netlink.Neigh, error) { return m.dumps.NeighList(0, family) })
		if err != nil {
			return err
		}
		for i := range all {
			if n, ok := neighbourOf(&all[i]); ok && n.State != nexthop.Gone {
				out = append(out, n)
			}
		}
	}
	m.handler.Neighbours(out)
	return nil
}

// neighbourOf leaves out what is no IP neighbour: forwarding entries of
// bridges and proxy entries.
func neighbourOf(n *netlink.Neigh) (nexthop.Neighbour, bool) {
	ip := addrOf(n.IP)
	if n.Family != netlink.FAMILY_V4 && n.Family != netlink.FAMILY_V6 || n.Flags&netlink.NTF_PROXY != 0 || !ip.IsValid() {
		return nexthop.Neighbour{}, false
	}
	out := nexthop.Neighbour{Index: n.LinkIndex, Addr: ip, State: neighbourState(n.State)}
	copy(out.MAC[:], n.HardwareAddr)
	return out, true
}

// neighbourState puts the kernel's states (NUD_*) together by what they are
// worth.
func neighbourState(s int) nexthop.NeighbourState {
	switch {
	case s&netlink.NUD_PERMANENT != 0:
		return nexthop.Pinned
	case s&netlink.NUD_REACHABLE != 0:
		return nexthop.Reachable
	case s&(netlink.NUD_STALE|netlink.NUD_DELAY|netlink.NUD_PROBE) != 0:
		return nexthop.Stale
	}
	return nexthop.Gone
}

// addrOf returns ip, invalid if it is nil.
func addrOf(ip net.IP) netip.Addr {
	a, _ := netip.AddrFromSlice(ip)
	return a.Unmap()
}

// prefixOf returns n, IPv4 unmapped.
func prefixOf(n *net.IPNet) (netip.Prefix, bool) {
	if n == nil {
		return netip.Prefix{}, false
	}
	bits, _ := n.Mask.Size()
	p := netip.PrefixFrom(addrOf(n.IP), bits)
	return p, p.IsValid()
}
