package service

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
)

// A Table is the configuration of all virtual services. It never changes: each
// method that changes something returns a new table, which shares with the old
// one what both have in common. Any goroutine may read it without a lock.
type Table struct {
	entries []*Entry   // in the kernel's listing order, see order
	marks   []MarkRule // the first match first
}

// An Entry is one virtual service with its real servers, the newest first as in
// the kernel's list: schedulers that break ties by order depend on it. Entries
// are shared between tables: read only.
type Entry struct {
	VirtualService
	Servers []RealServer
}

// NewTable returns the empty table.
func NewTable() *Table { return &Table{} }

// Services returns all services in the kernel's listing order: by hash bucket,
// firewall marks last, the newest first within a bucket. Read only.
func (t *Table) Services() []*Entry { return slices.Clip(t.entries) }

// Find returns the service named k, nil if there is none.
func (t *Table) Find(k Key) *Entry {
	k = k.canonical()
	from, _ := slices.BinarySearchFunc(t.entries, k, compareOrder)
	for i := from; i < len(t.entries) && compareOrder(t.entries[i], k) == 0; i++ {
		if t.entries[i].Key == k {
			return t.entries[i]
		}
	}
	return nil
}

// Server returns the real server at ep, nil if there is none.
func (e *Entry) Server(ep netip.AddrPort) *RealServer {
	if i := e.index(ep); i >= 0 {
		return &e.Servers[i]
	}
	return nil
}

func (e *Entry) index(ep netip.AddrPort) int {
	ep = netip.AddrPortFrom(ep.Addr().Unmap(), ep.Port())
	return slices.IndexFunc(e.Servers, func(r RealServer) bool { return r.Endpoint() == ep })
}

// AddService returns the table with v, which has no real servers yet. Whether
// it is there already is looked at first, as the kernel does (ip_vs_ctl.c,
// ip_vs_genl_set_cmd). Errors: ErrServiceExists, ErrInvalid.
func (t *Table) AddService(v VirtualService) (*Table, error) {
	if t.Find(v.Key) != nil {
		return nil, fmt.Errorf("add service %v: %w", v.Key, ErrServiceExists)
	}
	v, err := v.Normalize()
	if err != nil {
		return nil, fmt.Errorf("add service: %w", err)
	}
	at, _ := slices.BinarySearchFunc(t.entries, v.Key, compareOrder)
	return t.with(slices.Insert(slices.Clone(t.entries), at, &Entry{VirtualService: v})), nil
}

// EditService returns the table with everything but the key and the real
// servers of the service v.Key replaced. Errors: ErrNoService before ErrInvalid.
func (t *Table) EditService(v VirtualService) (*Table, error) {
	old := t.Find(v.Key)
	if old == nil {
		return nil, fmt.Errorf("edit service %v: %w", v.Key, ErrNoService)
	}
	v, err := v.Normalize()
	if err != nil {
		return nil, fmt.Errorf("edit service: %w", err)
	}
	return t.replace(&Entry{VirtualService: v, Servers: old.Servers}), nil
}

// DeleteService returns the table without the service k and its real servers.
// Error: ErrNoService.
func (t *Table) DeleteService(k Key) (*Table, error) {
	e := t.Find(k)
	if e == nil {
		return nil, fmt.Errorf("delete service %v: %w", k, ErrNoService)
	}
	return t.with(slices.DeleteFunc(slices.Clone(t.entries), func(x *Entry) bool { return x == e })), nil
}

// AddServer returns the table with r at the head of k's list of real servers.
// Errors: ErrNoService, ErrServerExists, ErrInvalid.
func (t *Table) AddServer(k Key, r RealServer) (*Table, error) {
	e, r, err := t.server(k, r)
	if err != nil {
		return nil, fmt.Errorf("add real server: %w", err)
	}
	if e.Server(r.Endpoint()) != nil {
		return nil, fmt.Errorf("add real server %v to %v: %w", r.Endpoint(), k, ErrServerExists)
	}
	return t.replace(&Entry{e.VirtualService, slices.Insert(slices.Clone(e.Servers), 0, r)}), nil
}

// EditServer returns the table with the real server at r's address and port
// replaced by r, in its old place. Errors: ErrNoService, ErrNoServer,
// ErrInvalid. There is no server at an address that none can have, which the
// kernel does not look at here (ip_vs_ctl.c, ip_vs_edit_dest).
func (t *Table) EditServer(k Key, r RealServer) (*Table, error) {
	e, r, err := t.server(k, r)
	if errors.Is(err, ErrNotUnicast) {
		return nil, fmt.Errorf("edit real server %v of %v: %w", r.Endpoint(), k, ErrNoServer)
	}
	if err != nil {
		return nil, fmt.Errorf("edit real server: %w", err)
	}
	i := e.index(r.Endpoint())
	if i < 0 {
		return nil, fmt.Errorf("edit real server %v of %v: %w", r.Endpoint(), k, ErrNoServer)
	}
	servers := slices.Clone(e.Servers)
	servers[i] = r
	return t.replace(&Entry{e.VirtualService, servers}), nil
}

// DeleteServer returns the table without the real server of k at ep.
// Errors: ErrNoService, ErrNoServer.
func (t *Table) DeleteServer(k Key, ep netip.AddrPort) (*Table, error) {
	e := t.Find(k)
	if e == nil {
		return nil, fmt.Errorf("delete real server of %v: %w", k, ErrNoService)
	}
	i := e.index(ep)
	if i < 0 {
		return nil, fmt.Errorf("delete real server %v of %v: %w", ep, k, ErrNoServer)
	}
	return t.replace(&Entry{e.VirtualService, slices.Delete(slices.Clone(e.Servers), i, i+1)}), nil
}

// Flush returns the table without services. The mark rules stay: those of
// iptables are not ip_vs's to flush either.
func (t *Table) Flush() *Table { return t.with(nil) }

// with returns the table with other services.
func (t *Table) with(entries []*Entry) *Table { return &Table{entries: entries, marks: t.marks} }

// server finds the service k and puts r into its canonical form in there.
func (t *Table) server(k Key, r RealServer) (*Entry, RealServer, error) {
	e := t.Find(k)
	if e == nil {
		return nil, r, fmt.Errorf("%v: %w", k, ErrNoService)
	}
	r, err := r.Normalize(&e.VirtualService)
	return e, r, err
}

// replace returns the table with the entry of e.Key replaced by e.
// Precondition: there is one.
func (t *Table) replace(e *Entry) *Table {
	entries := slices.Clone(t.entries)
	entries[slices.IndexFunc(entries, func(x *Entry) bool { return x.Key == e.Key })] = e
	return t.with(entries)
}
