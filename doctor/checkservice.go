package doctor

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"ulvs/control/api"
	"ulvs/internal/netmon"
	"ulvs/service"
)

// serviceOption is how ipvsadm is told a service.
func serviceOption(k service.Key) string {
	option := map[service.Protocol]string{service.TCP: "-t", service.UDP: "-u", service.SCTP: "--sctp-service"}[k.Protocol]
	if k.Mark != 0 {
		option = fmt.Sprintf("-f %d", k.Mark)
		if k.IPv6 {
			option += " -6"
		}
		return option
	}
	return option + " " + netip.AddrPortFrom(k.Addr, k.Port).String()
}

// serverOptions is how ipvsadm is told a real server.
func serverOptions(r *service.RealServer) string {
	method := map[service.Method]string{service.NAT: "-m", service.DR: "-g", service.Tunnel: "-i"}[r.Method]
	s := fmt.Sprintf("-r %s %s", r.Endpoint(), method)
	if r.Tunnel.Type != "" && r.Tunnel.Type != "ipip" {
		s += " --tun-type " + r.Tunnel.Type
	}
	if r.Tunnel.Port != 0 {
		s += fmt.Sprintf(" --tun-port %d", r.Tunnel.Port)
	}
	if r.Tunnel.Checksum != "" {
		s += " --tun-" + r.Tunnel.Checksum
	}
	return s
}

// services looks at what is configured.
func (c *checks) services() {
	all := c.Daemon.State.Services
	if len(all) == 0 {
		c.add(ServicesNone, "", "there is no virtual service").seen("ipvsadm -Ln").
			fix("ipvsadm -A -t VIP:PORT -s wlc", "ipvsadm -a -t VIP:PORT -r SERVER -g")
	}
	for i := range all {
		s := &all[i]
		weight := 0
		for j := range s.Servers {
			weight += s.Servers[j].Weight
		}
		switch about := s.Key.String(); {
		case len(s.Servers) == 0:
			c.add(ServiceNoServers, about, "%s has no real server", about).seen("ipvsadm -Ln").
				fix("ipvsadm -a " + serviceOption(s.Key) + " -r SERVER -g  # or -m, -i")
		case weight == 0:
			r := &s.Servers[0]
			c.add(ServiceNoWeight, about, "all %d real servers of %s have weight 0: new connections are refused", len(s.Servers), about).
				seen("ipvsadm -Ln").fix("ipvsadm -e " + serviceOption(s.Key) + " " + serverOptions(&r.RealServer) + " -w 1")
		}
	}
}

// listeners looks for programs of the host where clients expect ulvs.
func (c *checks) listeners() {
	for i := range c.Daemon.State.Services {
		k := &c.Daemon.State.Services[i].Key
		if k.Port == 0 || k.Mark != 0 {
			continue
		}
		_, onHost := c.Host.holder(k.Addr)
		for _, l := range c.Host.Listeners {
			if !l.takes(k.Protocol, k.Addr, k.Port) || l.Addr.IsUnspecified() && !onHost {
				continue
			}
			flag := "t"
			if k.Protocol == service.UDP {
				flag = "u"
			}
			c.add(PortInUse, k.String(), "a program of the host listens at %s port %d too; clients of %s do not reach it", l.Addr, l.Port, k.Addr).
				seen("/proc/net: a socket at %s, inode %s", netip.AddrPortFrom(l.Addr, l.Port), l.Inode).
				fix(fmt.Sprintf("ss -ln%sp 'sport = :%d'  # which program; let it listen at another address", flag, l.Port))
			break
		}
	}
}

// vips looks at where virtual addresses are and who else has them.
func (c *checks) vips() {
	for _, vip := range c.Facts.vips() {
		c.place(vip)
	}
	for i := range c.Wire.VIPs {
		c.answered(&c.Wire.VIPs[i])
	}
}

// place looks at where one is.
func (c *checks) place(vip netip.Addr) {
	holder, onHost := c.Host.holder(vip)
	if onHost {
		if l, silent := c.silent(vip, holder); silent {
			c.add(VIPSilent, vip.String(), "%s is on %s, and arp_ignore keeps the host from answering for it on %s: nobody does", vip, holder.Name, l.Name).
				seen("net.ipv4.conf.all.arp_ignore = %s, net.ipv4.conf.%s.arp_ignore = %s; the larger counts",
					c.Host.sysctl("net/ipv4/conf/all/arp_ignore"), l.Name, c.Host.sysctl("net/ipv4/conf/"+l.Name+"/arp_ignore")).
				fix(fmt.Sprintf("sysctl -w net.ipv4.conf.all.arp_ignore=0 net.ipv4.conf.%s.arp_ignore=0", l.Name),
					fmt.Sprintf("# or: ip address del %s dev %s; ulvs then answers for it itself", vip, holder.Name))
			return
		}
		if holder.Ethernet && !slices.Contains(c.Daemon.Info.Interfaces, holder.Name) {
			c.add(VIPOutside, vip.String(), "%s is on the host's %s, on which the daemon does not work", vip, holder.Name).
				seen("ulvs status: interfaces %s", strings.Join(c.Daemon.Info.Interfaces, " ")).fix(c.withInterface(holder.Name))
			return
		}
		c.add(VIPOnHost, vip.String(), "%s is on the host's %s: its own stack answers for it", vip, holder.Name)
		return
	}
	for _, l := range c.links() {
		if c.Host.onLink(l, vip) {
			c.add(VIPByUlvs, vip.String(), "%s is not on the host: ulvs answers for it on %s", vip, l.Name)
			return
		}
	}
	c.add(VIPRouted, vip.String(), "%s is in no network of the interfaces: routers must send it here", vip).
		seen("ip address show").fix("# on the router before: ip route add " + vip.String() + " via DIRECTOR")
}

// silent reports whether the host does not answer for an address of its own on
// a link of its network, and which.
func (c *checks) silent(vip netip.Addr, holder netmon.Link) (netmon.Link, bool) {
	for _, l := range c.links() {
		ignore := max(c.Host.sysctl("net/ipv4/conf/all/arp_ignore"), c.Host.sysctl("net/ipv4/conf/"+l.Name+"/arp_ignore"))
		if vip.Is4() && l.Index != holder.Index && c.Host.onLink(l, vip) && ignore >= "1" {
			return l, true
		}
	}
	return netmon.Link{}, false
}

// answered looks at who else answers for one.
func (c *checks) answered(a *Asked) {
	about := fmt.Sprintf("%s on %s", a.Addr, a.Interface)
	kind := "ARP request"
	if a.Addr.Is6() {
		kind = "neighbour solicitation"
	}
	others := 0
	for _, mac := range a.MACs {
		if c.ownMAC(mac.String()) {
			continue
		}
		others++
		server, known := c.serverWith(mac.String())
		if !known {
			c.add(VIPByOther, about, "%s on %s: another machine, %s, answers for it", a.Addr, a.Interface, mac).
				seen("%s for %s: answered by %s, which is no real server's nor this host's", kind, a.Addr, mac).
				fix(fmt.Sprintf("ip neigh | grep %s  # which machine it is; take %s off it", mac, a.Addr),
					"# a backup director must not have the address while this one is active")
			continue
		}
		c.add(VIPByServer, about, "%s on %s: real server %s answers for it and takes clients from the director", a.Addr, a.Interface, server).
			seen("%s for %s: answered by %s, the MAC of %s", kind, a.Addr, mac, server).
			fix(hideFix(a.Addr, server)...)
	}
	if others == 0 {
		c.add(VIPARP, about, "%s on %s: nobody else answers for it", a.Addr, a.Interface)
	}
}

// hideFix has a real server keep a virtual address to itself. IPv6 does not
// answer on one interface for an address of another.
func hideFix(vip, server netip.Addr) []string {
	on, flush := fmt.Sprintf("# on %s:", server), fmt.Sprintf("# then, where clients or routers remember the wrong one: ip neigh flush to %s", vip)
	onLo := fmt.Sprintf("ip address replace %s/%d dev lo", vip, vip.BitLen())
	off := fmt.Sprintf("ip address del %s/%d dev eth0", vip, vip.BitLen())
	if vip.Is6() {
		return []string{on, onLo, off + "  # or on whichever device it is", flush}
	}
	return []string{on, "sysctl -w net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2",
		"# and if it is not on lo: " + onLo + "; " + off, flush}
}

// ownMAC reports whether an interface of the host has it.
func (c *checks) ownMAC(mac string) bool {
	for _, l := range c.Host.Links {
		if l.MAC.String() == mac {
			return true
		}
	}
	return false
}

// serverWith is the real server that answered with a hardware address.
func (c *checks) serverWith(mac string) (found netip.Addr, ok bool) {
	for _, h := range c.Wire.Hops {
		for _, m := range h.MACs {
			if m.String() == mac && c.isServer(h.Addr) {
				return h.Addr, true
			}
		}
	}
	return found, false
}

func (c *checks) isServer(a netip.Addr) (yes bool) {
	c.eachServer(func(_ *api.ServiceState, r *api.ServerState) { yes = yes || r.Addr == a })
	return yes
}

// drained reports whether a real server of that address has weight 0
// everywhere.
func (c *checks) drained(a netip.Addr) bool {
	weight := 0
	c.eachServer(func(_ *api.ServiceState, r *api.ServerState) {
		if r.Addr == a {
			weight += r.Weight
		}
	})
	return weight == 0 && c.isServer(a)
}

// hops looks at how servers are reached, each once.
func (c *checks) hops() {
	seen := map[netip.Addr]bool{}
	c.eachServer(func(_ *api.ServiceState, r *api.ServerState) {
		if !seen[r.Addr] {
			seen[r.Addr] = true
			c.route(&r.RealServer)
		}
	})
	for i := range c.Wire.Hops {
		before := len(c.found)
		if c.resolved(&c.Wire.Hops[i]); c.drained(c.Wire.Hops[i].Addr) {
			c.soften(before)
		}
	}
}

// route looks at the way to one.
func (c *checks) route(r *service.RealServer) {
	about := r.Addr.String()
	way, ok := c.Host.Ways[r.Addr]
	l, _ := c.Host.linkAt(way.Index)
	switch {
	case !ok:
		c.add(ServerNoRoute, about, "there is no route to real server %s", about).
			seen("ip route get %s: %v", about, c.Host.NoWay[r.Addr]).fix("ip route add " + about + " via ROUTER  # or give the host an address in its network")
	case way.Local:
		c.add(ServerLocal, about, "real server %s is the director itself; ulvs drops what it is given", about).
			seen("ip route get %s: local", about).fix("# run the server on another host, or in a network namespace of its own")
	case !slices.Contains(c.Daemon.Info.Interfaces, l.Name):
		c.add(RouteOutside, about, "real server %s is reached by %s, on which the daemon does not work", about, l.Name).
			seen("ip route get %s: dev %s; ulvs status: interfaces %s", about, l.Name, strings.Join(c.Daemon.Info.Interfaces, " ")).
			fix(c.withInterface(l.Name))
	}
}

// withInterface starts the daemon on one more.
func (c *checks) withInterface(name string) string {
	return "ulvs run --interface " + strings.Join(append(slices.Clone(c.Daemon.Info.Interfaces), name), ",")
}

// resolved looks at who answered for a server's address or a router's.
func (c *checks) resolved(a *Asked) {
	about := fmt.Sprintf("%s on %s", a.Addr, a.Interface)
	what := "real server"
	if !c.isServer(a.Addr) {
		what = "the router to servers,"
	}
	switch len(a.MACs) {
	case 0:
		c.add(ServerUnreachable, about, "%s %s does not answer on %s", what, a.Addr, a.Interface).
			seen("3 ARP requests or neighbour solicitations for %s on %s: no answer", a.Addr, a.Interface).
			fix(fmt.Sprintf("ping -c 1 -I %s %s  # is it up, and on this network?", a.Interface, a.Addr))
	case 1:
		c.add(ServerReached, about, "%s %s is %s on %s", what, a.Addr, a.MACs[0], a.Interface)
	default:
		d := c.add(ServerDuplicate, about, "%d machines answer for %s", len(a.MACs), a.Addr)
		for _, mac := range a.MACs {
			d.seen("%s for %s on %s", mac, a.Addr, a.Interface)
		}
		d.fix("# give one of them another address")
	}
}
