package daemon

import (
	"errors"

	"ulvs/dataplane/nexthop"
	"ulvs/internal/netmon"
)

// watcher is the Daemon as netmon's handler.
type watcher Daemon

// Links keeps the list; the manager opens and closes ports by it.
func (w *watcher) Links(links []netmon.Link) {
	d := (*Daemon)(w)
	d.mu.Lock()
	d.links = links
	d.mu.Unlock()
	d.guard.follow(d, d.ports.wanted(links))
	d.ports.publishLinks()
	d.wake()
}

// Addresses are the host's own: the guard lets packets to them through.
func (w *watcher) Addresses(addresses []nexthop.Address) {
	d := (*Daemon)(w)
	d.mu.Lock()
	d.addresses = addresses
	d.mu.Unlock()
	d.hops.SetAddresses(addresses)
	_ = d.sync() // has warned; the manager tries again
}

// Routes passes routes on.
func (w *watcher) Routes(routes []nexthop.Route) { w.hops.SetRoutes(routes) }

// Neighbours passes the kernel's neighbour table on.
func (w *watcher) Neighbours(all []nexthop.Neighbour) { w.hops.SetNeighbours(all) }

// Neighbour passes one neighbour's change on.
func (w *watcher) Neighbour(n nexthop.Neighbour) { w.hops.UpdateNeighbour(n) }

// Trouble is logged; netmon recovers by itself unless it has stopped.
func (w *watcher) Trouble(err error) {
	d := (*Daemon)(w)
	if errors.Is(err, netmon.ErrStopped) {
		d.warn(aboutNews, "no more news from the kernel about links and routes: "+err.Error()+"; restart ulvs")
		return
	}
	d.log.Warn("kernel news were lost and are read again", "err", err)
}
