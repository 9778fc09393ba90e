package dataplane

import (
	"ulvs/conntrack"
	"ulvs/dataplane/nexthop"
	"ulvs/wire"
)

// groupSize is how many packets are prepared together: enough to hide most of
// the cache misses, few enough that what they bring in is still in the first
// level when the packets are decided (64 cost 3 ns more for each where the table
// is small).
const groupSize = 16

// prepared is what is known of a packet before it is decided.
type prepared struct {
	ahead conntrack.Ahead
	view  wire.Plain
	plain bool // view is valid, nothing is parsed
	reply bool // plain, and not to a virtual address
	aimed bool // ahead is valid
	hop   *nexthop.Hop
}

// prepareGroup does for packets that arrived together what each has to wait
// for, its header, its slot in the index of connections, its entry, so that the
// waiting is done together. Each of the packets is to be decided next, with its
// place in l.prepared.
func (l *Lane) prepareGroup(pkts []wire.Packet) {
	for i := range pkts {
		l.prepare(&pkts[i], &l.prepared[i])
	}
	for i := range pkts {
		if r := &l.prepared[i]; r.aimed {
			l.d.conns.Look(&r.ahead)
		}
	}
	for i := range pkts {
		if r := &l.prepared[i]; r.aimed {
			l.d.conns.Reach(&r.ahead)
		}
	}
}

// prepare looks whether p is plain, else parses it, and begins its look-up if it
// has one.
func (l *Lane) prepare(p *wire.Packet, r *prepared) {
	r.plain = !l.parseAll && p.Plain(&r.view) && l.view.has4 && p.PlainTTL() > 1
	if !r.plain {
		r.aimed = l.parse(p, &r.ahead)
		return
	}
	dst := wire.AddrFromV4(r.view.Dst)
	r.reply = !l.view.vips.has(&dst) && !l.marked(&dst)
	r.aimed = true
	l.d.conns.AimPlain(&r.ahead, &r.view, r.reply)
}

// unplain makes a plain packet one that is parsed.
func (l *Lane) unplain(p *wire.Packet, r *prepared) {
	p.SetPlain(&r.view)
	p.Fault, p.Hash, p.Way = wire.FaultNone, uint64(r.ahead.Hash), wire.WayInbound
	if r.reply {
		p.Way = wire.WayOutbound
	}
}

// parse parses a packet and begins its look-up, if it has one: TCP, UDP and SCTP
// do. The destination tells which direction to try first.
func (l *Lane) parse(p *wire.Packet, a *conntrack.Ahead) bool {
	p.Way = wire.WayUnknown
	if notOurs(p) {
		return false
	}
	p.Fault = wire.Parse(p)
	if p.Fault != wire.FaultNone || !hasPorts(p.Proto) || p.IsFragment() {
		return false
	}
	if l.view.vips.has(&p.Dst) || l.marked(&p.Dst) {
		p.Way = wire.WayInbound
		l.d.conns.AimInbound(a, &p.Src, &p.Dst, p.SrcPort, p.DstPort, p.Proto)
	} else {
		p.Way = wire.WayOutbound
		l.d.conns.AimOutbound(a, &p.Dst, &p.Src, p.DstPort, p.SrcPort, p.Proto)
	}
	p.Hash = uint64(a.Hash)
	return true
}

// hasPorts reports whether connections of the protocol are balanced.
func hasPorts(proto uint8) bool {
	return proto == wire.ProtoTCP || proto == wire.ProtoUDP || proto == wire.ProtoSCTP
}

// notOurs tells the frames that are not even parsed.
func notOurs(p *wire.Packet) bool {
	return p.PktType == wire.ToOtherHost || p.PktType == wire.Outgoing || p.HasVLAN
}

// lock locks the shard of a packet's connection, by the hash that prepare found
// if it looked that way.
func (l *Lane) lock(p *wire.Packet, k *conntrack.Key, way wire.Way) *conntrack.Shard {
	if p.Way == way {
		return l.d.conns.Lock(conntrack.Hash(p.Hash))
	}
	return l.d.conns.Lock(l.d.conns.HashKey(k))
}
