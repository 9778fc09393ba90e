package doctor

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"ulvs/control/api"
	"ulvs/dataplane/nexthop"
	"ulvs/internal/netmon"
	"ulvs/service"
	"ulvs/wire"
)

// Facts are what was seen, before anybody has judged it.
type Facts struct {
	Daemon *Daemon // nil: none answers
	Absent string  // why not
	Host   Host
	Wire   Wire
}

// Daemon is what it says of itself.
type Daemon struct {
	Info    api.Info
	State   api.State
	Marks   []service.MarkRule
	Reasons api.Reasons
	Caps    *uint64 // its effective capabilities; nil: not to be read
}

// Host is what the kernel says.
type Host struct {
	Links     []netmon.Link
	Features  map[string][]string // that are on, by interface; none if not to be read
	Addresses []nexthop.Address
	Sysctls   map[string]string // by path, "net/ipv4/ip_forward"; none if not there
	Ways      map[netip.Addr]netmon.Way
	NoWay     map[netip.Addr]error
	Guard     bool
	GuardErr  error    // Guard is not known
	IPVS      []string // services of the kernel's ip_vs, as /proc/net/ip_vs has them
	Listeners []Listener
}

// Listener is a socket that waits for clients.
type Listener struct {
	Protocol service.Protocol
	Addr     netip.Addr // unspecified: all addresses
	Port     uint16
	Inode    string
}

// Wire is what neighbours and servers have answered.
type Wire struct {
	NotSent string // why nothing was sent; empty: it was
	VIPs    []Asked
	Hops    []Asked // what servers are reached by: themselves or gateways
	Servers []Tried
}

// Asked is who answers for an address on an interface.
type Asked struct {
	Interface string
	Addr      netip.Addr
	MACs      []wire.MAC
}

// Tried is what became of asking one real server of one service.
type Tried struct {
	Service service.Key
	Server  service.RealServer
	VIP     netip.Addr // asked for; by mark rules, one of them
	Port    uint16     // asked for, of the server
	Why     string     // it was not asked; empty: it was
	Told    bool       // another finding says why already
	Direct  *Reply     // SYN to its own address, from the director's own
	Method  *Reply     // SYN by its method; for NAT it is Direct
	Return  *Reply     // NAT: from an address that is not in the server's network
	// NoReturn says why there is no Return.
	NoReturn string
	Large    *Reply // tunnel: as large as the interface allows
	MTU      int    // its size in bytes of outer IP packet
	// Sizes are what came through, by size, asked after Large was not answered.
	Sizes map[int]*Reply
}

// Reply is the answer to one SYN.
type Reply struct {
	From      netip.Addr // asked from
	To        netip.Addr // asked, within the tunnel if there is one
	Interface string     // asked by
	Hop       wire.MAC   // asked, the next hop's
	Kind      ReplyKind
	By        string   // interface it came in by
	MAC       wire.MAC // that sent it
	After     time.Duration
	Speaker   netip.Addr // source of the answer
	MTU       int        // told with TooBig
	Code      uint8      // of ICMP
}

// ReplyKind is what a server answered.
type ReplyKind uint8

// Kinds of replies.
const (
	Silence ReplyKind = iota
	Accepted
	Refused
	TTLExceeded
	TooBig
	Unreachable
)

// heard reports whether the server itself answered.
func (r *Reply) heard() bool { return r != nil && (r.Kind == Accepted || r.Kind == Refused) }

// link returns the interface of that name.
func (h *Host) link(name string) (netmon.Link, bool) {
	for _, l := range h.Links {
		if l.Name == name {
			return l, true
		}
	}
	return netmon.Link{}, false
}

// linkAt returns the interface of that index.
func (h *Host) linkAt(index int) (netmon.Link, bool) {
	for _, l := range h.Links {
		if l.Index == index {
			return l, true
		}
	}
	return netmon.Link{}, false
}

// holder returns the interface that has an address.
func (h *Host) holder(a netip.Addr) (netmon.Link, bool) {
	for _, x := range h.Addresses {
		if x.Prefix.Addr() == a {
			return h.linkAt(x.Index)
		}
	}
	return netmon.Link{}, false
}

// onLink reports whether a is in a network of the interface.
func (h *Host) onLink(l netmon.Link, a netip.Addr) bool {
	for _, x := range h.Addresses {
		if x.Index == l.Index && x.Prefix.Bits() < x.Prefix.Addr().BitLen() && x.Prefix.Masked().Contains(a) {
			return true
		}
	}
	return false
}

// own returns an address of the host's on the interface, of the family of like
// and none of those to avoid; invalid if there is none. One whose network has
// like in it is preferred.
func (h *Host) own(l netmon.Link, like netip.Addr, avoid map[netip.Addr]bool) (found netip.Addr) {
	for _, x := range h.Addresses {
		a := x.Prefix.Addr()
		if x.Index != l.Index || a.Is4() != like.Is4() || avoid[a] || a.IsLinkLocalUnicast() && !like.IsLinkLocalUnicast() {
			continue
		}
		if x.Prefix.Masked().Contains(like) {
			return a
		}
		if !found.IsValid() {
			found = a
		}
	}
	return found
}

// sysctl returns a setting, "" if there is none.
func (h *Host) sysctl(path string) string { return h.Sysctls[path] }

// links returns the interfaces that the daemon works on.
func (f *Facts) links() (all []netmon.Link) {
	for _, name := range f.Daemon.Info.Interfaces {
		if l, ok := f.Host.link(name); ok {
			all = append(all, l)
		}
	}
	return all
}

// vips returns the virtual addresses, each once, in order.
func (f *Facts) vips() (all []netip.Addr) {
	for _, s := range f.Daemon.State.Services {
		if s.Addr.IsValid() && !slices.Contains(all, s.Addr) {
			all = append(all, s.Addr)
		}
	}
	for _, rule := range f.Daemon.Marks {
		if a, ok := rule.VirtualAddress(); ok && !slices.Contains(all, a) {
			all = append(all, a)
		}
	}
	return all
}

// target is the address and port at which a server of a service is asked. A
// service by mark has those of its first rule for TCP to a single address.
func (f *Facts) target(s *api.ServiceState, r *api.ServerState) (vip netip.Addr, port uint16) {
	if s.Mark == 0 {
		return s.Addr, r.Port
	}
	for _, rule := range f.Daemon.Marks {
		a, ok := rule.VirtualAddress()
		if ok && rule.Mark == s.Mark && a.Is6() == s.Key.Is6() && (rule.Protocol == service.TCP || rule.Protocol == service.AnyProtocol) {
			return a, cmp.Or(r.Port, rule.DestinationPorts.First)
		}
	}
	return netip.Addr{}, 0
}

// isVIP returns a set of vips.
func (f *Facts) isVIP() map[netip.Addr]bool {
	set := map[netip.Addr]bool{}
	for _, a := range f.vips() {
		set[a] = true
	}
	return set
}

// eachServer calls do for every real server of every service.
func (f *Facts) eachServer(do func(s *api.ServiceState, r *api.ServerState)) {
	for i := range f.Daemon.State.Services {
		s := &f.Daemon.State.Services[i]
		for j := range s.Servers {
			do(s, &s.Servers[j])
		}
	}
}
