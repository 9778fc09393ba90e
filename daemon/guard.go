package daemon

import (
	"errors"
	"io/fs"
	"net/netip"
	"slices"
	"sync"
	"syscall"

	"ulvs/dataplane/filter"
	"ulvs/internal/guard"
	"ulvs/internal/netmon"
)

// hostGuard keeps the host's own stack from answering or forwarding what ulvs
// has taken over. Without it ulvs works on, and says what that means.
type hostGuard struct {
	mu      sync.Mutex
	g       *guard.Guard  // nil: there is none
	rules   guard.Rules   // last given to g
	links   []netmon.Link // hooked into
	known   []string      // names hooked into, of interfaces that are gone too
	problem string        // of hooking, already logged
}

// consequence of having no guard.
const consequence = ": without the guard the host's own stack answers clients too where it has the virtual address (RST, port unreachable), " +
	"and with ip_forward=1 forwards packets a second time; keep virtual addresses off the host and set ip_forward=0"

// open makes the guard, yet without interfaces.
func (h *hostGuard) open(d *Daemon) {
	if d.opts.NoGuard {
		d.warn("no guard, as asked" + consequence)
		return
	}
	g, err := guard.Open(nil)
	if err != nil {
		d.warn("no guard: " + err.Error() + consequence)
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.g = g
}

// follow hooks the guard into the interfaces in use. It is called as soon as
// one is heard of: what its first packets meet must be there before a ring is.
//
// Hooks of interfaces that are gone are kept. Since Linux 6.16 they hold again
// from the moment at which one of that name appears; before, an interface made
// again is unguarded until we have heard of it.
func (h *hostGuard) follow(d *Daemon, links []netmon.Link) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.g == nil || slices.EqualFunc(h.links, links, sameInterface) {
		return
	}
	present := linkNames(links)
	known := append(present, without(h.known, present)...)
	known = known[:min(len(known), max(len(present), maxKnown))]
	err := h.g.SetInterfaces(known)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENODEV) {
		err = h.g.SetInterfaces(present)
	}
	h.known, h.links = known, links
	if err == nil {
		h.problem = ""
		return
	}
	h.links = nil // the manager tries again
	if h.problem != err.Error() {
		h.problem = err.Error()
		d.log.Warn("guard interfaces, will try again", "err", err)
	}
}

// maxKnown bounds how many interfaces are remembered, those in use included.
const maxKnown = 64

// sameInterface reports whether two links are one interface: one that is
// deleted and made again has another index.
func sameInterface(a, b netmon.Link) bool { return a.Name == b.Name && a.Index == b.Index }

func linkNames(links []netmon.Link) []string {
	out := make([]string, 0, len(links)+maxKnown)
	for _, l := range links {
		out = append(out, l.Name)
	}
	return out
}

// without returns the words of list that are not in others.
func without(list, others []string) (out []string) {
	for _, w := range list {
		if !slices.Contains(others, w) {
			out = append(out, w)
		}
	}
	return out
}

// sync gives the guard what ulvs has taken over, if that has changed.
func (h *hostGuard) sync(d *Daemon, services, reals []filter.Endpoint) {
	r := guard.Rules{Services: guardEndpoints(services), NATReals: guardEndpoints(reals)}
	d.mu.Lock()
	for _, a := range d.addresses {
		r.Locals = append(r.Locals, a.Prefix.Addr())
	}
	d.mu.Unlock()
	slices.SortFunc(r.Locals, netip.Addr.Compare)
	r.Locals = slices.Compact(r.Locals)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.g == nil || same(&h.rules, &r) {
		return
	}
	if err := h.g.Sync(r); err != nil {
		d.log.Error("update guard", "err", err)
		return
	}
	h.rules = r
}

// same reports whether two sets of rules are equal.
func same(a, b *guard.Rules) bool {
	return slices.Equal(a.Services, b.Services) && slices.Equal(a.NATReals, b.NATReals) && slices.Equal(a.Locals, b.Locals)
}

func guardEndpoints(list []filter.Endpoint) []guard.Endpoint {
	out := make([]guard.Endpoint, len(list))
	for i, e := range list {
		out[i] = guard.Endpoint{Protocol: e.Proto, Addr: e.Addr, Port: e.Port}
	}
	return out
}

// close removes the guard.
func (h *hostGuard) close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.g == nil {
		return nil
	}
	return h.g.Close()
}
