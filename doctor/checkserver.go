package doctor

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"ulvs/control/api"
	"ulvs/service"
	"ulvs/wire"
)

// servers judges what real servers have answered, and what was counted of them.
func (c *checks) servers() {
	c.eachServer(c.counted)
	for i := range c.Wire.Servers {
		t := &c.Wire.Servers[i]
		about, before := t.about(), len(c.found)
		switch {
		case t.Server.Method == service.DR && c.Host.Ways[t.Server.Addr].Gateway.IsValid():
			c.behind(t)
		case t.Told:
		case t.Why != "":
			c.add(ServerNotChecked, about, "%s was not asked: %s", about, t.Why)
		case t.Server.Method == service.NAT:
			c.nat(t)
		default:
			c.direct(t)
		}
		if t.Server.Weight == 0 {
			c.soften(before)
		}
	}
}

// soften makes warnings of the errors from an index on: they are about a server
// that gets no new connections.
func (c *checks) soften(from int) {
	for i := from; i < len(c.found); i++ {
		if f := &c.found[i]; f.Severity == Error {
			f.Severity = Warning
			f.Text += " (weight 0)"
		}
	}
}

// about names a server of a service.
func (t *Tried) about() string { return fmt.Sprintf("%s of %s", t.Server.Endpoint(), t.Service) }

// behind says that DR cannot reach the server.
func (c *checks) behind(t *Tried) {
	c.add(ServerBehind, t.about(), "%s is behind router %s: DR reaches servers on the director's own links only", t.about(), c.Host.Ways[t.Server.Addr].Gateway).
		seen("ip route get %s", t.Server.Addr).
		fix(fmt.Sprintf("ipvsadm -e %s -r %s -i  # a tunnel; the server needs its end of it", serviceOption(t.Service), t.Server.Endpoint()))
}

// leastPackets is how many packets without any reply are no accident.
const leastPackets = 3

// counted looks at servers that never reply.
func (c *checks) counted(s *api.ServiceState, r *api.ServerState) {
	if r.Method != service.NAT || r.Stats.InPackets < leastPackets || r.Stats.OutPackets > 0 {
		return
	}
	about := fmt.Sprintf("%s of %s", r.Endpoint(), s.Key)
	c.add(NATNoReplies, about, "%d packets went to %s and no reply came back through the director", r.Stats.InPackets, about).
		seen("ipvsadm -Ln --stats: %d connections, %d packets in, 0 out", r.Stats.Conns, r.Stats.InPackets).
		fix(c.gatewayFix(r.Addr)...)
}

// nat judges a server by NAT.
func (c *checks) nat(t *Tried) {
	if !c.answers(t, t.Direct, NATSilent) {
		return
	}
	switch r := t.Return; {
	case r == nil:
		c.add(NATReturnUnknown, t.about(), "whether replies of %s come back through the director could not be asked: %s", t.about(), t.NoReturn).
			seen("ipvsadm -Ln --stats shows it once there are clients: packets in and none out")
	case r.heard() && r.MAC == r.Hop && r.By == r.Interface:
		c.add(NATReturn, t.about(), "%s: a reply to %s, beyond the director, comes back through it", t.about(), r.From)
	default:
		d := c.add(NATReturnMissing, t.about(), "%s: replies to clients do not come back through the director", t.about()).
			seen("SYN from %s to %s:%d by %s: %s", t.Direct.From, t.Direct.To, t.Port, t.Direct.Interface, t.Direct.verdict()).
			seen("SYN from %s, an address of the director's beyond the server's network: %s", r.From, r.verdict())
		d.seen("limit: asked for one client address; routes to others may differ").fix(c.gatewayFix(t.Server.Addr)...)
	}
}

// gatewayFix makes the director the server's gateway.
func (c *checks) gatewayFix(server netip.Addr) []string {
	gateway := "DIRECTOR"
	if l, ok := c.Host.linkAt(c.Host.Ways[server].Index); ok {
		if own := c.Host.own(l, server, c.isVIP()); own.IsValid() {
			gateway = own.String()
		}
	}
	family := ""
	if server.Is6() {
		family = "-6 "
	}
	return []string{fmt.Sprintf("# on %s:", server), fmt.Sprintf("ip %sroute replace default via %s", family, gateway)}
}

// answers judges the SYN by the server's method, and reports whether the server
// has answered it at all.
func (c *checks) answers(t *Tried, r *Reply, silent ID) bool {
	about, port := t.about(), t.Port
	asked := fmt.Sprintf("SYN from %s to %s:%d by %s to %s", r.From, r.To, port, r.Interface, r.Hop)
	if t.Server.Method == service.Tunnel {
		asked = fmt.Sprintf("SYN from %s to %s:%d in a tunnel to %s", r.From, r.To, port, t.Server.Addr)
	}
	switch r.Kind {
	case Accepted:
		c.add(ServerAnswers, about, "%s answers by %s", about, t.Server.Method).seen("%s: %s", asked, r.verdict())
	case Refused:
		c.add(ServerRefuses, about, "%s has %s, but nothing listens at port %d", about, r.To, port).
			seen("%s: %s", asked, r.verdict()).
			fix(fmt.Sprintf("# on %s:", t.Server.Addr), fmt.Sprintf("ss -lntp 'sport = :%d'  # start the server, at this address or all", port))
	case TTLExceeded:
		c.add(ServerForwards, about, "%s does not have %s: it sends the packet on", about, r.To).
			seen("%s: %s", asked, r.verdict()).fix(vipFix(t)...)
	default:
		d := c.add(silent, about, "%s does not answer for %s by %s", about, r.To, t.Server.Method).seen("%s: %s", asked, r.verdict())
		if t.Server.Method != service.NAT && t.Direct != nil {
			d.seen("SYN to its own %s:%d: %s", t.Server.Addr, port, t.Direct.verdict())
		}
		d.fix(vipFix(t)...)
	}
	return r.heard()
}

// vipFix gives the server what its method needs.
func vipFix(t *Tried) []string {
	vip, on := t.VIP, fmt.Sprintf("# on %s:", t.Server.Addr)
	add := fmt.Sprintf("ip address replace %s/%d dev", vip, vip.BitLen())
	switch {
	case t.Server.Method == service.NAT:
		return []string{on, fmt.Sprintf("ss -lntp 'sport = :%d'; nft list ruleset  # does it listen, and may it?", t.Port)}
	case t.Server.Method == service.DR && vip.Is6():
		return []string{on, add + " lo"}
	case t.Server.Method == service.DR:
		return []string{on, "sysctl -w net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2", add + " lo"}
	case t.Server.Tunnel.Type != "" && t.Server.Tunnel.Type != "ipip" || vip.Is6():
		return []string{on, fmt.Sprintf("ulvs decap --director DIP --vip %s%s", vip, tunnelOptions(&t.Server))}
	}
	return []string{on, "modprobe ipip; ip link set tunl0 up", add + " tunl0",
		"sysctl -w net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.tunl0.rp_filter=0 net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2",
		fmt.Sprintf("# or, where the kernel has no ipip: ulvs decap --director DIP --vip %s", vip)}
}

// tunnelOptions are those that decap shares with ipvsadm.
func tunnelOptions(r *service.RealServer) (s string) {
	if r.Tunnel.Type != "" {
		s = " --tun-type " + r.Tunnel.Type
	}
	if r.Tunnel.Port != 0 {
		s += fmt.Sprintf(" --tun-port %d", r.Tunnel.Port)
	}
	return s
}

// direct judges a server by DR or through a tunnel.
func (c *checks) direct(t *Tried) {
	silent := DRSilent
	if t.Server.Method == service.Tunnel {
		silent = TunSilent
	}
	if c.answers(t, t.Method, silent) && t.Large != nil {
		c.mtu(t)
	}
}

// mtu judges what came of the largest packet through a tunnel.
func (c *checks) mtu(t *Tried) {
	about, inner := t.about(), t.MTU-tunnelTo(&t.Server).Overhead()
	mss := inner - wire.IPv4Len - wire.TCPLen
	if t.VIP.Is6() {
		mss = inner - wire.IPv6Len - wire.TCPLen
	}
	for _, l := range c.links() {
		if l.MTU > inner {
			c.add(TunMTUReduced, about, "packets of more than %d bytes do not fit into the tunnel to %s; %s takes %d", inner, about, l.Name, l.MTU).
				seen("%s has MTU %d, the tunnel's headers take %d bytes", c.wayName(t), t.MTU, tunnelTo(&t.Server).Overhead()).
				fix(fmt.Sprintf("# on %s, so that clients send less at once:", t.Server.Addr),
					fmt.Sprintf("ip route change default via ROUTER advmss %d", mss), "# or a larger MTU on the whole way to the server")
			break
		}
	}
	asked := fmt.Sprintf("SYN with data, %d bytes with the tunnel's header, to %s", t.MTU, t.Server.Addr)
	switch r := t.Large; {
	case r.heard():
		c.add(TunMTU, about, "%d bytes come through the tunnel to %s", t.MTU, about)
	case r.Kind == TooBig:
		c.add(TunMTUSmall, about, "the way to %s takes %d bytes only, says %s", about, r.MTU, r.Speaker).
			seen("%s: ICMP fragmentation needed, MTU %d, from %s", asked, r.MTU, r.Speaker).
			fix(fmt.Sprintf("# on %s: ip route change default via ROUTER advmss %d", t.Server.Addr, mss-t.MTU+r.MTU), "# or raise the MTU of that router's link")
	default:
		c.blackHole(t, asked, mss)
	}
}

// wayName is the interface to the server.
func (c *checks) wayName(t *Tried) string {
	l, _ := c.Host.linkAt(c.Host.Ways[t.Server.Addr].Index)
	return l.Name
}

// blackHole judges a large packet to which nobody has said anything.
func (c *checks) blackHole(t *Tried, asked string, mss int) {
	passed, lost := 0, t.MTU
	for _, n := range slices.Sorted(maps.Keys(t.Sizes)) {
		if t.Sizes[n].heard() {
			passed = n
		}
	}
	for n, r := range t.Sizes {
		if n > passed && !r.heard() {
			lost = min(lost, n)
		}
	}
	about := t.about()
	if passed == 0 {
		c.add(ServerNotChecked, about, "the tunnel's MTU to %s was not judged: SYNs with data are not answered at any size", about)
		return
	}
	c.add(TunMTUBlackHole, about, "large packets to %s vanish: %d bytes come through, %d do not, and nobody says so", about, passed, lost).
		seen("%s: no answer and no ICMP", asked).
		seen("the same with %d bytes: %s", passed, t.Sizes[passed].verdict()).
		fix("# let ICMP type 3 code 4 (IPv6: type 2) pass on every router between: nft list ruleset",
			fmt.Sprintf("# or on %s: ip route change default via ROUTER advmss %d", t.Server.Addr, mss-t.MTU+passed))
}

// verdict says in words what came back.
func (r *Reply) verdict() string {
	after := fmt.Sprintf(" after %.2f ms", float64(r.After.Microseconds())/1000)
	from := fmt.Sprintf(" from %s by %s%s", r.MAC, r.By, after)
	switch r.Kind {
	case Accepted:
		return "SYN-ACK" + from
	case Refused:
		return "RST" + from
	case TTLExceeded:
		return fmt.Sprintf("ICMP time exceeded of %s%s", r.Speaker, from)
	case TooBig:
		return fmt.Sprintf("ICMP fragmentation needed (MTU %d) of %s%s", r.MTU, r.Speaker, from)
	case Unreachable:
		return fmt.Sprintf("ICMP unreachable, code %d, of %s%s", r.Code, r.Speaker, from)
	}
	return "no answer"
}
