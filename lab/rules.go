package lab

import (
	"fmt"
	"net/netip"

	"ulvs/service"
)

// httpPort is the port of a lab's virtual service and of its servers.
const httpPort = 80

// methods are the forwarding methods of the modes.
var methods = map[string]service.Method{DR: service.DR, NAT: service.NAT, TUN: service.Tunnel}

// guePort is the UDP port of a lab's GUE tunnels, which IANA has given to GUE.
const guePort = 6080

// flags are ipvsadm's options for the forwarding methods.
var flags = map[service.Method]string{service.DR: "-g", service.NAT: "-m", service.Tunnel: "-i"}

// MethodFlags are ipvsadm's options for the lab's forwarding method.
func (l *Lab) MethodFlags() string { return flags[methods[l.Mode]] + l.tunnelFlags() }

// tunnelFlags are the options of ipvsadm, and of decap, for the lab's tunnels.
func (l *Lab) tunnelFlags() string {
	switch l.Tunnel {
	case "", "ipip":
		return ""
	case "gue":
		return fmt.Sprintf(" --tun-type gue --tun-port %d", guePort)
	}
	return " --tun-type " + l.Tunnel
}

// Service is the lab's virtual service, a TCP one.
func (l *Lab) Service() netip.AddrPort { return netip.AddrPortFrom(l.VIP, httpPort) }

// URL is the virtual service as a client asks for it.
func (l *Lab) URL() string { return fmt.Sprintf("http://%s/", l.VIP) }

// Rules are the commands of the LVS guides that set up the virtual service
// with all servers, without the word ipvsadm. There is a weight for each
// server.
func (l *Lab) Rules(scheduler string, weights []int) []string {
	lines := []string{"-C", fmt.Sprintf("-A -t %s -s %s", l.Service(), scheduler)}
	method := methods[l.Mode]
	for i, h := range l.Servers {
		real := h.Addr().String()
		if method == service.NAT { // the others cannot change the port
			real = netip.AddrPortFrom(h.Addr(), httpPort).String()
		}
		lines = append(lines, fmt.Sprintf("-a -t %s -r %s %s -w %d", l.Service(), real, l.MethodFlags(), weights[i]))
	}
	return lines
}
