package dataplane

import (
	"time"

	"ulvs/conntrack"
	"ulvs/service"
	"ulvs/wire"
)

// newFlow takes the first packet of a connection: find the virtual service,
// pick a real server, make the entry, send (kernel ip_vs_core.c,
// ip_vs_schedule).
func (l *Lane) newFlow(p *wire.Packet) Verdict {
	svc := l.view.match(p)
	if l.trace != nil {
		l.trace.matched(svc, p.DstPort)
	}
	if svc == nil {
		return l.done(PassedNoService)
	}
	if p.Proto == wire.ProtoTCP && !l.opens(p.TCPFlags) {
		return l.done(PassedNotSYN)
	}
	if p.Proto == wire.ProtoSCTP && !l.startsSCTP(p) {
		return l.done(PassedNotInit)
	}
	if p.SrcPort == ftpDataPort {
		return l.done(PassedFTPData)
	}
	if l.martian(p) {
		return l.done(DroppedMartian)
	}
	if l.guard.drops() {
		return l.done(DroppedDefence)
	}
	l.active = conntrack.Active(p.Proto, l.first(conntrack.Inbound, p))
	l.setFlow(p)
	conf := svc.conf.Load()
	s, control := l.choose(svc, conf)
	switch {
	case s != nil:
		return l.start(p, s, conf, control)
	case svc.gone.Load() || svc.isData(p): // deleted since this batch began
		return l.done(PassedNoService)
	}
	return l.unreachable(p)
}

// setFlow makes p's flow the one in hand, field by field for the reason that
// clientKey gives.
func (l *Lane) setFlow(p *wire.Packet) {
	f := &l.flow
	f.Client, f.ClientPort = p.Src, p.SrcPort
	f.Virtual, f.VirtualPort = p.Dst, p.DstPort
	f.Proto, f.Now = p.Proto, l.now
}

// opens reports whether a TCP packet may begin a connection (kernel
// ip_vs_proto_tcp.c, tcp_conn_schedule).
func (l *Lane) opens(flags uint8) bool {
	return flags&wire.RST == 0 && (flags&wire.SYN != 0 || l.view.settings.SloppyTCP)
}

// first is the state of a connection after its first packet. Whether it counts
// as active does not depend on the direction.
func (l *Lane) first(dir conntrack.Direction, p *wire.Packet) conntrack.State {
	switch p.Proto {
	case wire.ProtoTCP:
		return conntrack.TCPNext(dir, conntrack.None, p.TCPFlags, l.guard.secure)
	case wire.ProtoSCTP:
		return conntrack.SCTPNext(dir, conntrack.SCTPNone, p.SCTP().Signal())
	}
	return conntrack.None
}

// choose finds the server of the flow in hand, nil if none is usable, and
// counts the connection there. control is of its template.
func (l *Lane) choose(svc *Service, conf *service.VirtualService) (s *Server, control conntrack.Ref) {
	if conf.Persistent > 0 {
		return l.persistent(svc, conf)
	}
	return l.pick(svc), 0
}

// ftpDataPort is the source port of active FTP data connections, which ip_vs
// never schedules (kernel ip_vs_core.c, ip_vs_schedule).
const ftpDataPort = 20

// martian reports whether no client can have sent p: its source is impossible,
// one of the virtual addresses, or has port 0, which names templates.
func (l *Lane) martian(p *wire.Packet) bool {
	return wire.Martian(p) || p.SrcPort == 0 || l.view.vips.has(&p.Src)
}

// pick asks the scheduler for a server and counts the connection there, both
// under the service's lock, so that the next pick of any worker sees it.
func (l *Lane) pick(svc *Service) *Server {
	svc.mu.Lock()
	defer svc.mu.Unlock()
	if l.trace != nil {
		l.trace.picking(svc.sched, &l.flow)
	}
	ss := svc.sched.Pick(&l.flow)
	if ss == nil {
		return nil
	}
	s := l.view.server(ss.ID)
	if s == nil || &s.Server != ss { // newer than the batch's snapshot
		s = l.d.view.Load().server(ss.ID)
	}
	l.bind(s)
	return s
}

// bind counts a new connection at a server, as active if its first packet makes
// it so: that of TCP mostly does, that of SCTP only with sloppy_sctp.
func (l *Lane) bind(s *Server) {
	s.refs.Add(1)
	if l.active {
		s.BindActive()
	} else {
		s.Bind()
	}
}

// unbind takes back what bind counted.
func (l *Lane) unbind(s *Server) {
	s.Unbind(l.active)
	s.refs.Add(-1)
}

// start makes the entry of a connection that is bound to s, and sends its
// first packet.
func (l *Lane) start(p *wire.Packet, s *Server, conf *service.VirtualService, control conntrack.Ref) Verdict {
	h := &l.hit
	var spec conntrack.Spec
	l.fillSpec(&spec, p, s, conf)
	spec.Control = control
	if conf.OnePacket && p.Proto == wire.ProtoUDP { // a mark's service has TCP too
		l.onePacket(s, &spec)
	} else if v, ok := l.insert(p, s, &spec); !ok {
		return v
	}
	l.countIn(h, p)
	l.serverDelta(s.ID).Conns++
	return l.transmit(p, h)
}

// insert makes the entry. It fails, with a verdict, if the table is full or if
// another worker has made it in the meantime.
func (l *Lane) insert(p *wire.Packet, s *Server, spec *conntrack.Spec) (v Verdict, ok bool) {
	entered, taken := l.enter(s, spec, l.d.timeouts.Of(p.Proto, spec.State))
	if entered {
		return 0, true
	}
	l.unbind(s)
	l.d.conns.Release(spec.Control)
	if taken {
		if v, ok = l.inbound(p); ok {
			return v, false
		}
	}
	return l.done(DroppedTableFull), false
}

// enter makes the entry, to end after timeout, unless there is one by now.
func (l *Lane) enter(s *Server, spec *conntrack.Spec, timeout time.Duration) (entered, taken bool) {
	var key conntrack.Key
	l.setKey(&key)
	sh := l.d.conns.Lock(l.d.conns.HashKey(&key))
	defer sh.Unlock()
	if sh.FindInbound(&key) != nil {
		return false, true
	}
	c, _ := sh.Insert(&key, spec, l.now, timeout)
	if c == nil {
		return false, false
	}
	l.hit.toServer(s, c)
	if l.trace != nil {
		l.entered(s, c)
	}
	return true, false
}

// setKey sets k to the connection's key of the flow in hand.
func (l *Lane) setKey(k *conntrack.Key) {
	f := &l.flow
	k.Client, k.ClientPort = f.Client, f.ClientPort
	k.Virtual, k.VirtualPort = f.Virtual, f.VirtualPort
	k.Proto = f.Proto
}

// fillSpec fills in the entry of a new connection from its first packet. It has the
// server's port; or the packet's, if the server has none, or if the service is
// persistent and the packet is for another port than the service's own: of an
// all-port, FTP or firewall-mark service (kernel ip_vs_core.c,
// ip_vs_sched_persist).
func (l *Lane) fillSpec(spec *conntrack.Spec, p *wire.Packet, s *Server, conf *service.VirtualService) {
	spec.Method = s.conf.Load().Method
	spec.Real, spec.RealPort = s.Addr, s.Port
	spec.Server, spec.Mark = s.ID, conf.Mark
	dir := conntrack.Inbound
	if spec.Method != service.NAT {
		spec.Flags |= conntrack.NoOutput
		dir = conntrack.InboundOnly
	}
	if s.Port == 0 || conf.Persistent > 0 && p.DstPort != conf.Port {
		spec.RealPort = p.DstPort
	}
	spec.State = l.first(dir, p)
}

// onePacket fills the hit of a datagram that is scheduled for itself and
// leaves no entry (ip_vs --ops).
func (l *Lane) onePacket(s *Server, spec *conntrack.Spec) {
	l.unbind(s)
	l.d.conns.Release(spec.Control)
	l.hit = hit{server: s, method: spec.Method, to: spec.Real, toPort: spec.RealPort}
	if l.trace != nil {
		l.served(s, spec.RealPort)
	}
}
