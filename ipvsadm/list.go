package ipvsadm

import (
	"strings"

	"ulvs/control/api"
	"ulvs/service"
)

// version is the line that tells ipvsadm's version, for scripts that ask.
const version = "ipvsadm v1.31 2019/12/24 (compiled with popt and IPVS v1.2.1)\n"

// layout is one of the forms of a listing: which columns it has.
type layout struct {
	title  string
	header string
	// service and server write what follows the name.
	service func(*printer, *api.ServiceState)
	server  func(*printer, *api.ServerState)
}

var layouts = struct{ plain, stats, rate, thresholds, persistent, tunnel layout }{
	plain: layout{
		title:   "Prot LocalAddress:Port Scheduler Flags",
		header:  "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn",
		service: (*printer).serviceFlags,
		server: func(p *printer, r *api.ServerState) {
			p.printf(" %-7s %-6d %-10d %-10d", forward(r.Method), r.Weight, r.Active, r.Inactive)
		},
	},
	stats: layout{
		title:   "Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes",
		header:  "  -> RemoteAddress:Port",
		service: func(p *printer, v *api.ServiceState) { p.counters(v.Stats) },
		server:  func(p *printer, r *api.ServerState) { p.counters(r.Stats) },
	},
	rate: layout{
		title:   "Prot LocalAddress:Port                 CPS    InPPS   OutPPS    InBPS   OutBPS",
		header:  "  -> RemoteAddress:Port",
		service: func(p *printer, v *api.ServiceState) { p.counters(api.Stats(v.Rates)) },
		server:  func(p *printer, r *api.ServerState) { p.counters(api.Stats(r.Rates)) },
	},
	thresholds: layout{
		title:   "Prot LocalAddress:Port            Uthreshold Lthreshold ActiveConn InActConn ",
		header:  "  -> RemoteAddress:Port",
		service: (*printer).serviceFlags,
		server: func(p *printer, r *api.ServerState) {
			p.printf(" %-10d %-10d %-10d %-10d", r.Upper, r.Lower, r.Active, r.Inactive)
		},
	},
	persistent: layout{
		title:   "Prot LocalAddress:Port            Weight    PersistConn ActiveConn InActConn ",
		header:  "  -> RemoteAddress:Port",
		service: (*printer).serviceFlags,
		server: func(p *printer, r *api.ServerState) {
			p.printf(" %-9d %-11d %-10d %-10d", r.Weight, r.Persistent, r.Active, r.Inactive)
		},
	},
	tunnel: layout{
		title:   "Prot LocalAddress:Port Scheduler Flags",
		header:  "  -> RemoteAddress:Port           Forward TunnelInfo    Weight ActiveConn InActConn",
		service: (*printer).serviceFlags,
		server: func(p *printer, r *api.ServerState) {
			p.printf(" %-7s %-13s %-6d %-10d %-10d", forward(r.Method), tunnelInfo(&r.RealServer), r.Weight, r.Active, r.Inactive)
		},
	},
}

// layout chooses the columns: of several that were asked for, the first of
// this order.
func (p *printer) layout() *layout {
	switch f := &p.format; {
	case f.Stats:
		return &layouts.stats
	case f.Rate:
		return &layouts.rate
	case f.Thresholds:
		return &layouts.thresholds
	case f.PersistentConn:
		return &layouts.persistent
	case f.TunnelInfo:
		return &layouts.tunnel
	}
	return &layouts.plain
}

// table writes the listing of all services.
func (p *printer) table(s *api.State) {
	p.printf("IP Virtual Server version 1.2.1 (size=%d)\n", s.Size)
	services := s.Services
	if !p.format.NoSort {
		services = sorted(services)
	}
	p.services(services)
}

// one writes the listing of one service; it reports whether there is that one.
func (p *printer) one(s *api.State, key service.Key) bool {
	for i := range s.Services {
		if s.Services[i].Key != key {
			continue
		}
		services := s.Services[i : i+1]
		if !p.format.NoSort {
			services = sorted(services)
		}
		p.services(services)
		return true
	}
	return false
}

func (p *printer) services(services []api.ServiceState) {
	l := p.layout()
	p.printf("%s\n%s\n", l.title, l.header)
	for i := range services {
		v := &services[i]
		if l.counts() {
			p.printf("%-33s", p.serviceName(&v.VirtualService))
		} else {
			p.printf("%s", p.serviceName(&v.VirtualService))
		}
		l.service(p, v)
		p.printf("\n")
		for j := range v.Servers {
			r := &v.Servers[j]
			p.printf("  -> %-28s", p.endpoint(r.Addr, r.Port, v.Protocol))
			l.server(p, r)
			p.printf("\n")
		}
	}
}

// counts reports whether services have numbers in columns.
func (l *layout) counts() bool { return l == &layouts.stats || l == &layouts.rate }

// serviceName words protocol, address and port, or the firewall mark.
func (p *printer) serviceName(v *service.VirtualService) string {
	if v.Mark == 0 {
		name := v.Protocol.String()
		return name + strings.Repeat(" ", max(0, 4-len(name))) + " " + p.endpoint(v.Addr, v.Port, v.Protocol)
	}
	name := "FWM  " + markText(v.Mark)
	if v.IPv6 {
		name += " IPv6"
	}
	return name
}

// serviceFlags writes scheduler, flags and persistence.
func (p *printer) serviceFlags(v *api.ServiceState) {
	p.printf(" %s", v.Scheduler)
	if len(v.SchedFlag) > 0 {
		p.printf(" (%s)", strings.Join(v.SchedFlag, ","))
	}
	if v.Persistent > 0 {
		p.printf(" persistent %d", seconds(v.Persistent))
		if mask := maskText(&v.VirtualService); mask != "" {
			p.printf(" mask %s", mask)
		}
		if v.PE != "" {
			p.printf(" pe %s", v.PE)
		}
	}
	if v.OnePacket {
		p.printf(" ops")
	}
}

// counters writes five numbers in columns.
func (p *printer) counters(s api.Stats) {
	for _, n := range [...]uint64{s.Conns, s.InPackets, s.OutPackets, s.InBytes, s.OutBytes} {
		p.large(n)
	}
}

// forward words a forwarding method as listings do.
func forward(m service.Method) string {
	switch m {
	case service.NAT:
		return "Masq"
	case service.Local:
		return "Local"
	case service.Tunnel:
		return "Tunnel"
	case service.DR:
		return "Route"
	case service.FullNAT:
		return "FullNat"
	}
	return "Unknown"
}

// tunnelInfo words the encapsulation: type, port, and checksum as -c, +c, r+c.
func tunnelInfo(r *service.RealServer) string {
	if r.Method != service.Tunnel {
		return "n/a"
	}
	checksum := map[string]string{"": "-c", "nocsum": "-c", "csum": "+c", "remcsum": "r+c"}[r.Tunnel.Checksum]
	switch r.Tunnel.Type {
	case "gue":
		return "gue:" + decimal(int64(r.Tunnel.Port)) + ":" + checksum
	case "gre":
		return "gre:" + checksum
	}
	return "ipip"
}
