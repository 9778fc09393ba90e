package dataplane

import (
	"encoding/binary"

	"ulvs/conntrack"
	"ulvs/service"
	"ulvs/wire"
)

// ftpPort is the port whose persistence covers every port of the VIP, because
// an FTP session has data connections on others (kernel ip_vs_core.c,
// ip_vs_sched_persist).
const ftpPort = 21

// persistent picks the server that the client's template names, or makes a
// template for a newly picked one. The connection is counted at the server and
// holds the template through the returned reference.
func (l *Lane) persistent(svc *Service, conf *service.VirtualService) (*Server, conntrack.Ref) {
	key := l.templateKey(svc, conf)
	sh := l.d.conns.Lock(l.d.conns.HashKey(&key))
	defer sh.Unlock()
	if l.trace != nil {
		l.trace.Template = TemplateStep{Asked: true, Key: key}
	}
	if t := sh.FindInbound(&key); t != nil {
		if s := l.server(t.Server()); s != nil && !s.Deleted.Load() && !l.quiescent(s) {
			sh.Renew(t, l.now)
			if l.trace != nil {
				l.trace.templated(true, t.Deadline()-l.now)
			}
			l.bind(s)
			return s, sh.Hold(t)
		}
		sh.Invalidate(t)
	}
	s := l.pick(svc)
	if s == nil {
		return nil, 0
	}
	return s, l.newTemplate(sh, &key, s, conf)
}

// quiescent reports whether templates of s are not to be used any more (kernel
// ip_vs_conn.c, expire_quiescent_template).
func (l *Lane) quiescent(s *Server) bool {
	return l.view.settings.ExpireQuiescentTemplate && s.Weight.Load() == 0
}

// newTemplate inserts a template for s. With a full table there is none, and
// the connection goes without.
func (l *Lane) newTemplate(sh *conntrack.Shard, key *conntrack.Key, s *Server, conf *service.VirtualService) conntrack.Ref {
	spec := conntrack.Spec{
		Real: s.Addr, RealPort: s.Port, Method: s.conf.Load().Method,
		Flags: conntrack.Template | conntrack.NoClientPort, Server: s.ID, Mark: conf.Mark,
	}
	if key.VirtualPort == 0 {
		spec.RealPort = 0
	}
	s.refs.Add(1)
	s.BindTemplate()
	t, _ := sh.Insert(key, &spec, l.now, conf.Persistent)
	if t == nil {
		s.UnbindTemplate()
		s.refs.Add(-1)
		return 0
	}
	if l.trace != nil {
		l.trace.templated(false, t.Deadline()-l.now)
	}
	return sh.Hold(t)
}

// templateKey is the client's network and the virtual address. The template
// covers one port only if the packet is for the service's own, and that not
// FTP's. A firewall mark has one for all addresses and protocols, whose virtual
// address is the mark (kernel ip_vs_core.c, ip_vs_sched_persist).
func (l *Lane) templateKey(svc *Service, conf *service.VirtualService) conntrack.Key {
	key := conntrack.Key{Client: l.flow.Client.And(conf.ClientMask()), Virtual: l.flow.Virtual, VirtualPort: l.flow.VirtualPort, Proto: l.flow.Proto}
	if key.VirtualPort != svc.key.Port || svc.key.Port == ftpPort {
		key.VirtualPort = 0
	}
	if conf.Mark != 0 {
		key.Proto, key.Virtual = 0, markAddr(conf)
	}
	return key
}

// markAddr is the mark as an address, 0.0.0.1 or 0:1:: for 1.
func markAddr(conf *service.VirtualService) wire.Addr {
	var b [16]byte
	binary.BigEndian.PutUint32(b[:], conf.Mark)
	if conf.Is6() {
		return wire.AddrFrom16(b)
	}
	return wire.AddrFrom4([4]byte(b[:4]))
}
