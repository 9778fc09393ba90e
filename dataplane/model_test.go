package dataplane_test

import (
	"slices"
	"time"

	"ulvs/conntrack"
	"ulvs/dataplane"
	"ulvs/service"
	"ulvs/wire"
)

// model is a slow Director of one TCP service under rr, in plain Go: lists that
// are searched and deadlines that are compared. It knows nothing of lanes,
// shards and batches.
type model struct {
	now        time.Duration
	persistent time.Duration
	servers    []*modelServer // newest first; deleted ones are not in it
	trash      []*modelServer
	last       *modelServer // that rr points at; nil before the first
	conns      []*modelConn
	templates  []*modelTemplate
	timeouts   *conntrack.Timeouts
}

type modelServer struct {
	n, weight, upper, lower int
	method                  service.Method
	overloaded, deleted     bool
	active, inactive        int
	templates               int
}

type modelConn struct {
	client, port int
	server       *modelServer
	method       service.Method
	state        conntrack.State
	deadline     time.Duration
	template     *modelTemplate
	ending       bool // replaced; goes when time passes
}

type modelTemplate struct {
	client   int
	server   *modelServer
	lifetime time.Duration // after each new connection; once prolonged, a minute
	deadline time.Duration
	holders  int
	invalid  bool
}

func (s *modelServer) usable() bool { return s.weight > 0 && !s.overloaded }
func (s *modelServer) total() int   { return s.active + s.inactive }

// bind and unbind count with the thresholds' hysteresis (ipvsadm(8), -x, -y).
func (s *modelServer) bind() {
	s.active++
	s.full()
}

func (s *modelServer) full() {
	if s.upper > 0 && s.total() >= s.upper {
		s.overloaded = true
	}
}

func (s *modelServer) freed() {
	switch {
	case s.lower > 0 && s.total() < s.lower, s.lower == 0 && s.upper > 0 && 4*s.total() < 3*s.upper, s.lower == 0 && s.upper == 0:
		s.overloaded = false
	}
}

func (s *modelServer) unbind(active bool) {
	if active {
		s.active--
	} else {
		s.inactive--
	}
	s.freed()
}

// pick is rr: the first usable server after the last one.
func (m *model) pick() *modelServer {
	at := slices.Index(m.servers, m.last)
	for i := range m.servers {
		s := m.servers[(at+1+i)%len(m.servers)]
		if s.usable() {
			m.last = s
			return s
		}
	}
	return nil
}

// find returns the connection of a client's end.
func (m *model) find(client, port int) *modelConn {
	for _, c := range m.conns {
		if c.client == client && c.port == port && !c.ending {
			return c
		}
	}
	return nil
}

// clientPacket is what the Director shall do with a client's packet: the
// reason and the server that it goes to.
func (m *model) clientPacket(client, port int, flags uint8) (dataplane.Reason, int) {
	c := m.find(client, port)
	if c != nil && c.template == nil && flags&wire.SYN != 0 && (c.state == conntrack.TimeWait || c.state == conntrack.Close) {
		c.ending = true
		if flags&wire.RST != 0 {
			return dataplane.DroppedReuse, 0
		}
		c = nil
	}
	if c == nil {
		return m.newConn(client, port, flags)
	}
	if c.server.deleted {
		return dataplane.DroppedServerGone, 0
	}
	dir := conntrack.Inbound
	if c.method != service.NAT {
		dir = conntrack.InboundOnly
	}
	m.move(c, conntrack.TCPNext(dir, c.state, flags, false))
	return forwardedBy(c.method), c.server.n
}

func forwardedBy(method service.Method) dataplane.Reason {
	switch method {
	case service.NAT:
		return dataplane.ForwardedNAT
	case service.Tunnel:
		return dataplane.ForwardedTunnel
	}
	return dataplane.ForwardedDR
}

// newConn is the first packet of a connection.
func (m *model) newConn(client, port int, flags uint8) (dataplane.Reason, int) {
	if flags&(wire.SYN|wire.RST) != wire.SYN {
		return dataplane.PassedNotSYN, 0
	}
	s, t := m.choose(client)
	if s == nil {
		return dataplane.AnsweredUnreachable, 0
	}
	c := &modelConn{client: client, port: port, server: s, method: s.method, state: conntrack.SynRecv, template: t}
	c.deadline = m.now + m.timeouts.Of(wire.ProtoTCP, c.state)
	m.conns = append(m.conns, c)
	return forwardedBy(c.method), s.n
}

// choose picks a server, or takes the one of the client's template.
func (m *model) choose(client int) (*modelServer, *modelTemplate) {
	if m.persistent == 0 {
		if s := m.pick(); s != nil {
			s.bind()
			return s, nil
		}
		return nil, nil
	}
	for _, t := range m.templates {
		if t.client != client || t.invalid {
			continue
		}
		if !t.server.deleted {
			t.deadline = m.now + t.lifetime
			t.holders++
			t.server.bind()
			return t.server, t
		}
		t.invalid = true
	}
	s := m.pick()
	if s == nil {
		return nil, nil
	}
	s.bind()
	s.templates++
	s.full()
	t := &modelTemplate{client: client, server: s, lifetime: m.persistent, deadline: m.now + m.persistent, holders: 1}
	m.templates = append(m.templates, t)
	return s, t
}

// move changes a connection's state and restarts its timer.
func (m *model) move(c *modelConn, to conntrack.State) {
	was, is := conntrack.Active(wire.ProtoTCP, c.state), conntrack.Active(wire.ProtoTCP, to)
	if was != is {
		if is {
			c.server.active, c.server.inactive = c.server.active+1, c.server.inactive-1
		} else {
			c.server.active, c.server.inactive = c.server.active-1, c.server.inactive+1
		}
	}
	c.state, c.deadline = to, m.now+m.timeouts.Of(wire.ProtoTCP, to)
}

// serverPacket is what the Director shall do with a server's packet.
func (m *model) serverPacket(n, client, port int, flags uint8) dataplane.Reason {
	c := m.find(client, port)
	if c == nil || c.method != service.NAT || c.server.n != n {
		return dataplane.PassedNoService
	}
	m.move(c, conntrack.TCPNext(conntrack.Outbound, c.state, flags, false))
	return dataplane.ForwardedReply
}

// pass lets time pass. Whether a template that runs out together with its last
// connection is prolonged depends on which of the two is looked at first: then
// alive says what happened.
func (m *model) pass(d time.Duration, alive func(*modelTemplate) bool) {
	m.now += d
	held := map[*modelTemplate]bool{}
	for _, t := range m.templates {
		held[t] = t.holders > 0
	}
	m.conns = slices.DeleteFunc(m.conns, func(c *modelConn) bool {
		if !c.ending && c.deadline > m.now {
			return false
		}
		c.server.unbind(conntrack.Active(wire.ProtoTCP, c.state))
		if c.template != nil {
			c.template.holders--
		}
		return true
	})
	m.templates = slices.DeleteFunc(m.templates, func(t *modelTemplate) bool {
		if t.deadline > m.now {
			return false
		}
		if t.holders > 0 || held[t] && alive(t) {
			t.lifetime = time.Minute
			t.deadline = m.now + t.lifetime
			return false
		}
		t.server.templates--
		t.server.freed()
		return true
	})
}

// add puts a server at the head, a deleted one with its connections.
func (m *model) add(s modelServer) {
	i := slices.IndexFunc(m.trash, func(d *modelServer) bool { return d.n == s.n })
	revived := &s
	if i >= 0 {
		revived = m.trash[i]
		m.trash = slices.Delete(m.trash, i, i+1)
		revived.deleted = false
	}
	revived.edit(s)
	m.servers = slices.Insert(m.servers, 0, revived)
}

// edit stores new settings. Only a higher or no upper threshold opens.
func (s *modelServer) edit(to modelServer) {
	if to.upper == 0 || to.upper > s.upper {
		s.overloaded = false
	}
	s.weight, s.upper, s.lower, s.method = to.weight, to.upper, to.lower, to.method
}

// remove deletes a server; rr steps back to the one before it.
func (m *model) remove(n int) {
	i := slices.IndexFunc(m.servers, func(s *modelServer) bool { return s.n == n })
	s := m.servers[i]
	if m.last == s {
		m.last = nil
		if i > 0 {
			m.last = m.servers[i-1]
		}
	}
	m.servers = slices.Delete(m.servers, i, i+1)
	s.deleted = true
	if m.used(s) {
		m.trash = append(m.trash, s)
	}
}

// used reports whether connections or templates name a server.
func (m *model) used(s *modelServer) bool {
	return slices.ContainsFunc(m.conns, func(c *modelConn) bool { return c.server == s }) ||
		slices.ContainsFunc(m.templates, func(t *modelTemplate) bool { return t.server == s })
}
