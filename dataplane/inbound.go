package dataplane

import (
	"ulvs/conntrack"
	"ulvs/service"
	"ulvs/wire"
)

// hit is what the rest of the way needs of a connection, copied out while its
// shard was locked.
type hit struct {
	server *Server
	method service.Method
	toPort uint16
	// to and toPort are what NAT rewrites to: the real server's end for a
	// client's packet, the virtual end for a reply. Valid for NAT only.
	to wire.Addr
}

// outcome of a look-up in the connection table.
type outcome uint8

const (
	missed     outcome = iota // no such connection
	found                     // go on with the hit
	gone                      // its real server was deleted: drop silently
	reschedule                // it has ended: take the packet as the first of a new one
	refused                   // closed and a SYN with RST: drop
	notNAT                    // a server's packet that DR or TUN lets pass by
)

// inbound handles a packet of a known connection from the client; ok is false
// if there is none.
func (l *Lane) inbound(p *wire.Packet) (v Verdict, ok bool) {
	var key conntrack.Key
	clientKey(p, &key)
	h := &l.hit
	o := l.inboundHit(&key, p, h)
	if l.trace != nil {
		l.trace.looked(wire.WayInbound, &key, o)
	}
	switch o {
	case missed:
		return 0, false
	case gone:
		return l.done(DroppedServerGone), true
	case refused:
		return l.done(DroppedReuse), true
	case reschedule:
		return l.newFlow(p), true
	}
	l.countIn(h, p)
	return l.transmit(p, h), true
}

// clientKey sets k to the key of a client's packet. Field by field: a literal
// is built apart and copied in pieces of 16 bytes, which have to wait for the
// fresh stores of 8 (7 ns of a hit).
func clientKey(p *wire.Packet, k *conntrack.Key) {
	k.Client, k.ClientPort = p.Src, p.SrcPort
	k.Virtual, k.VirtualPort = p.Dst, p.DstPort
	k.Proto = p.Proto
}

// serverKey sets k to the key of a real server's packet, the real end in place
// of the virtual one.
func serverKey(p *wire.Packet, k *conntrack.Key) {
	k.Client, k.ClientPort = p.Dst, p.DstPort
	k.Virtual, k.VirtualPort = p.Src, p.SrcPort
	k.Proto = p.Proto
}

// inboundHit looks the connection up, moves its state on and copies it out.
func (l *Lane) inboundHit(key *conntrack.Key, p *wire.Packet, h *hit) outcome {
	sh := l.lock(p, key, wire.WayInbound)
	defer sh.Unlock()
	c := sh.FindInbound(key)
	if c == nil || c.Has(conntrack.Template) { // which has client port 0
		return missed
	}
	if p.Proto == wire.ProtoTCP && p.TCPFlags&wire.SYN != 0 && l.afresh(c) {
		sh.Expire(c, l.now)
		if p.TCPFlags&wire.RST != 0 {
			return refused
		}
		return reschedule
	}
	if p.Proto == wire.ProtoSCTP && l.reopensSCTP(c, p) {
		sh.Expire(c, l.now)
		return reschedule
	}
	s := l.server(c.Server())
	if s == nil || s.Deleted.Load() {
		if l.view.settings.ExpireNodestConn {
			sh.Expire(c, l.now)
			return reschedule
		}
		return gone
	}
	from, dir := c.State(), c.Direction(false)
	l.advance(sh, c, s, dir, p)
	c.CountPacket()
	h.toServer(s, c)
	if l.trace != nil {
		l.moved(s, c, dir, from)
	}
	return found
}

// afresh reports whether a SYN or INIT on the connection starts a new one: with
// expire_nodest_conn if its server is quiesced, else by conn_reuse_mode, unless
// a template controls it (kernel ip_vs_core.c, ip_vs_in_hook and
// is_new_conn_expected).
func (l *Lane) afresh(c *conntrack.Conn) bool {
	set := &l.view.settings
	if set.ExpireNodestConn {
		if s := l.server(c.Server()); s != nil && s.Weight.Load() == 0 {
			return true
		}
	}
	if set.ConnReuseMode == 0 || c.Control() != 0 {
		return false
	}
	if c.Proto() == wire.ProtoSCTP {
		return c.State() == conntrack.SCTPClosed
	}
	switch c.State() {
	case conntrack.TimeWait, conntrack.Close:
		return true
	case conntrack.FinWait:
		return set.ConnReuseMode&reuseFinWait != 0 && c.Has(conntrack.NoOutput)
	}
	return false
}

// reuseFinWait is the bit of conn_reuse_mode that stands for FIN_WAIT.
const reuseFinWait = 2

// advance applies one packet to a connection: state, counts, deadline. The
// connection's shard is locked.
func (l *Lane) advance(sh *conntrack.Shard, c *conntrack.Conn, s *Server, dir conntrack.Direction, p *wire.Packet) {
	if p.Proto == wire.ProtoTCP {
		if next := conntrack.TCPNext(dir, c.State(), p.TCPFlags, l.guard.secure); next != c.State() {
			s.recount(sh.SetState(c, next))
		}
	} else if p.Proto == wire.ProtoSCTP {
		advanceSCTP(sh, c, s, dir, p)
	} else if dir == conntrack.Outbound {
		l.d.conns.Assure(c.Control()) // kernel ip_vs_proto_udp.c, udp_state_transition
	}
	sh.Touch(c, l.now, l.d.timeouts.Of(p.Proto, c.State()))
}

// recount follows a connection's change of state in its server's counts.
func (s *Server) recount(c conntrack.Change) {
	switch c {
	case conntrack.Activated:
		s.Activate()
	case conntrack.Deactivated:
		s.Deactivate()
	}
}

// toServer fills h for a packet to the real server.
func (h *hit) toServer(s *Server, c *conntrack.Conn) {
	h.server, h.method = s, c.Method()
	if h.method == service.NAT {
		h.to, h.toPort = c.Real(), c.RealPort()
	}
}

// toClient fills h for a packet of the real server to the client.
func (h *hit) toClient(s *Server, c *conntrack.Conn) {
	h.server, h.method = s, c.Method()
	h.to, h.toPort = c.Virtual(), c.VirtualPort()
}

// countIn counts a client's packet for its server and service, but not if the
// server was deleted (kernel ip_vs_core.c, ip_vs_in_stats).
func (l *Lane) countIn(h *hit, p *wire.Packet) {
	if h.server.Deleted.Load() {
		return
	}
	d := l.serverDelta(h.server.ID)
	d.InPkts++
	d.InBytes += uint64(p.IPLen())
}

// countOut counts a server's packet likewise.
func (l *Lane) countOut(h *hit, p *wire.Packet) {
	if h.server.Deleted.Load() {
		return
	}
	d := l.serverDelta(h.server.ID)
	d.OutPkts++
	d.OutBytes += uint64(p.IPLen())
}
