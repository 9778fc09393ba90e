package dataplane

import (
	"fmt"
	"slices"

	"ulvs/sched"
	"ulvs/service"
	"ulvs/wire"
)

// trashKey finds a deleted real server again when it is added back (kernel
// ip_vs_ctl.c, ip_vs_trash_get_dest).
type trashKey struct {
	service service.Key
	addr    wire.Addr
	port    uint16
}

// Apply makes one change to the configuration: all of it or, with an error of
// package service or sched, nothing. Live connections go on.
func (d *Director) Apply(c service.Change) error { return d.ApplyAll([]service.Change{c})[0] }

// ApplyAll makes changes one after the other, each as Apply does, and shows the
// packet path their outcome: a thousand changes cost it one new view.
func (d *Director) ApplyAll(changes []service.Change) []error {
	errs, deleted := d.applyAll(changes)
	if deleted && d.Settings().ExpireNodestConn {
		d.expireNodest()
	}
	return errs
}

func (d *Director) applyAll(changes []service.Change) (errs []error, deleted bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	was := d.view.Load().table
	t, inPlace := was, true
	errs = make([]error, len(changes))
	for i, c := range changes {
		next, err := d.applyOne(t, c)
		if err != nil {
			errs[i] = err
			continue
		}
		inPlace = inPlace && c.Op == service.EditServer && sameWay(t, next, c)
		deleted = deleted || deletes(c.Op)
		t = next
	}
	switch {
	case t == was:
	case inPlace:
		d.retable(t)
	default:
		d.publish(t)
	}
	return errs, deleted
}

// applyOne makes one change to table t and to the live objects.
func (d *Director) applyOne(t *service.Table, c service.Change) (*service.Table, error) {
	next, err := t.Apply(c)
	if err != nil {
		return nil, err
	}
	for _, t := range []*service.Table{t, next} { // the key as the tables write it
		if e := t.Find(c.Service.Key); e != nil {
			c.Service.Key = e.Key
		}
	}
	return next, d.applyLive(c, next)
}

// sameWay reports whether an edit of a server leaves the way to it as it is: a
// new weight or thresholds concern its scheduler only.
func sameWay(t, next *service.Table, c service.Change) bool {
	ep := c.Server.Endpoint()
	was, is := t.Find(c.Service.Key).Server(ep), next.Find(c.Service.Key).Server(ep)
	return was != nil && is != nil && was.Method == is.Method && was.Tunnel == is.Tunnel
}

// retable shows the packet path a table that differs from the present one in
// nothing that the view is made of, nor anything that is derived from it.
func (d *Director) retable(t *service.Table) {
	v := *d.view.Load()
	v.table = t
	d.view.Store(&v)
}

// applyLive carries an accepted change over to the live objects. next is the
// table after it, in which defaults are filled in.
func (d *Director) applyLive(c service.Change, next *service.Table) error {
	switch c.Op {
	case service.AddService:
		return d.addService(next, c.Service.Key)
	case service.EditService:
		return d.editService(next, c.Service.Key)
	case service.DeleteService:
		d.deleteService(c.Service.Key)
	case service.AddServer:
		return d.addServer(next, c)
	case service.EditServer:
		return d.editServer(next, c)
	case service.DeleteServer:
		return d.deleteServer(c)
	case service.Flush:
		for k := range d.services {
			d.deleteService(k)
		}
	case service.SetMarks: // publish compiles them
	default:
		return fmt.Errorf("apply change: unknown operation %q", c.Op)
	}
	return nil
}

// addService makes the live side of a new virtual service.
func (d *Director) addService(t *service.Table, k service.Key) error {
	conf := t.Find(k).VirtualService
	sc, err := d.newScheduler(&conf)
	if err != nil {
		return err
	}
	sc.Init(nil)
	s := &Service{key: k, sched: sc, addr: wire.AddrFrom(k.Addr), origin: d.begin(Stats{})}
	s.conf.Store(&conf)
	d.services[k] = s
	return nil
}

// newScheduler makes the scheduler that a service asks for.
func (d *Director) newScheduler(v *service.VirtualService) (sched.Scheduler, error) {
	s, err := sched.New(v.Scheduler, sched.Config{
		Flags: v.SchedFlag, Seed: d.seed, Tunables: d.tunables,
		LastWeight: func(s *sched.Server) int32 { return d.all[s.ID].lastWeight },
	})
	if err == nil && d.watch != nil {
		s = d.watch(s)
	}
	return s, err
}

// editService stores the new settings and, if the scheduler is another one,
// starts it afresh on the same list.
func (d *Director) editService(t *service.Table, k service.Key) error {
	s := d.services[k]
	was, conf := s.conf.Load(), t.Find(k).VirtualService
	if was.Scheduler != conf.Scheduler || !slices.Equal(was.SchedFlag, conf.SchedFlag) {
		sc, err := d.newScheduler(&conf)
		if err != nil {
			return err
		}
		s.change(func() {
			s.sched.Init(nil) // it lets go of the servers
			sc.Init(s.list)
			s.sched = sc
		})
	}
	s.conf.Store(&conf)
	return nil
}

// change runs f with the service's lock held.
func (s *Service) change(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// deleteService removes a service and trashes its servers.
func (d *Director) deleteService(k service.Key) {
	s := d.services[k]
	s.gone.Store(true)
	list := s.list
	s.change(func() {
		s.list = nil
		s.sched.Init(nil)
	})
	for _, ss := range list {
		d.trashServer(d.all[ss.ID])
	}
	delete(d.services, k)
}

// trashServer marks a deleted server; Tick frees it once no connection refers
// to it. It must be off its service's list.
func (d *Director) trashServer(s *Server) {
	s.SetDeleted(true)
	d.trash[trashKey{s.service.Load().key, s.Addr, s.Port}] = s
}

// addServer puts a new or revived server at the head of its service's list.
func (d *Director) addServer(t *service.Table, c service.Change) error {
	conf, err := normalized(t, c)
	if err != nil {
		return err
	}
	svc := d.services[c.Service.Key]
	key := trashKey{svc.key, wire.AddrFrom(conf.Addr), conf.Port}
	s := d.trash[key]
	if s == nil {
		s = d.newServer(conf)
	} else if delete(d.trash, key); s.service.Load() != svc {
		s.stats.reset() // the service was deleted too (kernel ip_vs_ctl.c, __ip_vs_update_dest)
	}
	s.origin = d.begin(s.stats.raw())
	s.service.Store(svc)
	s.lastWeight = 0
	d.configure(s, conf)
	s.SetDeleted(false)
	d.expose()
	svc.change(func() {
		svc.list = sched.Insert(svc.list, &s.Server)
		svc.sched.Added(svc.list, &s.Server)
	})
	return nil
}

// begin is the origin of something that begins now with these counters.
func (d *Director) begin(born Stats) origin {
	d.instances++
	return origin{instance: d.instances, born: born}
}

// expose makes the servers visible by their indexes. It comes before a
// scheduler may pick a new one.
func (d *Director) expose() {
	v := *d.view.Load()
	v.servers = slices.Clip(d.all)
	d.view.Store(&v)
}

// newServer takes a free index, or a new one.
func (d *Director) newServer(conf service.RealServer) *Server {
	s := &Server{}
	s.Addr, s.Port = wire.AddrFrom(conf.Addr), conf.Port
	if n := len(d.free); n > 0 {
		s.ID = d.free[n-1]
		d.free = d.free[:n-1]
		d.all = slices.Clone(d.all) // views share it
		d.all[s.ID] = s
	} else {
		s.ID = uint32(len(d.all))
		d.all = append(d.all, s)
	}
	return s
}

// configure stores a server's settings where scheduler and packet path look.
func (d *Director) configure(s *Server, conf service.RealServer) {
	s.conf.Store(&conf)
	s.tunnel.Store(d.tunnelTo(&conf))
	s.SetWeight(int32(conf.Weight))
	if conf.Weight > 0 {
		s.lastWeight = int32(conf.Weight)
	}
	s.SetThresholds(conf.Upper, conf.Lower)
}

// editServer changes a server in place; its position in the list stays.
func (d *Director) editServer(t *service.Table, c service.Change) error {
	conf, err := normalized(t, c)
	if err != nil {
		return err
	}
	svc := d.services[c.Service.Key]
	ss := find(svc.list, conf)
	if ss == nil {
		return service.ErrNoServer
	}
	svc.change(func() {
		d.configure(d.all[ss.ID], conf)
		svc.sched.Edited(svc.list, ss)
	})
	return nil
}

// deleteServer takes a server off its service's list. Its connections stay.
func (d *Director) deleteServer(c service.Change) error {
	svc := d.services[c.Service.Key]
	ss := find(svc.list, c.Server)
	if ss == nil {
		return service.ErrNoServer
	}
	svc.change(func() {
		list, at := sched.Remove(svc.list, ss)
		svc.list = list
		svc.sched.Removed(list, ss, at)
	})
	d.trashServer(d.all[ss.ID])
	return nil
}

// normalized returns the server of change c as the table has it, with every
// default filled in.
func normalized(t *service.Table, c service.Change) (service.RealServer, error) {
	return c.Server.Normalize(&t.Find(c.Service.Key).VirtualService)
}

// find returns the live server of a list at the endpoint of conf, or nil.
func find(list []*sched.Server, conf service.RealServer) *sched.Server {
	a := wire.AddrFrom(conf.Addr)
	for _, s := range list {
		if s.Addr == a && s.Port == conf.Port {
			return s
		}
	}
	return nil
}

// publish makes table t and the live objects visible to the packet path.
func (d *Director) publish(t *service.Table) {
	v := &view{table: t, services: newServiceSet(len(d.services)), settings: d.view.Load().settings}
	vips := make(map[wire.Addr]bool, len(d.services))
	for k, s := range d.services {
		if !k.Addr.IsValid() {
			continue // firewall mark: matched by rules, not by address
		}
		v.ftp = v.ftp || k.Port == ftpPort
		v.services.add(svcKey{s.addr, k.Port, uint8(k.Protocol)}, s)
	}
	for _, a := range t.VirtualAddresses() {
		vips[wire.AddrFrom(a)] = true
	}
	v.vips, v.marks = newVIPSet(vips), d.compileMarks(t)
	v.setFamilies(t)
	v.servers = slices.Clip(d.all)
	v.reals = d.realSet(&v.settings)
	v.nats = d.natSet()
	d.announce(d.view.Load(), vips)
	d.view.Store(v)
	d.generation.Add(1)
}
