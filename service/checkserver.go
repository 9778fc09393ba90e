package service

import (
	"net/netip"
	"strconv"
)

// Normalize returns r in the canonical form it has within v, or an error that
// names the first wrong value in the kernel's order (ip_vs_ctl.c,
// ip_vs_genl_set_cmd, ip_vs_add_dest): family, numbers, tunnel, address. Like ipvsadm it replaces the port of a directly
// routed or tunnelled server by the service's, unless v is a firewall mark.
func (r RealServer) Normalize(v *VirtualService) (RealServer, error) {
	r.Addr = r.Addr.Unmap()
	if err := r.checkFamily(v); err != nil {
		return r, err
	}
	if err := r.checkNumbers(); err != nil {
		return r, err
	}
	if (r.Method == DR || r.Method == Tunnel) && v.Mark == 0 {
		r.Port = v.Port
	}
	if r.Tunnel.Type == "ipip" {
		r.Tunnel.Type = ""
	}
	if err := r.Tunnel.check(r.Method); err != nil {
		return r, err
	}
	if !unicast(r.Addr) {
		return r, invalidAs(ErrNotUnicast, "real server address", r.Addr, "a unicast IP address without zone")
	}
	return r, nil
}

func (r *RealServer) checkFamily(v *VirtualService) error {
	if r.Addr.IsValid() && r.Addr.Is6() != v.Is6() && r.Method != Tunnel {
		return invalidAs(ErrFamily, "real server address", r.Addr,
			"the address family of the service, or any for a tunnelled server")
	}
	return nil
}

// unicast reports whether a can be the address of one host anywhere. The host's
// own addresses can (recorded: ip_vs takes the VIP itself, 127.0.0.1 and ::1),
// an IPv6 address that is of one link cannot.
func unicast(a netip.Addr) bool {
	return a.IsValid() && a.Zone() == "" && !a.IsUnspecified() && !a.IsMulticast() &&
		!(a.Is6() && a.IsLinkLocalUnicast()) &&
		a != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

func (r *RealServer) checkNumbers() error {
	switch {
	case r.Method > DR:
		return invalid("forwarding method", r.Method, "nat, local, tunnel, dr")
	case r.Weight < 0 || r.Weight > MaxWeight:
		return invalid("weight", r.Weight, "0 to "+strconv.Itoa(MaxWeight))
	case r.Lower > r.Upper:
		return invalidAs(ErrThreshold, "lower threshold", r.Lower,
			"0 to the upper threshold, "+strconv.FormatUint(uint64(r.Upper), 10))
	}
	return nil
}

func (t *TunnelOptions) check(m Method) error {
	fail := func(arg string, value any, accepted string) error {
		return invalidAs(ErrTunnel, arg, value, accepted)
	}
	switch {
	case m != Tunnel && *t != TunnelOptions{}:
		return fail("tunnel options", m, "only with forwarding method tunnel")
	case t.Type != "" && t.Type != "gue" && t.Type != "gre":
		return fail("tunnel type", t.Type, "ipip, gue, gre")
	case (t.Type == "gue") != (t.Port != 0):
		return fail("tunnel port", t.Port, "1 to 65535 for tunnel type gue, none for others")
	case !t.checksumFits():
		return fail("tunnel checksum", t.Checksum, "none for ipip; nocsum or csum for gre; nocsum, csum or remcsum for gue")
	}
	return nil
}

func (t *TunnelOptions) checksumFits() bool {
	switch t.Checksum {
	case "":
		return true
	case "nocsum", "csum":
		return t.Type != ""
	case "remcsum":
		return t.Type == "gue"
	}
	return false
}
