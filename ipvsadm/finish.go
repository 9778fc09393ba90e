package ipvsadm

import (
	"ulvs/service"
)

// finish makes the checks that need the whole line, in ipvsadm's order, and
// completes the request.
func (p *parser) finish() (err error) {
	if p.Service.SchedFlag, err = schedFlags(p.schedFlag, p.Service.Scheduler); err != nil {
		return err
	}
	rule := commandRules[p.Command]
	if err := rule.check(p.given); err != nil {
		return err
	}
	switch p.Command {
	case AddService, EditService:
		return p.finishService()
	case AddServer, EditServer:
		return p.finishServer()
	case List:
		return p.finishList()
	}
	return nil
}

// finishService checks and completes a service to add or edit.
func (p *parser) finishService() error {
	v := &p.Service
	if v.Mark == 0 && v.Port == 0 && v.Persistent == 0 {
		return usage("Zero port specified for non-persistent service")
	}
	if v.OnePacket && v.Mark == 0 && v.Protocol != service.UDP {
		return usage("One-Packet Scheduling is only for UDP virtual services")
	}
	if v.Scheduler == "" {
		v.Scheduler = service.DefaultScheduler
	}
	if p.inet6 {
		v.Netmask = p.prefix6
	} else {
		v.Mask = p.mask4
	}
	return nil
}

// finishServer checks and completes a real server to add or edit.
func (p *parser) finishServer() error {
	v, r := &p.Service, &p.Server
	if v.Mark == 0 && r.Method != service.NAT {
		r.Port = v.Port
	}
	tunnelled := r.Method == service.Tunnel
	if r.Addr.Is6() != p.inet6 && !tunnelled {
		return usage("Different address family is allowed only for tunneling servers")
	}
	if !tunnelled {
		if p.given.hasAny(tunnelOptions) {
			return usage("Tunnel options conflict with forward method")
		}
		return nil
	}
	if r.Tunnel.Type == "" {
		r.Tunnel.Type = "ipip"
	}
	rule := tunnelRules[r.Tunnel.Type]
	return rule.check(p.given & tunnelOptions &^ setOf(optTunType))
}

// finishList refuses columns for what has none.
func (p *parser) finishList() error {
	f := &p.Format
	if (f.Connections || f.Timeouts || f.Daemon) && (f.Stats || f.Rate || f.Thresholds) ||
		(f.Timeouts || f.Daemon) && f.PersistentConn {
		return usage("options conflicts in the list command")
	}
	return nil
}

// serverOption takes an option of a real server in.
func (p *parser) serverOption(f *found) error {
	r := &p.Server
	switch f.option {
	case optServer:
		return p.server(f.text)
	case optForward:
		r.Method = map[byte]service.Method{'g': service.DR, 'i': service.Tunnel, 'm': service.NAT}[f.short]
	case optWeight:
		n, err := numberOr(f.text, 0, service.MaxWeight, "illegal weight specified")
		r.Weight = int(n)
		return err
	case optUpper:
		n, err := numberOr(f.text, 0, service.MaxWeight, "illegal u_threshold specified")
		r.Upper = uint32(n)
		return err
	case optLower:
		n, err := numberOr(f.text, 0, service.MaxWeight, "illegal l_threshold specified")
		r.Lower = uint32(n)
		return err
	}
	return p.tunnelOption(f)
}

// tunnelOption takes an option of a tunnel in.
func (p *parser) tunnelOption(f *found) error {
	t := &p.Server.Tunnel
	switch f.option {
	case optTunType:
		if _, ok := tunnelRules[f.text]; !ok {
			return usage("illegal tunnel type specified")
		}
		t.Type = f.text
	case optTunPort:
		n, err := numberOr(f.text, 1, 65535, "illegal tunnel port specified")
		t.Port = uint16(n)
		return err
	case optTunNoCsum:
		t.Checksum = "nocsum"
	case optTunCsum:
		t.Checksum = "csum"
	case optTunRemCsum:
		t.Checksum = "remcsum"
	}
	return nil
}

// server reads -r. A port left out is the service's, if that is known yet.
func (p *parser) server(text string) error {
	proto := p.Service.Protocol
	if p.Service.Mark != 0 {
		proto = service.TCP
	}
	t, ok := parseTarget(text, proto, p.names)
	if !ok {
		return usage("illegal real server address[:port] specified")
	}
	p.Server.Addr, p.Server.Port = t.addr, t.port
	if !t.hasPort {
		p.Server.Port = p.Service.Port
	}
	return nil
}
