package daemon

import (
	"net/netip"
	"slices"

	"ulvs/dataplane/filter"
	"ulvs/service"
	"ulvs/wire"
)

// sync derives from the configuration what the kernel must know of it: the
// packet filter, the guard's sets, and which addresses are virtual. It is
// called after every change of the configuration or of the host's addresses.
// The filter opens before the guard closes: a packet in between is seen twice
// rather than by nobody.
func (d *Daemon) sync() {
	d.syncing.Lock()
	defer d.syncing.Unlock()
	services, reals, vips := endpoints(d.director.Table())
	if !slices.Equal(services, d.told.services) || !slices.Equal(reals, d.told.reals) {
		d.hops.SetVirtual(vips)
		d.syncFilter(services, reals)
	}
	d.guard.sync(d, services, reals)
	d.told.services, d.told.reals = services, reals
}

// told is what the kernel was last told, so that a change that does not
// concern it (a weight, one more DR server) costs nothing there.
type told struct{ services, reals []filter.Endpoint }

// syncFilter makes every ring's filter anew.
func (d *Daemon) syncFilter(services, reals []filter.Endpoint) {
	prog, precision, err := filter.Assemble(filter.Rules{Services: services, NATReals: reals})
	if err == nil {
		if len(services) == 0 {
			prog = nothing
		}
		err = d.ports.setFilter(prog)
	}
	if err != nil {
		d.log.Error("set packet filter", "err", err)
	}
	if precision != filter.Exact {
		d.warn("too many services for an exact packet filter: it lets in " + precision.String())
	}
}

// endpoints lists what the configuration takes over: the virtual services and
// the NAT real servers, each once.
func endpoints(t *service.Table) (services, reals []filter.Endpoint, vips []wire.Addr) {
	seen := map[filter.Endpoint]bool{}
	add := func(list []filter.Endpoint, a netip.Addr, port uint16, p service.Protocol) []filter.Endpoint {
		e := filter.Endpoint{Addr: a, Port: port, Proto: uint8(p)}
		if seen[e] {
			return list
		}
		seen[e] = true
		return append(list, e)
	}
	for _, e := range t.Services() {
		if !e.Addr.IsValid() {
			continue
		}
		services = add(services, e.Addr, e.Port, e.Protocol)
		vips = append(vips, wire.AddrFrom(e.Addr))
		for _, r := range e.Servers {
			if r.Method == service.NAT {
				reals = add(reals, r.Addr, r.Port, e.Protocol)
			}
		}
	}
	return services, reals, vips
}
