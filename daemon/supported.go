package daemon

import (
	"slices"

	"ulvs/control/api"
	"ulvs/service"
)

// unsupported refuses what ipvsadm can ask for and this daemon cannot do yet.
// Taken as it stands it would be worse than nothing: the guard would keep the
// host's stack from traffic that nobody serves.
func unsupported(c service.Change) error {
	switch c.Op {
	case service.AddService, service.EditService:
		return unsupportedService(&c.Service)
	case service.AddServer, service.EditServer:
		return unsupportedServer(&c.Server)
	case service.SetMarks:
		return unsupportedMarks(c.Marks)
	}
	return nil
}

func unsupportedService(v *service.VirtualService) error {
	if v.PE != "" {
		return notYet("persistence engines")
	}
	return nil
}

func unsupportedMarks(rules []service.MarkRule) error {
	for _, r := range rules {
		if r.Protocol != service.AnyProtocol && !slices.Contains(balanced, r.Protocol) {
			return notYet("mark rules for " + r.Protocol.String())
		}
	}
	return nil
}

func unsupportedServer(r *service.RealServer) error {
	if r.Method != service.NAT && r.Method != service.DR && r.Method != service.Tunnel {
		return notYet("real servers by " + r.Method.String())
	}
	return nil
}

func notYet(what string) error {
	return api.Errorf(api.Unsupported, "ulvs does not support %s yet", what)
}
