package dataplane

import (
	"cmp"
	"maps"
	"math/bits"
	"net/netip"
	"slices"

	"ulvs/service"
	"ulvs/wire"
)

// markSet is the compiled form of the mark rules in a view; it is there only if
// at least one of them leads to a service. It is asked only about packets of no
// known connection.
type markSet struct {
	rules []markRule
	spans []span // of destinations that rules lead to services, disjoint, in order
}

// markRule is one rule. The rules are compared in turn, so that a packet of no
// connection costs some 2 ns more for each rule before the one that matches
// (BenchmarkMarked).
type markRule struct {
	src, dst       subnet
	sports, dports [2]uint16 // first, last
	in             int32     // port index, anyPort
	proto          uint8     // 0 any
	// services are those of the mark, of IPv4 and IPv6; nil where there is none.
	services [2]*Service
}

// Values of markRule.in.
const (
	anyPort = -1
	noPort  = -2 // an interface that ulvs does not work on
)

// subnet holds a prefix as words to compare; the zero subnet contains every
// address.
type subnet struct{ w0, w1, m0, m1 uint64 }

func (s *subnet) has(a *wire.Addr) bool {
	w0, w1 := a.Words()
	return (w0^s.w0)&s.m0|(w1^s.w1)&s.m1 == 0
}

func newSubnet(p netip.Prefix) (s subnet) {
	if !p.IsValid() {
		return s
	}
	var mask [16]byte
	for i := range bitsOf(p) {
		mask[i/8] |= 0x80 >> (i % 8)
	}
	s.w0, s.w1 = wire.AddrFrom(p.Addr()).Words()
	s.m0, s.m1 = wire.AddrFrom16(mask).Words()
	return s
}

// bitsOf is the length of the prefix in the 16-byte form.
func bitsOf(p netip.Prefix) int { return p.Bits() + 128 - p.Addr().BitLen() }

// matchesEnds compares all but the ports.
func (r *markRule) matchesEnds(p *wire.Packet) bool {
	return r.dst.has(&p.Dst) && (r.proto == 0 || r.proto == p.Proto) && r.src.has(&p.Src) &&
		(r.in == anyPort || r.in == int32(p.In))
}

func (r *markRule) matches(p *wire.Packet) bool {
	return r.matchesEnds(p) && r.dports[0] <= p.DstPort && p.DstPort <= r.dports[1] &&
		r.sports[0] <= p.SrcPort && p.SrcPort <= r.sports[1]
}

// of returns the service of the packet's family, nil if there is none.
func (r *markRule) of(p *wire.Packet) *Service {
	if p.Dst.Is4() {
		return r.services[0]
	}
	return r.services[1]
}

// service returns the service whose mark the packet gets, nil if none.
func (m *markSet) service(p *wire.Packet) *Service {
	w0, w1 := p.Dst.Words()
	for i := range m.rules {
		r := &m.rules[i]
		if (w0^r.dst.w0)&r.dst.m0|(w1^r.dst.w1)&r.dst.m1 == 0 && r.matches(p) { // the first part is dst.has
			return r.of(p)
		}
	}
	return nil
}

// mayTake reports whether a fragment, which has no ports, may be part of a
// packet that a rule leads to a service.
func (m *markSet) mayTake(p *wire.Packet) bool {
	for i := range m.rules {
		if r := &m.rules[i]; r.matchesEnds(p) && r.of(p) != nil {
			return true
		}
	}
	return false
}

// covers reports whether a rule may lead a packet to a to a service: a search
// by halves among at most service.MaxMarkRules spans.
func (m *markSet) covers(a *wire.Addr) bool {
	v := valueOf(a)
	from, to := 0, len(m.spans)
	for from < to {
		half := (from + to) / 2
		switch s := &m.spans[half]; {
		case s.last.less(v):
			from = half + 1
		case v.less(s.first):
			to = half
		default:
			return true
		}
	}
	return false
}

// marked is covers for the view in use; without mark rules it is one
// comparison with nil.
func (l *Lane) marked(a *wire.Addr) bool { return l.view.marks != nil && l.view.marks.covers(a) }

// value is an address as a number.
type value struct{ hi, lo uint64 }

func valueOf(a *wire.Addr) value {
	w0, w1 := a.Words()
	return value{bits.ReverseBytes64(w0), bits.ReverseBytes64(w1)}
}

func (v value) less(o value) bool { return v.hi < o.hi || v.hi == o.hi && v.lo < o.lo }

func (v value) compare(o value) int { return cmp.Or(cmp.Compare(v.hi, o.hi), cmp.Compare(v.lo, o.lo)) }

// span is a range of addresses, both ends included.
type span struct{ first, last value }

func spanOf(p netip.Prefix) span {
	a := wire.AddrFrom(p.Addr())
	first := valueOf(&a)
	host := 128 - bitsOf(p) // bits
	last := first
	last.lo |= 1<<min(host, 64) - 1 // a shift by 64 gives 0, less 1 all ones
	if host > 64 {
		last.hi |= 1<<(host-64) - 1
	}
	return span{first, last}
}

// join sorts spans of prefixes and leaves out those within others.
func join(spans []span) (out []span) {
	slices.SortFunc(spans, func(a, b span) int {
		return cmp.Or(a.first.compare(b.first), b.last.compare(a.last))
	})
	for _, s := range spans {
		if n := len(out); n == 0 || out[n-1].last.less(s.last) {
			out = append(out, s)
		}
	}
	return out
}

// anyOf are all addresses of IPv4 and of IPv6.
var anyOf = [2]netip.Prefix{netip.PrefixFrom(netip.IPv4Unspecified(), 0), netip.PrefixFrom(netip.IPv6Unspecified(), 0)}

// compileMarks makes the form in which the packet path has the rules of t, nil
// if they lead nowhere. d.mu is held.
func (d *Director) compileMarks(t *service.Table) *markSet {
	m := &markSet{}
	var spans []span
	for _, r := range t.Marks() {
		c := d.compileMark(&r)
		for i, six := range []bool{false, true} {
			e := t.Marked(&r, six)
			if e == nil {
				continue
			}
			c.services[i] = d.services[e.Key]
			dst := r.Destination
			if !dst.IsValid() {
				dst = anyOf[i]
			}
			spans = append(spans, spanOf(dst))
		}
		m.rules = append(m.rules, c)
	}
	if len(spans) == 0 {
		return nil
	}
	m.spans = join(spans)
	return m
}

// compileMark is compileMarks for what of a rule does not depend on services.
func (d *Director) compileMark(r *service.MarkRule) markRule {
	c := markRule{
		src: newSubnet(r.Source), dst: newSubnet(r.Destination), proto: uint8(r.Protocol),
		sports: bounds(r.SourcePorts), dports: bounds(r.DestinationPorts), in: anyPort,
	}
	if r.Interface != "" {
		c.in = noPort
		if port, known := d.interfaces[r.Interface]; known {
			c.in = int32(port)
		}
	}
	return c
}

func bounds(r service.PortRange) [2]uint16 {
	if r.IsZero() {
		return [2]uint16{0, 65535}
	}
	return [2]uint16{r.First, r.Last}
}

// SetInterfaces says which port each interface is, for mark rules that name
// one. A rule that names another matches nothing.
func (d *Director) SetInterfaces(ports map[string]uint16) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if maps.Equal(d.interfaces, ports) {
		return
	}
	d.interfaces = maps.Clone(ports)
	t := d.view.Load().table
	if slices.ContainsFunc(t.Marks(), func(r service.MarkRule) bool { return r.Interface != "" }) {
		d.publish(t)
	}
}
