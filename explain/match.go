package explain

import (
	"fmt"
	"strings"

	"ulvs/dataplane"
	"ulvs/service"
	"ulvs/wire"
)

// nearest is how many services are named where none matches.
const nearest = 5

// matched says which service a first packet is for, and why; nil if that was not
// asked.
func matched(t *dataplane.Trace, services *service.Table) *Service {
	m := &t.Match
	s := &Service{}
	if m.By > dataplane.ByNothing {
		s.Name, s.Scheduler = m.Service.Key.String(), m.Service.Scheduler
	}
	switch m.By {
	case dataplane.NotMatched:
		switch {
		case t.Reason == dataplane.PassedNoService:
			return &Service{Why: nobody(&t.Packet, services)}
		case !t.Server.Valid:
			return nil
		}
		s.Name, s.Why = t.Server.Service.String(), "that of the packet's connection"
	case dataplane.ByNothing:
		s.Why = nobody(&t.Packet, services)
	case dataplane.ByMark:
		s.Why = fmt.Sprintf("a mark rule gives the packet the mark %d", m.Service.Mark)
	case dataplane.ByAddress:
		s.Why = "its protocol, address and port are the packet's"
	case dataplane.ByFTP:
		s.Why = fmt.Sprintf("the packet may be data of the address's FTP service, which is persistent: port %d", t.Packet.DstPort)
	case dataplane.ByAnyPort:
		s.Why = fmt.Sprintf("port 0 stands for every port of the address, %d among them", t.Packet.DstPort)
	}
	return s
}

// nobody says why there is no service for a packet: what there is at its
// address.
func nobody(p *wire.Packet, services *service.Table) string {
	var there []string
	all := services.Services()
	for _, e := range all {
		if wire.AddrFrom(e.Addr) == p.Dst && e.Addr.IsValid() {
			there = append(there, fmt.Sprintf("%s port %d", e.Protocol, e.Port))
		}
	}
	if p.L4 == 0 || p.FragOff != 0 {
		return fmt.Sprintf("no service has the address %v", p.Dst)
	}
	asked := fmt.Sprintf("it would have to be %s %s", strings.ToUpper(protocol(p.Proto)), end(p.Dst, p.DstPort))
	switch {
	case len(all) == 0:
		return "there is no service at all"
	case len(there) > nearest:
		return fmt.Sprintf("%s, but the address has %s and %d more", asked, strings.Join(there[:nearest], ", "), len(there)-nearest)
	case len(there) > 0:
		return fmt.Sprintf("%s, but the address has %s", asked, strings.Join(there, ", "))
	}
	return fmt.Sprintf("%s, and no service has that address", asked)
}
