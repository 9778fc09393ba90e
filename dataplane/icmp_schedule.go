package dataplane

import (
	"time"

	"ulvs/conntrack"
	"ulvs/forward"
	"ulvs/sched"
	"ulvs/service"
	"ulvs/wire"
)

// newTimeout is how long a connection lives that no packet of its own has moved
// to a state yet (kernel ip_vs_conn.c, ip_vs_conn_new).
const newTimeout = 3 * time.Second

// scheduleError treats an ICMP error that quotes the reply of a virtual service
// on no connection, with schedule_icmp, as the first packet of that connection
// (kernel ip_vs_core.c, ip_vs_in_icmp): a router's word may reach the server of
// a connection that another director made.
func (l *Lane) scheduleError(p *wire.Packet, q *forward.Quoted) (v Verdict, ok bool) {
	svc := l.view.match(&wire.Packet{Proto: q.Proto, Src: q.Dst, SrcPort: q.DstPort, Dst: q.Src, DstPort: q.SrcPort, In: p.In})
	if l.trace != nil {
		l.trace.matched(svc, q.SrcPort)
	}
	if svc == nil || q.DstPort == 0 {
		return 0, false
	}
	if !forward.ValidICMP(p) {
		return l.done(DroppedICMPBad), true
	}
	if l.guard.drops() {
		return l.done(DroppedDefence), true
	}
	l.active = false
	l.flow = sched.Flow{
		Client: q.Dst, ClientPort: q.DstPort,
		Virtual: q.Src, VirtualPort: q.SrcPort, Proto: q.Proto, Now: l.now,
	}
	conf := svc.conf.Load()
	s, control := l.choose(svc, conf)
	if s == nil {
		return l.done(DroppedNoAnswer), true // no error about an error
	}
	if !l.enterQuoted(s, conf, control) {
		return l.done(DroppedTableFull), true
	}
	l.serverDelta(s.ID).Conns++
	return l.errorInbound(p), true
}

// enterQuoted makes the entry of the flow in hand, without a state.
func (l *Lane) enterQuoted(s *Server, conf *service.VirtualService, control conntrack.Ref) bool {
	quoted := wire.Packet{Proto: wire.ProtoICMP, DstPort: l.flow.VirtualPort}
	var spec conntrack.Spec
	l.fillSpec(&spec, &quoted, s, conf)
	spec.Control = control
	entered, _ := l.enter(s, &spec, newTimeout)
	if !entered {
		l.unbind(s)
		l.d.conns.Release(control)
	}
	return entered
}
