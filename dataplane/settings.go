package dataplane

import (
	"time"

	"ulvs/conntrack"
	"ulvs/service"
	"ulvs/sysctl"
	"ulvs/wire"
)

// Settings returns the settings in force. A level of defence that is automatic
// reads 2 while it is active.
func (d *Director) Settings() sysctl.Settings { return d.view.Load().settings }

// SetSettings puts new settings in force, for every batch that begins from now
// on.
func (d *Director) SetSettings(s sysctl.Settings) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tunables.LBLCExpiration.Store(int64(s.LBLCExpiration) * int64(time.Second))
	d.tunables.LBLCRExpiration.Store(int64(s.LBLCRExpiration) * int64(time.Second))
	v := *d.view.Load()
	v.settings = s
	v.reals = d.realSet(&s)
	d.view.Store(&v)
	d.defendLocked()
}

// deletes reports whether a change takes real servers away.
func deletes(op service.Op) bool {
	return op == service.DeleteServer || op == service.DeleteService || op == service.Flush
}

// expireNodest ends the connections of deleted servers, and then the templates
// that nothing needs any more (kernel ip_vs_conn.c,
// ip_vs_expire_nodest_conn_flush).
func (d *Director) expireNodest() {
	unserved := func(c *conntrack.Conn) bool {
		s := d.view.Load().server(c.Server())
		return s != nil && s.Deleted.Load() && c.Controlled() == 0
	}
	d.conns.RemoveIf(unserved)
	d.conns.RemoveIf(unserved) // templates of a shard that came before their connections'
}

// realSet are the NAT real servers by address, port and protocol; of a service
// by mark, protocol 0.
type realSet map[svcKey]bool

// realSet returns the set, nil if the settings have no use for it. d.mu is held.
func (d *Director) realSet(set *sysctl.Settings) realSet {
	if !set.NATICMPSend {
		return nil
	}
	all := realSet{}
	for k, svc := range d.services {
		for _, s := range svc.list {
			if d.all[s.ID].conf.Load().Method == service.NAT {
				all[svcKey{s.Addr, s.Port, uint8(k.Protocol)}] = true
			}
		}
	}
	return all
}

// natSet are the addresses that replies of NAT servers come from. d.mu is held.
func (d *Director) natSet() vipSet {
	all := map[wire.Addr]bool{}
	for _, s := range d.all {
		if s != nil && s.conf.Load().Method == service.NAT {
			all[s.Addr] = true
		}
	}
	return newVIPSet(all)
}

// has reports whether p comes from one of the servers.
func (r realSet) has(p *wire.Packet) bool {
	return r[svcKey{p.Src, p.SrcPort, p.Proto}] || r[svcKey{p.Src, p.SrcPort, 0}]
}

// stray handles a packet that belongs to no connection and no service. With
// nat_icmp_send a real server is told so, unless it ends a connection itself
// (kernel ip_vs_core.c, ip_vs_out_hook).
func (l *Lane) stray(p *wire.Packet) Verdict {
	if l.view.reals == nil || !l.view.reals.has(p) || aborts(p) {
		return l.done(PassedNoService)
	}
	return l.answerError(p, portUnreachable, 0, wire.Addr{}, AnsweredUnreachable)
}

// aborts reports whether p is a RST or, of SCTP, begins with an ABORT.
func aborts(p *wire.Packet) bool {
	switch p.Proto {
	case wire.ProtoTCP:
		return p.TCPFlags&wire.RST != 0
	case wire.ProtoSCTP:
		return p.SCTP().First().Type() == wire.SCTPAbort
	}
	return false
}
