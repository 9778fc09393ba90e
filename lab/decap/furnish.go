package decap

import (
	"fmt"
	"net/netip"
	"os"
	"strings"

	"ulvs/internal/netns"
)

// furnish gives the device its addresses and sets it up, hidden from ARP.
func (d *Decap) furnish(o Options) error {
	ns, err := netns.Current()
	if err != nil {
		return err
	}
	d.undo = append(d.undo, ns.Close)
	name := d.device.Name()
	if !o.KeepARP {
		if err := d.hide(ns); err != nil {
			return err
		}
	}
	// A client's way to us is the tunnel, ours to it is not: no strict check
	// of the way back. The larger of this and conf/all counts, and loose (2)
	// is more than strict (1).
	if err := ns.Sysctl("net/ipv4/conf/"+name+"/rp_filter", "2"); err != nil {
		return err
	}
	for _, vip := range o.VIPs {
		prefix := netip.PrefixFrom(vip.Unmap(), 32)
		if err := ns.Addr(name, prefix.String()); err != nil {
			return err
		}
	}
	return ns.Up(name)
}

// hide makes the host keep its virtual addresses to itself: it answers ARP
// only for addresses of the interface that was asked, and asks with none but
// those. These are the settings of every LVS guide; the old values come back
// at the end.
func (d *Decap) hide(ns *netns.NS) error {
	for _, s := range [][2]string{
		{"net/ipv4/conf/all/arp_ignore", "1"},
		{"net/ipv4/conf/all/arp_announce", "2"},
	} {
		if err := d.swap(ns, s[0], s[1]); err != nil {
			return err
		}
	}
	return nil
}

// swap sets a sysctl until d is closed.
func (d *Decap) swap(ns *netns.NS, path, value string) error {
	old, err := readSysctl(ns, path)
	if err != nil {
		return fmt.Errorf("read sysctl %s: %w", path, err)
	}
	if old == value {
		return nil
	}
	d.undo = append(d.undo, func() error { return ns.Sysctl(path, old) })
	return ns.Sysctl(path, value)
}

func readSysctl(ns *netns.NS, path string) (value string, err error) {
	entering := ns.Do(func() {
		var text []byte
		text, err = os.ReadFile("/proc/sys/" + path)
		value = strings.TrimSpace(string(text))
	})
	if entering != nil {
		return "", entering
	}
	return value, err
}
