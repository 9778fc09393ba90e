package doctor

import (
	"errors"
	"io/fs"
	"net/netip"
	"slices"
	"time"

	"ulvs/control/api"
	"ulvs/internal/netmon"
	"ulvs/internal/probe"
	"ulvs/service"
	"ulvs/wire"
)

// How long answers are waited for. Whoever else has an address answers within a
// few milliseconds on a link; a server behind routers takes longer.
const (
	othersWithin = 300 * time.Millisecond
	answerWithin = 1500 * time.Millisecond
)

// prober asks neighbours and servers and keeps what they answer in the facts.
type prober struct {
	f     *Facts
	p     *probe.Prober
	avoid map[netip.Addr]bool // no sources: virtual addresses
	macs  map[hop]wire.MAC    // that have answered

	questions []probe.Question
	keep      map[probe.Key]func([]probe.Answer)
}

// hop is a neighbour.
type hop struct {
	index int
	addr  netip.Addr
}

// probe asks. Not to be allowed is a fact.
func (f *Facts) probe() error {
	var interfaces []probe.Interface
	for _, l := range f.links() {
		if l.Ethernet && l.Up {
			interfaces = append(interfaces, interfaceOf(l))
		}
	}
	if len(interfaces) == 0 {
		f.Wire.NotSent = "no interface of the daemon's is up"
		return nil
	}
	p, err := probe.Open(interfaces)
	if errors.Is(err, fs.ErrPermission) {
		f.Wire.NotSent = "opening a packet socket needs CAP_NET_RAW"
		return nil
	}
	if err != nil {
		return err
	}
	x := &prober{f: f, p: p, avoid: f.isVIP(), macs: map[hop]wire.MAC{}}
	return errors.Join(x.all(), p.Close())
}

func interfaceOf(l netmon.Link) probe.Interface {
	return probe.Interface{Index: l.Index, Name: l.Name, MAC: l.MAC}
}

// all asks in three steps, each of which needs the answers of the one before.
func (x *prober) all() error {
	x.askVIPs()
	x.askHops()
	if err := x.ask(othersWithin); err != nil {
		return err
	}
	x.f.eachServer(func(s *api.ServiceState, r *api.ServerState) {
		vip, port := x.f.target(s, r)
		x.f.Wire.Servers = append(x.f.Wire.Servers, Tried{Service: s.Key, Server: r.RealServer, VIP: vip, Port: port})
	})
	for i := range x.f.Wire.Servers {
		x.try(&x.f.Wire.Servers[i])
	}
	if err := x.ask(0); err != nil {
		return err
	}
	for i := range x.f.Wire.Servers {
		x.trySizes(&x.f.Wire.Servers[i])
	}
	return x.ask(0)
}

// want adds a question, once, and what to do with its answers.
func (x *prober) want(q probe.Question, keep func([]probe.Answer)) {
	if x.keep == nil {
		x.keep = map[probe.Key]func([]probe.Answer){}
	}
	x.questions = append(x.questions, q)
	x.keep[q.Key] = keep
}

// ask puts the questions.
func (x *prober) ask(least time.Duration) error {
	if len(x.questions) == 0 {
		return nil
	}
	got, err := x.p.Ask(x.questions, least, answerWithin)
	if err != nil {
		return err
	}
	for key, keep := range x.keep {
		keep(got[key])
	}
	x.questions, x.keep = nil, nil
	return nil
}

// askVIPs asks who else has a virtual address, where clients or servers could
// take it from: on the links of its network and of its servers.
func (x *prober) askVIPs() {
	for _, l := range x.f.links() {
		for _, vip := range x.f.vips() {
			if !l.Ethernet || !l.Up || !x.matters(l, vip) {
				continue
			}
			sender := wire.Addr{} // so that nobody learns anything
			if own := x.f.Host.own(l, vip, x.avoid); vip.Is6() && own.IsValid() {
				sender = wire.AddrFrom(own)
			}
			q := probe.WhoHas(interfaceOf(l), sender, wire.AddrFrom(vip))
			q.Optional = true
			x.want(q, func(all []probe.Answer) {
				x.f.Wire.VIPs = append(x.f.Wire.VIPs, Asked{l.Name, vip, macsOf(all)})
			})
		}
	}
}

// matters reports whether somebody on the link could ask for the address.
func (x *prober) matters(l netmon.Link, vip netip.Addr) bool {
	if holder, ok := x.f.Host.holder(vip); ok && holder.Index == l.Index || x.f.Host.onLink(l, vip) {
		return true
	}
	found := false
	x.f.eachServer(func(s *api.ServiceState, r *api.ServerState) {
		of, _ := x.f.target(s, r)
		found = found || of == vip && r.Method == service.DR && x.f.Host.Ways[r.Addr].Index == l.Index
	})
	return found
}

// askHops asks for the hardware addresses of the servers or the routers before
// them.
func (x *prober) askHops() {
	x.f.eachServer(func(_ *api.ServiceState, r *api.ServerState) {
		way, l, ok := x.way(r.Addr)
		if !ok {
			return
		}
		h := hop{l.Index, nextHop(r.Addr, way)}
		if _, asked := x.macs[h]; asked {
			return
		}
		x.macs[h] = wire.MAC{}
		sender := wire.Addr{}
		if own := x.f.Host.own(l, h.addr, x.avoid); own.IsValid() {
			sender = wire.AddrFrom(own)
		}
		x.want(probe.WhoHas(interfaceOf(l), sender, wire.AddrFrom(h.addr)), func(all []probe.Answer) {
			x.f.Wire.Hops = append(x.f.Wire.Hops, Asked{l.Name, h.addr, macsOf(all)})
			if len(all) > 0 {
				x.macs[h] = all[0].From
			}
		})
	})
}

// way is how a server is reached, if that is by an interface that is asked on.
func (x *prober) way(server netip.Addr) (netmon.Way, netmon.Link, bool) {
	way, ok := x.f.Host.Ways[server]
	if !ok || way.Local {
		return way, netmon.Link{}, false
	}
	i := slices.IndexFunc(x.f.links(), func(l netmon.Link) bool { return l.Index == way.Index && l.Ethernet && l.Up })
	if i < 0 {
		return way, netmon.Link{}, false
	}
	return way, x.f.links()[i], true
}

// nextHop is who gets the frames for dst.
func nextHop(dst netip.Addr, way netmon.Way) netip.Addr {
	if way.Gateway.IsValid() {
		return way.Gateway
	}
	return dst
}

// macsOf lists who answered.
func macsOf(all []probe.Answer) (macs []wire.MAC) {
	for _, a := range all {
		if a.Kind == probe.Resolved && !slices.Contains(macs, a.From) {
			macs = append(macs, a.From)
		}
	}
	return macs
}
