package ipvsadm

import (
	"ulvs/control/api"
	"ulvs/service"
)

// connectionHeader writes the head of the listing of connections.
func (p *printer) connectionHeader() {
	p.printf("IPVS connection entries\n")
	p.printf("%s %s %-11s %-18s %-18s %s", "pro", "expire", "state", "source", "virtual", "destination")
	if p.format.PersistentConn {
		p.printf("        %-16s %s", "pe name", "pe_data")
	}
	p.printf("\n")
}

// connection writes one line of that listing.
func (p *printer) connection(c *api.Connection) {
	left := seconds(c.Expires)
	p.printf("%-3s %02d:%02d  %-11s %-18s %-18s ", protocolName(c.Protocol), left/60, left%60, c.State,
		p.endpoint(c.Client.Addr(), c.Client.Port(), c.Protocol),
		p.endpoint(c.Virtual.Addr(), c.Virtual.Port(), c.Protocol))
	dest := p.endpoint(c.Real.Addr(), c.Real.Port(), c.Protocol)
	if p.format.PersistentConn && c.PE != "" {
		p.printf("%-16s %-18s %s\n", dest, c.PE, c.PEData)
		return
	}
	p.printf("%s\n", dest)
}

// protocolName words the protocol; the template of a firewall mark has none
// and is shown as IP.
func protocolName(proto service.Protocol) string {
	if proto == service.AnyProtocol {
		return "IP"
	}
	return proto.String()
}
