package ipvsadm

import (
	"strings"

	"ulvs/control/api"
	"ulvs/service"
)

// save writes the table as the commands that make it. As ipvsadm does, it
// leaves the thresholds out: scripts compare this text. SaveAll leaves out nothing.
func (p *printer) save(s *api.State) {
	for _, v := range sorted(s.Services) {
		name := p.serviceOption(&v.VirtualService)
		p.printf("-A %s%s\n", name, serviceOptions(&v.VirtualService))
		for j := range v.Servers {
			r := &v.Servers[j].RealServer
			p.printf("-a %s -r %s%s\n", name, p.endpoint(r.Addr, r.Port, v.Protocol), serverOptionsText(r))
		}
	}
}

// serviceOption words the option that names a service.
func (p *printer) serviceOption(v *service.VirtualService) string {
	if v.Mark != 0 {
		if v.IPv6 {
			return "-f " + markText(v.Mark) + " -6"
		}
		return "-f " + markText(v.Mark)
	}
	option := map[service.Protocol]string{service.TCP: "-t ", service.UDP: "-u ", service.SCTP: "--sctp-service "}[v.Protocol]
	return option + p.endpoint(v.Addr, v.Port, v.Protocol)
}

// serviceOptions words the other options of a service, each after a space.
func serviceOptions(v *service.VirtualService) string {
	var b strings.Builder
	add := func(parts ...string) {
		for _, part := range parts {
			b.WriteString(" " + part)
		}
	}
	add("-s", v.Scheduler)
	if v.Persistent > 0 {
		add("-p", decimal(seconds(v.Persistent)))
		if mask := maskText(v); mask != "" {
			add("-M", mask)
		}
	}
	if v.PE != "" {
		add("--pe", v.PE)
	}
	if v.OnePacket {
		add("-o")
	}
	if len(v.SchedFlag) > 0 {
		add("-b", strings.Join(v.SchedFlag, ","))
	}
	return b.String()
}

// serverOptionsText words the options of a real server, each after a space.
func serverOptionsText(r *service.RealServer) string {
	weight := " -w " + decimal(int64(r.Weight))
	switch r.Method {
	case service.NAT:
		return " -m" + weight
	case service.Tunnel:
		return " -i" + weight + tunnelOptionsText(&r.Tunnel)
	}
	return " -g" + weight
}

// tunnelOptionsText words the options of a tunnel, each after a space.
func tunnelOptionsText(t *service.TunnelOptions) string {
	checksum := " --tun-" + t.Checksum
	if t.Checksum == "" {
		checksum = " --tun-nocsum"
	}
	switch t.Type {
	case "gue":
		return " --tun-type gue --tun-port " + decimal(int64(t.Port)) + checksum
	case "gre":
		return " --tun-type gre" + checksum
	}
	return " --tun-type ipip"
}
