package netns

import (
	"fmt"
	"net"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Handle returns the netlink handle of the namespace, valid until Close. It is
// opened by the first call.
func (n *NS) Handle() (*netlink.Handle, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.handle == nil {
		h, err := netlink.NewHandleAt(n.fd)
		if err != nil {
			return nil, fmt.Errorf("open netlink in namespace: %w", err)
		}
		n.handle = h
	}
	return n.handle, nil
}

// Veth makes a pair of Ethernet interfaces, aName in a and bName in b, both
// down. a and b may be the same namespace.
func Veth(a *NS, aName string, b *NS, bName string) error {
	h, err := a.Handle()
	if err != nil {
		return err
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name = aName
	pair := &netlink.Veth{LinkAttrs: attrs, PeerName: bName, PeerNamespace: netlink.NsFd(b.FD())}
	if err := h.LinkAdd(pair); err != nil {
		return fmt.Errorf("create veth pair %s-%s: %w", aName, bName, err)
	}
	return nil
}

// Bridge makes a bridge with the given ports, all in this namespace, and sets
// all of them up.
func (n *NS) Bridge(name string, ports ...string) error {
	h, err := n.Handle()
	if err != nil {
		return err
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name = name
	bridge := &netlink.Bridge{LinkAttrs: attrs}
	if err := h.LinkAdd(bridge); err != nil {
		return fmt.Errorf("create bridge %s: %w", name, err)
	}
	for _, port := range ports {
		err := n.with(port, "bridge", func(h *netlink.Handle, l netlink.Link) error { return h.LinkSetMaster(l, bridge) })
		if err != nil {
			return err
		}
	}
	return n.Up(append(ports, name)...)
}

// Up sets interfaces up.
func (n *NS) Up(ifnames ...string) error {
	for _, name := range ifnames {
		if err := n.with(name, "set up", (*netlink.Handle).LinkSetUp); err != nil {
			return err
		}
	}
	return nil
}

// Down sets an interface down.
func (n *NS) Down(ifname string) error {
	return n.with(ifname, "set down", (*netlink.Handle).LinkSetDown)
}

// Delete removes an interface, and the other end if it is a veth.
func (n *NS) Delete(ifname string) error {
	return n.with(ifname, "delete", (*netlink.Handle).LinkDel)
}

// MTU sets an interface's MTU in bytes.
func (n *NS) MTU(ifname string, mtu int) error {
	return n.with(ifname, "set MTU of", func(h *netlink.Handle, l netlink.Link) error { return h.LinkSetMTU(l, mtu) })
}

// SetMAC changes an interface's hardware address.
func (n *NS) SetMAC(ifname string, mac net.HardwareAddr) error {
	return n.with(ifname, "set address of", func(h *netlink.Handle, l netlink.Link) error { return h.LinkSetHardwareAddr(l, mac) })
}

// MAC returns an interface's hardware address.
func (n *NS) MAC(ifname string) (mac net.HardwareAddr, err error) {
	err = n.with(ifname, "read", func(_ *netlink.Handle, l netlink.Link) error {
		mac = l.Attrs().HardwareAddr
		return nil
	})
	return mac, err
}

// Index returns an interface's index.
func (n *NS) Index(ifname string) (index int, err error) {
	err = n.with(ifname, "read", func(_ *netlink.Handle, l netlink.Link) error {
		index = l.Attrs().Index
		return nil
	})
	return index, err
}

// Addr adds an address with its prefix length, "192.0.2.1/24".
func (n *NS) Addr(ifname, cidr string) error {
	addr, err := netlink.ParseAddr(cidr)
	if err != nil {
		return fmt.Errorf("parse address %q: %w", cidr, err)
	}
	if addr.IP.To4() == nil {
		addr.Flags = unix.IFA_F_NODAD // usable at once: nobody else is there to have it
	}
	return n.with(ifname, "add address to", func(h *netlink.Handle, l netlink.Link) error { return h.AddrAdd(l, addr) })
}

// Route adds a route to dst, a prefix or "default", by way of the gateway via.
func (n *NS) Route(dst, via string) error {
	route := netlink.Route{Gw: net.ParseIP(via)}
	if route.Gw == nil {
		return fmt.Errorf("parse gateway %q: not an address", via)
	}
	if dst != "default" {
		var err error
		if route.Dst, err = netlink.ParseIPNet(dst); err != nil {
			return fmt.Errorf("parse destination %q: %w", dst, err)
		}
	}
	h, err := n.Handle()
	if err != nil {
		return err
	}
	if err := h.RouteAdd(&route); err != nil {
		return fmt.Errorf("add route to %s via %s: %w", dst, via, err)
	}
	return nil
}

// with finds an interface and applies f to it; verb is for the error.
func (n *NS) with(ifname, verb string, f func(*netlink.Handle, netlink.Link) error) error {
	h, err := n.Handle()
	if err != nil {
		return err
	}
	l, err := h.LinkByName(ifname)
	if err == nil {
		err = f(h, l)
	}
	if err != nil {
		return fmt.Errorf("%s interface %s: %w", verb, ifname, err)
	}
	return nil
}
