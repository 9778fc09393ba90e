package conformance

import (
	"strings"

	"ulvs/service"
)

// mark does a header's "iptables or ip6tables ... -d PREFIX -j MARK --set-mark N".
func (b *bench) mark(line string) error {
	rules, err := service.EditMarksByIptables(b.director.Table().Marks(), strings.Fields(line))
	if err != nil {
		return err
	}
	return b.director.Apply(service.Change{Op: service.SetMarks, Marks: rules})
}

// markOf returns the mark that the rules give a packet.
func (b *bench) markOf(c *crafted) uint32 {
	for _, r := range b.director.Table().Marks() {
		if (r.Protocol == service.AnyProtocol || r.Protocol == service.Protocol(c.proto)) &&
			(!r.Source.IsValid() || r.Source.Contains(c.src.Addr())) &&
			(!r.Destination.IsValid() || r.Destination.Contains(c.dst.Addr())) &&
			r.SourcePorts.Contains(c.src.Port()) && r.DestinationPorts.Contains(c.dst.Port()) {
			return r.Mark
		}
	}
	return 0
}
