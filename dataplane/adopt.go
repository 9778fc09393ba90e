package dataplane

import (
	"net/netip"
	"time"

	"ulvs/conntrack"
	"ulvs/service"
	"ulvs/wire"
)

// Adopted is a connection or template of another Director, as far as that one
// tells.
type Adopted struct {
	Key      conntrack.Key
	Real     netip.AddrPort
	Method   service.Method
	State    conntrack.State
	Template bool
	Now      time.Duration
	Timeout  time.Duration // left, from Now
}

// Adopt enters a connection that another Director has, so that a Director of its
// own can say what that one would do. It reports false if no service has the
// server, if the connection is there already, or if there is no room.
func (d *Director) Adopt(a *Adopted) bool {
	s, conf := d.adopter(a)
	if s == nil {
		return false
	}
	spec := conntrack.Spec{
		Real: wire.AddrFrom(a.Real.Addr()), RealPort: a.Real.Port(), Method: a.Method, State: a.State, Server: s.ID, Mark: conf.Mark,
	}
	lifetime := a.Timeout
	if a.Template {
		spec.Flags, lifetime = conntrack.Template|conntrack.NoClientPort, conf.Persistent
	} else if a.Method != service.NAT {
		spec.Flags = conntrack.NoOutput
	}
	sh := d.conns.Lock(d.conns.HashKey(&a.Key))
	defer sh.Unlock()
	if sh.FindInbound(&a.Key) != nil {
		return false
	}
	c, _ := sh.Insert(&a.Key, &spec, a.Now, lifetime)
	if c == nil {
		return false
	}
	sh.Touch(c, a.Now, a.Timeout)
	s.refs.Add(1)
	switch {
	case a.Template:
		s.BindTemplate()
	case c.Has(conntrack.Inactive):
		s.Bind()
	default:
		s.BindActive()
	}
	return true
}

// adopter finds the server of a connection: of the service of its virtual end,
// else, as of a mark, FTP or all ports, of any that has the server.
func (d *Director) adopter(a *Adopted) (*Server, *service.VirtualService) {
	d.mu.Lock()
	defer d.mu.Unlock()
	exact := service.Key{Protocol: service.Protocol(a.Key.Proto), Addr: a.Key.Virtual.Netip(), Port: a.Key.VirtualPort}
	if svc := d.services[exact]; svc != nil {
		if s := d.adopterOf(svc, a); s != nil {
			return s, svc.conf.Load()
		}
	}
	for _, e := range d.view.Load().table.Services() {
		svc := d.services[e.Key]
		if s := d.adopterOf(svc, a); s != nil && (e.Mark != 0 || wire.AddrFrom(e.Addr) == a.Key.Virtual) {
			return s, svc.conf.Load()
		}
	}
	return nil, nil
}

// adopterOf is adopter among the servers of a service.
func (d *Director) adopterOf(svc *Service, a *Adopted) *Server {
	for _, ss := range svc.list {
		port := ss.Port == a.Real.Port() || ss.Port == 0 || a.Template || svc.conf.Load().Persistent > 0
		if ss.Addr == wire.AddrFrom(a.Real.Addr()) && port {
			return d.all[ss.ID]
		}
	}
	return nil
}

// Preset makes the numbers of connections of a server those of another
// Director's, whatever connections were adopted. Connections that end are taken
// off as ever.
func (d *Director) Preset(k service.Key, server netip.AddrPort, active, inactive int32) {
	d.mu.Lock()
	defer d.mu.Unlock()
	svc := d.services[k]
	if svc == nil {
		return
	}
	svc.mu.Lock()
	defer svc.mu.Unlock()
	for _, s := range svc.list {
		if s.Addr == wire.AddrFrom(server.Addr()) && s.Port == server.Port() {
			s.SetCounts(active, inactive)
			if upper := d.all[s.ID].conf.Load().Upper; upper > 0 && int64(active)+int64(inactive) >= int64(upper) {
				s.SetOverloaded(true)
			}
		}
	}
}
