package daemon

import (
	"net/netip"
	"slices"

	"ulvs/dataplane"
	"ulvs/dataplane/filter"
	"ulvs/internal/guard"
	"ulvs/service"
	"ulvs/wire"
)

// balanced are the protocols that the pipeline balances: a mark rule without a
// protocol is about these.
var balanced = []service.Protocol{service.TCP, service.UDP, service.SCTP}

// maxReplyRanges bounds the ranges of ports from which NAT real servers answer:
// packet filter and guard try them one after the other. Beyond, a server is
// taken to answer from all ports.
const maxReplyRanges = 64

// takeover is what the configuration takes over from the host.
type takeover struct {
	services, reals []filter.Endpoint
	marked
}

func (t *takeover) equal(o *takeover) bool {
	return slices.Equal(t.services, o.services) && slices.Equal(t.reals, o.reals) && t.marked.equal(&o.marked)
}

// both returns what both t and o take over.
func (t *takeover) both(o *takeover) *takeover {
	return &takeover{common(t.services, o.services), common(t.reals, o.reals), t.marked.both(&o.marked)}
}

// empty reports whether nothing is taken over.
func (t *takeover) empty() bool {
	return len(t.services)+len(t.reals)+len(t.virtual)+len(t.taken)+len(t.replies) == 0
}

// takeoverOf derives from the configuration what it takes over, and which
// addresses are virtual.
func takeoverOf(director *dataplane.Director) (*takeover, []wire.Addr) {
	table := director.Table()
	t := &takeover{}
	var vips []wire.Addr
	t.services, t.reals, vips = endpoints(table)
	t.marked, t.reals = marks(table, t.reals)
	for _, a := range t.virtual {
		vips = append(vips, wire.AddrFrom(a))
	}
	if len(table.Services()) > 0 { // with none the Director, as the kernel, passes everything
		t.reals = withLeftovers(t.reals, director.Leftovers())
	}
	return t, vips
}

// marked is what the configuration takes over beside endpoints: what mark rules
// lead to services, and the data of FTP services.
type marked struct {
	virtual []netip.Addr  // virtual addresses that are no service's
	taken   []guard.Match // to services, the first match decides
	replies []guard.Match // from NAT real servers
}

func (m *marked) equal(o *marked) bool {
	return slices.Equal(m.virtual, o.virtual) && slices.Equal(m.taken, o.taken) && slices.Equal(m.replies, o.replies)
}

// both returns what both m and o take over: no packet that one of them leaves
// to the host. The exceptions of both come first, which only ever leaves more.
func (m *marked) both(o *marked) marked {
	exceptions := func(list []guard.Match) (out []guard.Match) {
		for _, x := range list {
			if x.Except {
				out = append(out, x)
			}
		}
		return out
	}
	taken := slices.DeleteFunc(common(m.taken, o.taken), func(x guard.Match) bool { return x.Except })
	return marked{
		virtual: common(m.virtual, o.virtual),
		taken:   slices.Concat(exceptions(m.taken), exceptions(o.taken), taken),
		replies: common(m.replies, o.replies),
	}
}

// marks lists what the configuration takes over beside endpoints. NAT servers
// that answer from single ports, or from too many ranges, are added to reals.
func marks(t *service.Table, reals []filter.Endpoint) (marked, []filter.Endpoint) {
	c := marksCollector{table: t, reals: reals, known: map[filter.Endpoint]bool{}, seen: map[guard.Match]bool{}}
	for _, e := range reals {
		c.known[e] = true
	}
	exact := map[netip.Addr]bool{}
	for _, e := range t.Services() {
		exact[e.Addr] = true
		if e.Protocol == service.TCP && e.Port == ftpPort && e.Persistent > 0 {
			c.ftp(e)
		}
	}
	if c.rules() {
		c.virtual = slices.DeleteFunc(t.VirtualAddresses(), func(a netip.Addr) bool { return exact[a] })
	} else { // exceptions of nothing
		c.taken = slices.DeleteFunc(c.taken, func(m guard.Match) bool { return m.Except })
	}
	c.bound()
	return c.marked, c.reals
}

// marksCollector is what marks has found so far.
type marksCollector struct {
	marked
	table *service.Table
	reals []filter.Endpoint
	known map[filter.Endpoint]bool // reals
	seen  map[guard.Match]bool     // replies
}

// Ports of FTP: control, and what may be data (kernel ip_vs_ctl.c,
// ip_vs_service_find).
const ftpPort = 21

var ftpData = []guard.Ports{{First: 20, Last: 20}, {First: 1024, Last: 65535}}

// ftp takes over the data ports of a persistent FTP service. No exception of a
// mark rule is before them: the address is looked up after the marks.
func (c *marksCollector) ftp(e *service.Entry) {
	for _, ports := range ftpData {
		c.taken = append(c.taken, guard.Match{Protocol: uint8(service.TCP), Destination: host(e.Addr), DestinationPorts: ports})
		for _, r := range e.Servers {
			c.reply(&r, service.TCP, ports)
		}
	}
}

// host is the prefix of one address.
func host(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }

// rules takes over what mark rules lead to services, and reports whether there
// is anything.
func (c *marksCollector) rules() (served bool) {
	for _, r := range c.table.Marks() {
		e := c.table.Marked(&r, false) // IPv6 services are refused
		served = served || e != nil
		for _, proto := range balanced {
			if r.Protocol != service.AnyProtocol && r.Protocol != proto {
				continue
			}
			c.taken = append(c.taken, matchOf(&r, proto, e == nil))
			if e == nil {
				continue
			}
			for _, s := range e.Servers {
				c.reply(&s, proto, replyPorts(&r, e, &s))
			}
		}
	}
	return served
}

// matchOf is a rule for one protocol.
func matchOf(r *service.MarkRule, proto service.Protocol, except bool) guard.Match {
	return guard.Match{
		Protocol: uint8(proto), Source: r.Source, Destination: r.Destination, Interface: r.Interface, Except: except,
		SourcePorts: guard.Ports(r.SourcePorts), DestinationPorts: guard.Ports(r.DestinationPorts),
	}
}

// replyPorts are the ports that a server of a mark's service answers from: its
// own, or those that its clients ask for (dataplane, Lane.spec).
func replyPorts(r *service.MarkRule, e *service.Entry, s *service.RealServer) guard.Ports {
	if s.Port == 0 || e.Persistent > 0 {
		return guard.Ports(r.DestinationPorts)
	}
	return guard.Ports{First: s.Port, Last: s.Port}
}

// reply takes over what a NAT server answers from these ports.
func (c *marksCollector) reply(s *service.RealServer, proto service.Protocol, ports guard.Ports) {
	m := guard.Match{Protocol: uint8(proto), Source: host(s.Addr), SourcePorts: ports}
	switch {
	case s.Method != service.NAT || c.seen[m]:
		return
	case ports.First == ports.Last: // one port, or all
		c.real(filter.Endpoint{Addr: s.Addr, Port: ports.First, Proto: uint8(proto)})
	default:
		c.replies = append(c.replies, m)
	}
	c.seen[m] = true
}

// real adds an endpoint, once.
func (c *marksCollector) real(e filter.Endpoint) {
	if !c.known[e] {
		c.known[e] = true
		c.reals = append(c.reals, e)
	}
}

// bound replaces too many ranges by all ports of their servers.
func (c *marksCollector) bound() {
	if len(c.replies) <= maxReplyRanges {
		return
	}
	for _, m := range c.replies {
		c.real(filter.Endpoint{Addr: m.Source.Addr(), Proto: m.Protocol})
	}
	c.replies = nil
}

// serviceRanges and replyRanges are the matches as the packet filter knows
// them: by one address and its port. What more a match asks for, and its
// exceptions, are for the pipeline.
func (m *marked) serviceRanges() (out []filter.Range) {
	for _, x := range m.taken {
		if !x.Except {
			out = append(out, rangeOf(x.Destination, x.Protocol, x.DestinationPorts))
		}
	}
	return out
}

func (m *marked) replyRanges() (out []filter.Range) {
	for _, x := range m.replies {
		out = append(out, rangeOf(x.Source, x.Protocol, x.SourcePorts))
	}
	return out
}

func rangeOf(p netip.Prefix, proto uint8, ports guard.Ports) filter.Range {
	if ports == (guard.Ports{}) {
		ports.Last = 65535
	}
	return filter.Range{Prefix: p, Proto: proto, First: ports.First, Last: ports.Last}
}

// leftoverEndpoints are the endpoints of deleted NAT servers, one for each
// protocol where the server's service was a mark's.
func leftoverEndpoints(l dataplane.Leftover) (out []filter.Endpoint) {
	e := filter.Endpoint{Addr: l.Addr.Netip(), Port: l.Port, Proto: l.Proto}
	if l.Proto != 0 {
		return append(out, e)
	}
	for _, proto := range balanced {
		e.Proto = uint8(proto)
		out = append(out, e)
	}
	return out
}
