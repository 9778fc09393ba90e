package daemon

import (
	"errors"
	"io/fs"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"time"

	"ulvs/internal/guard"
	"ulvs/internal/netmon"
)

// hostGuard keeps the host's own stack from answering or forwarding what ulvs
// has taken over. Without it ulvs works on, and says what that means.
type hostGuard struct {
	mu     sync.Mutex
	make   func() (kernelGuard, error)
	g      kernelGuard   // nil: there is none
	wanted bool          // there shall be one: not before open, nor after close
	rules  guard.Rules   // what it shall keep away
	synced bool          // g has them
	links  []netmon.Link // to hook into
	hooked bool          // g is there
	known  []string      // names hooked into, of interfaces that are gone too
	due    time.Duration // when it is looked at again
}

// kernelGuard is a *guard.Guard.
type kernelGuard interface {
	Present() (bool, error)
	SetInterfaces([]string) error
	Sync(guard.Rules) error
	Close() error
}

// openGuard opens the kernel's.
func openGuard() (kernelGuard, error) {
	g, err := guard.Open(nil)
	if err != nil {
		return nil, err
	}
	return g, nil
}

// consequence of having no guard.
const consequence = ": without the guard the host's own stack answers clients too where it has the virtual address (RST, port unreachable), " +
	"and with ip_forward=1 forwards packets a second time; keep virtual addresses off the host and set ip_forward=0"

// open makes the guard, yet without interfaces.
func (h *hostGuard) open(d *Daemon) {
	if d.opts.NoGuard {
		d.warn(aboutGuard, "no guard, as asked"+consequence)
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.wanted = true
	h.restore(d)
}

// restore makes the table and all that is in it. What cannot get better with
// time, a right or a kernel option that is missing, is not tried again.
func (h *hostGuard) restore(d *Daemon) {
	if h.make == nil {
		h.make = openGuard
	}
	h.g, h.synced, h.hooked = nil, false, false
	g, err := h.make()
	if err != nil {
		h.wanted = !errors.Is(err, guard.ErrNotPermitted) && !errors.Is(err, guard.ErrNoNftables)
		d.warn(aboutGuard, "no guard: "+err.Error()+consequence)
		return
	}
	h.g = g
	h.hook(d)
	h.push(d)
}

// upkeep restores a guard that somebody has removed, by a flush of the whole
// ruleset for one, and tries again what has failed, every upkeepPeriod.
func (h *hostGuard) upkeep(d *Daemon) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.wanted || d.clock() < h.due {
		return
	}
	h.due = d.clock() + upkeepPeriod
	if h.g != nil {
		present, err := h.g.Present()
		if err == nil && !present {
			d.log.Warn("somebody removed the guard's nftables table; it is made again", "at", d.clock().Round(time.Millisecond))
			h.g = nil
		}
	}
	if h.g == nil {
		h.restore(d)
		return
	}
	h.hook(d)
	h.push(d)
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
	if !slices.EqualFunc(h.links, links, sameInterface) {
		h.links, h.hooked = links, false
		h.hook(d)
	}
}

// hook does what follow says, if it is still to be done. h.mu is held.
func (h *hostGuard) hook(d *Daemon) {
	if h.g == nil || h.hooked {
		return
	}
	present := linkNames(h.links)
	known := append(present, without(h.known, present)...)
	known = known[:min(len(known), max(len(present), maxKnown))]
	err := h.g.SetInterfaces(known)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENODEV) {
		err = h.g.SetInterfaces(present)
	}
	h.known, h.hooked = known, err == nil
	if err != nil {
		d.warn(aboutHooks, "the guard is not on all interfaces, will try again: "+err.Error()+consequence)
		return
	}
	d.withdraw(aboutHooks)
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

// sync gives the guard what ulvs has taken over.
func (h *hostGuard) sync(d *Daemon, t *takeover) {
	r := guard.Rules{
		Services: t.services, NATReals: t.reals,
		Virtual: t.virtual, Taken: t.taken, Replies: t.replies,
	}
	d.mu.Lock()
	for _, a := range d.addresses {
		r.Locals = append(r.Locals, a.Prefix.Addr())
	}
	d.mu.Unlock()
	slices.SortFunc(r.Locals, netip.Addr.Compare)
	r.Locals = slices.Compact(r.Locals)
	h.mu.Lock()
	defer h.mu.Unlock()
	if !same(&h.rules, &r) {
		h.rules, h.synced = r, false
	}
	h.push(d)
}

// push gives the kernel the rules, if it has not got them. h.mu is held.
func (h *hostGuard) push(d *Daemon) {
	if h.g == nil || h.synced {
		return
	}
	if err := h.g.Sync(h.rules); err != nil {
		d.warn(aboutGuard, "the guard is out of date, will try again: "+err.Error()+consequence)
		return
	}
	h.synced = true
	d.withdraw(aboutGuard)
}

// same reports whether two sets of rules are equal.
func same(a, b *guard.Rules) bool {
	return slices.Equal(a.Services, b.Services) && slices.Equal(a.NATReals, b.NATReals) && slices.Equal(a.Locals, b.Locals) &&
		slices.Equal(a.Virtual, b.Virtual) && slices.Equal(a.Taken, b.Taken) && slices.Equal(a.Replies, b.Replies)
}

// close removes the guard. What happens later does nothing.
func (h *hostGuard) close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	g := h.g
	h.g, h.wanted = nil, false
	if g == nil {
		return nil
	}
	return g.Close()
}
