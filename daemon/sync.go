package daemon

import (
	"fmt"
	"net/netip"
	"slices"

	"ulvs/dataplane"
	"ulvs/dataplane/filter"
	"ulvs/internal/hugemem"
	"ulvs/service"
	"ulvs/wire"
)

// sync derives from the configuration what the kernel must know of it: the
// packet filter, the guard's sets, and which addresses are virtual. It is
// called after every change of the configuration or of the host's addresses.
//
// A packet in between is seen twice rather than by nobody: what is new passes
// the filter before the guard takes it from the host, and what is no more is
// given back to the host before the filter stops it.
func (d *Daemon) sync() error {
	d.syncing.Lock()
	defer d.syncing.Unlock()
	d.told.generation = d.director.Generation() // first: what changes meanwhile is noticed
	next, vips := takeoverOf(d.director)
	if next.equal(&d.told.takeover) {
		d.guard.sync(d, next)
		return nil
	}
	if len(vips) > 0 {
		d.taken.Do(d.takeTable)
	}
	d.hops.SetVirtual(vips)
	d.guard.sync(d, d.told.both(next))
	if err := d.syncFilter(next); err != nil {
		d.warn(aboutFilter, err.Error())
		return err
	}
	d.withdraw(aboutFilter)
	d.ports.setGroups(slices.ContainsFunc(vips, func(a wire.Addr) bool { return !a.Is4() }))
	d.guard.sync(d, next)
	d.told.takeover = *next
	return nil
}

// takeTable takes the memory of the connection table before the first packet is
// let in. A daemon without services does without it; left to the first touch,
// the worker would meet some fifty faults of a huge page within the first few
// hundred connections, which fall on all pages.
func (d *Daemon) takeTable() { hugemem.Populate(d.table) }

// syncChanged is sync after a change of the configuration, if it concerns the
// kernel: a new weight does not.
func (d *Daemon) syncChanged() error {
	d.syncing.Lock()
	same := d.told.generation == d.director.Generation()
	d.syncing.Unlock()
	if same {
		return nil
	}
	return d.sync()
}

// resync does what a change without a command calls for, as the end of the last
// connection of a deleted server, and tries again what the kernel refused.
func (d *Daemon) resync() {
	d.syncing.Lock()
	stale := d.told.generation != d.director.Generation()
	d.syncing.Unlock()
	d.mu.Lock()
	refused := d.warnings.has(aboutFilter)
	d.mu.Unlock()
	if stale || refused {
		_ = d.sync() // has warned
	}
}

// upkeep makes what is in the kernel fit what shall be there.
func (d *Daemon) upkeep() {
	if err := d.ports.reconcile(false); err != nil {
		d.warn(aboutPorts, "interfaces are not set up, will try again: "+err.Error())
	} else {
		d.withdraw(aboutPorts)
	}
	d.ports.chooseSending()
	d.resync()
	d.guard.upkeep(d)
}

// told is what the kernel was last told, so that a change that does not
// concern it (a weight, one more DR server) costs nothing there.
type told struct {
	takeover
	generation uint64 // of the configuration last looked at
}

// syncFilter makes every ring's filter anew, as exact as the kernel allows: the
// memory for it is bounded by net.core.optmem_max.
func (d *Daemon) syncFilter(t *takeover) error {
	if t.empty() {
		d.withdraw(aboutPrecision)
		return filterError(d.ports.setFilter(nothing))
	}
	rules := filter.Rules{
		Services: t.services, NATReals: t.reals,
		Virtual: t.virtual, ServiceRanges: t.serviceRanges(), ReplyRanges: t.replyRanges(),
	}
	var err error
	for p := filter.Exact; p <= filter.All; p++ {
		prog, got, failure := filter.Assemble(rules, p)
		if failure == nil {
			failure = d.ports.setFilter(prog)
		}
		if failure == nil {
			d.notePrecision(got)
			return nil
		}
		err, p = failure, got
	}
	return filterError(err)
}

// notePrecision says what it means if the filter is not exact.
func (d *Daemon) notePrecision(p filter.Precision) {
	if p == filter.Exact {
		d.withdraw(aboutPrecision)
		return
	}
	d.warn(aboutPrecision, "too many services for an exact packet filter: it lets in "+p.String())
}

// filterError says what a filter that the kernel refuses means.
func filterError(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("the kernel refuses the packet filter, the change does not reach packets yet (net.core.optmem_max?): %w", err)
}

// common returns what is in both lists, in the order of a.
func common[T comparable](a, b []T) []T {
	in := make(map[T]bool, len(b))
	for _, e := range b {
		in[e] = true
	}
	out := make([]T, 0, len(a))
	for _, e := range a {
		if in[e] {
			out = append(out, e)
		}
	}
	return out
}

// withLeftovers adds deleted NAT servers whose connections live on: their
// replies must still come in, and not reach the host.
func withLeftovers(reals []filter.Endpoint, left []dataplane.Leftover) []filter.Endpoint {
	for _, l := range left {
		for _, e := range leftoverEndpoints(l) {
			if !slices.Contains(reals, e) {
				reals = append(reals, e)
			}
		}
	}
	return reals
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
			switch {
			case r.Method != service.NAT:
			case e.Port == 0: // of all ports: servers answer from those that clients ask for
				reals = add(reals, r.Addr, 0, e.Protocol)
			default:
				reals = add(reals, r.Addr, r.Port, e.Protocol)
			}
		}
	}
	return services, reals, vips
}
