package lab

import (
	"errors"
	"fmt"
	"net"
	"os"

	"ulvs/internal/netns"
)

// build makes the hosts of p and joins them.
func (l *Lab) build(p plan) (err error) {
	l.VIP = p.vip
	if l.Switch, err = l.addHost("switch"); err != nil {
		return err
	}
	// The bridges come first, so that no interface has the index of its other
	// end: such a pair the kernel takes for an ordinary device, whose coming up
	// may be noticed a second late (kernel net/core/link_watch.c,
	// linkwatch_urgent_event).
	for _, network := range p.networks {
		if err := l.Switch.ns.Bridge(network); err != nil {
			return err
		}
	}
	for _, h := range p.hosts {
		if err := l.furnish(h); err != nil {
			return fmt.Errorf("host %s: %w", h.name, err)
		}
	}
	return l.routes(p)
}

// furnish makes a host with its interfaces and addresses.
func (l *Lab) furnish(p hostPlan) error {
	h, err := l.addHost(p.name)
	if err != nil {
		return err
	}
	h.Interfaces = p.links
	l.assign(h)
	if err := h.sysctls(p); err != nil {
		return err
	}
	for _, link := range p.links {
		if err := h.plug(link); err != nil {
			return err
		}
	}
	return nil
}

// assign stores the host under its role.
func (l *Lab) assign(h *Host) {
	switch h.Name {
	case "client":
		l.Client = h
	case "director":
		l.Director = h
	case "router":
		l.Router = h
	default:
		l.Servers = append(l.Servers, h)
	}
}

// sysctls sets what the LVS guides set, before there are interfaces to take
// over the defaults, and what would else come from the machine outside.
func (h *Host) sysctls(p hostPlan) error {
	set := [][2]string{
		{"net/ipv4/ip_forward", bit(p.forward)},
		{"net/ipv4/conf/all/rp_filter", "0"},
		{"net/ipv4/conf/default/rp_filter", "0"},
		{"net/ipv4/conf/all/arp_ignore", bit(p.hides)},
	}
	if p.hides {
		set = append(set, [2]string{"net/ipv4/conf/all/arp_announce", "2"})
	}
	for _, s := range set {
		if err := h.ns.Sysctl(s[0], s[1]); err != nil {
			return err
		}
	}
	return h.quiet()
}

// quiet turns IPv6 off, if the kernel has it, so that no router solicitation
// mixes with what a capture shall show.
func (h *Host) quiet() error {
	for _, name := range []string{"all", "default"} {
		err := h.ns.Sysctl("net/ipv6/conf/"+name+"/disable_ipv6", "1")
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

func bit(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

// plug makes an interface of a network, or adds addresses to one that is
// there. A tunnel device is left to the program that makes it.
func (h *Host) plug(link Interface) error {
	if link.Network != "" {
		if err := h.cable(link); err != nil {
			return err
		}
	} else if _, err := h.ns.Index(link.Name); err != nil {
		return nil
	}
	for _, addr := range link.Addrs {
		if err := h.ns.Addr(link.Name, addr.String()); err != nil {
			return err
		}
	}
	return nil
}

// Replug makes an interface of a network again that was deleted from the host:
// as it was built, with a new index.
func (h *Host) Replug(ifname string) error {
	for _, link := range h.Interfaces {
		if link.Name == ifname && link.Network != "" {
			return h.plug(link)
		}
	}
	return fmt.Errorf("plug %s into %s: it is joined to no network", ifname, h.Name)
}

// cable joins an interface to the switch.
func (h *Host) cable(link Interface) error {
	port := portName(h.Name, link.Name)
	if err := netns.Veth(h.ns, link.Name, h.lab.Switch.ns, port); err != nil {
		return err
	}
	if err := h.lab.join(port, link.Network); err != nil {
		return err
	}
	mac, err := net.ParseMAC(link.MAC)
	if err != nil {
		return err
	}
	if err := h.ns.SetMAC(link.Name, mac); err != nil {
		return err
	}
	return h.ns.Up(link.Name)
}

// join makes an interface of the switch a port of a bridge.
func (l *Lab) join(port, bridge string) error {
	handle, err := l.Switch.ns.Handle()
	if err != nil {
		return err
	}
	index, err := l.Switch.ns.Index(bridge)
	if err != nil {
		return err
	}
	link, err := handle.LinkByName(port)
	if err == nil {
		err = handle.LinkSetMasterByIndex(link, index)
	}
	if err != nil {
		return fmt.Errorf("join %s to %s: %w", port, bridge, err)
	}
	return l.Switch.ns.Up(port)
}

// portName is the switch's end of a host's interface.
func portName(host, link string) string { return host + "-" + link }

// routes sets the gateways, once every interface is up.
func (l *Lab) routes(p plan) error {
	for i, h := range p.hosts {
		if !h.gateway.IsValid() {
			continue
		}
		host := l.hosts[i+1] // 0 is the switch
		host.Gateway = h.gateway.String()
		if err := host.ns.Route("default", host.Gateway); err != nil {
			return fmt.Errorf("host %s: %w", h.name, err)
		}
	}
	return nil
}
