package doctor

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"ulvs/forward"
	"ulvs/internal/netmon"
	"ulvs/internal/probe"
	"ulvs/service"
	"ulvs/wire"
)

// TTLs of SYNs. One that the server shall take itself has a TTL of 1: a server
// that has not the address and forwards instead says so by ICMP, and the packet
// does not come back to the director as a client's.
const (
	staysTTL  = 1
	routedTTL = 64
)

// attempt is a server that is being tried.
type attempt struct {
	x    *prober
	t    *Tried
	way  netmon.Way
	link netmon.Link
	hop  wire.MAC
}

// try prepares the SYNs to one server of one service, or says why not.
func (x *prober) try(t *Tried) {
	a := attempt{x: x, t: t}
	if t.Why, t.Told = a.obstacle(); t.Why != "" {
		return
	}
	switch own := x.f.Host.own(a.link, t.Server.Addr, x.avoid); {
	case !own.IsValid():
		t.Why = "the director has no address of its own on " + a.link.Name + " to ask from"
	case t.Server.Method == service.NAT:
		a.nat(own)
	case t.Server.Method == service.DR:
		a.dr(own)
	case t.Server.Method == service.Tunnel:
		a.tunnel(own)
	}
}

// obstacle says why a server cannot be asked, and whether that is a finding of
// its own; empty: it can.
func (a *attempt) obstacle() (why string, told bool) {
	t := a.t
	switch {
	case !t.VIP.IsValid():
		return "no rule for TCP gives its mark to one address", false
	case t.Service.Mark == 0 && t.Service.Protocol != service.TCP:
		return t.Service.Protocol.String() + " cannot be judged by a packet that means nothing to the server", false
	case t.Port == 0:
		return "the service is for all ports", false
	}
	var ok bool
	if a.way, a.link, ok = a.x.way(t.Server.Addr); !ok {
		return "there is no way to it by an interface that the daemon works on", true
	}
	if a.way.Gateway.IsValid() && t.Server.Method == service.DR {
		return "it is behind a router, which DR cannot cross", true
	}
	a.hop = a.x.macs[hop{a.link.Index, nextHop(t.Server.Addr, a.way)}]
	if a.hop.IsZero() {
		return "its hardware address, or that of the router before it, is not known", true
	}
	return "", false
}

// syn is a SYN from src to dst at the server's port.
func (a *attempt) syn(src, dst netip.Addr, ttl uint8) probe.SYN {
	return probe.SYN{Interface: interfaceOf(a.link), To: a.hop, Src: wire.AddrFrom(src), Dst: wire.AddrFrom(dst), DstPort: a.t.Port, TTL: ttl}
}

// send has the SYN sent and its answer kept.
func (a *attempt) send(s probe.SYN, to **Reply) {
	port, ok := a.x.p.Port()
	if !ok {
		a.t.Why = "too many servers to ask them all at once"
		return
	}
	s.SrcPort = port
	q := s.Question()
	if q.Frame == nil {
		return // longer than a packet can be
	}
	r := &Reply{From: s.Src.Netip(), To: s.Dst.Netip(), Interface: a.link.Name, Hop: a.hop}
	*to = r
	host := &a.x.f.Host
	a.x.want(q, func(all []probe.Answer) { r.take(host, all) })
}

// nat asks the server itself, and once more from beyond the director: that
// answer comes back only by the server's gateway.
func (a *attempt) nat(own netip.Addr) {
	server := a.t.Server.Addr
	a.send(a.syn(own, server, routedTTL), &a.t.Direct)
	if far := a.beyond(); far.IsValid() {
		a.send(a.syn(far, server, routedTTL), &a.t.Return)
		return
	}
	a.t.NoReturn = fmt.Sprintf("all addresses of the director are in the server's network on %s", a.link.Name)
}

// beyond is an address of the director's that is not in the server's network:
// on a virtual address's link if there is one, else any, else the virtual
// address.
func (a *attempt) beyond() netip.Addr {
	h, vip, server := &a.x.f.Host, a.t.VIP, a.t.Server.Addr
	var found netip.Addr
	for _, x := range h.Addresses {
		addr := x.Prefix.Addr()
		l, ok := h.linkAt(x.Index)
		if !ok || addr.Is4() != server.Is4() || addr.IsLoopback() || addr.IsLinkLocalUnicast() || a.x.avoid[addr] || h.onLink(a.link, addr) {
			continue
		}
		if h.onLink(l, vip) {
			return addr
		}
		if !found.IsValid() {
			found = addr
		}
	}
	if !found.IsValid() && !h.onLink(a.link, vip) {
		found = vip
	}
	return found
}

// dr asks for the virtual address at the server's MAC, and for comparison for
// the server's own.
func (a *attempt) dr(own netip.Addr) {
	a.send(a.syn(own, a.t.VIP, staysTTL), &a.t.Method)
	a.send(a.syn(own, a.t.Server.Addr, staysTTL), &a.t.Direct)
}

// tunnel asks for the virtual address through the tunnel, small and as large as
// may be, and for comparison for the server's own address.
func (a *attempt) tunnel(outer netip.Addr) {
	s, ok := a.inTunnel(outer)
	if !ok {
		a.t.Why = "the director has no address of the virtual address's family to ask from"
		return
	}
	a.send(s, &a.t.Method)
	a.t.MTU = a.link.MTU
	s.Size = a.t.MTU
	a.send(s, &a.t.Large)
	a.send(a.syn(outer, a.t.Server.Addr, routedTTL), &a.t.Direct)
}

// inTunnel is a SYN for the virtual address in the server's tunnel.
func (a *attempt) inTunnel(outer netip.Addr) (probe.SYN, bool) {
	src, vip := outer, a.t.VIP
	if src.Is4() != vip.Is4() {
		if src = a.x.f.Host.own(a.link, vip, a.x.avoid); !src.IsValid() {
			return probe.SYN{}, false
		}
	}
	s := a.syn(src, vip, staysTTL)
	s.Tunnel, s.Outer = tunnelTo(&a.t.Server), wire.AddrFrom(outer)
	return s, true
}

// tunnelTo is the server's tunnel as the director makes it.
func tunnelTo(r *service.RealServer) *forward.Tunnel {
	kind := map[string]forward.Encapsulation{"gre": forward.GRE, "gue": forward.GUE}[r.Tunnel.Type]
	sum := r.Tunnel.Checksum == "csum" || r.Tunnel.Checksum == "remcsum"
	return forward.NewTunnel(wire.AddrFrom(r.Addr), kind, sum, r.Tunnel.Port, 0)
}

// sizes are the lengths of outer packets in bytes that are tried where the
// largest did not come through: the usual MTUs and those less usual headers.
var sizes = []int{576, 1000, 1280, 1300, 1350, 1400, 1420, 1440, 1450, 1460, 1472, 1480, 1492, 1500, 2000, 4000, 8000, 8950, 9000}

// trySizes looks for the largest that does come through.
func (x *prober) trySizes(t *Tried) {
	if t.Large == nil || t.Large.Kind != Silence || !t.Method.heard() {
		return
	}
	a := attempt{x: x, t: t}
	if why, _ := a.obstacle(); why != "" {
		return
	}
	s, ok := a.inTunnel(x.f.Host.own(a.link, t.Server.Addr, x.avoid))
	if !ok {
		return
	}
	replies := map[int]*Reply{}
	for _, n := range sizes {
		if n >= t.MTU {
			break
		}
		s.Size = n
		var r *Reply
		if a.send(s, &r); r != nil {
			replies[n] = r
		}
	}
	t.Sizes = replies
}

// replyKinds are the kinds by those of package probe.
var replyKinds = map[probe.Kind]ReplyKind{
	probe.Accepted: Accepted, probe.Refused: Refused, probe.TTLExceeded: TTLExceeded,
	probe.TooBig: TooBig, probe.Unreachable: Unreachable,
}

// take keeps the answer that says most.
func (r *Reply) take(h *Host, all []probe.Answer) {
	if len(all) == 0 {
		return
	}
	best := slices.MinFunc(all, func(a, b probe.Answer) int { return cmp.Compare(a.Kind, b.Kind) })
	r.Kind, r.MAC, r.After = replyKinds[best.Kind], best.From, best.After
	r.Speaker, r.MTU, r.Code = best.Addr.Netip(), best.MTU, best.Code
	if l, ok := h.linkAt(best.Interface); ok {
		r.By = l.Name
	}
}
