package daemon

import (
	"slices"

	"ulvs/dataplane"
	"ulvs/internal/pcapfilter"
	"ulvs/wire"
)

// observer looks at one lane's packets for all traces. It is replaced when one
// begins or ends. Only its worker calls it.
type observer struct {
	quick  pcapfilter.Quick
	traces []*trace
	wants  uint64 // bit i: traces[i] gets the packet in hand
}

// newObserver returns the observer of traces, nil for none.
func newObserver(traces []*trace) dataplane.Observer {
	if len(traces) == 0 {
		return nil
	}
	o := &observer{traces: slices.Clone(traces)}
	var filters []*pcapfilter.Program
	for _, t := range traces {
		filters = append(filters, t.filter)
	}
	o.quick = pcapfilter.NewQuick(filters...)
	switch o.quick.Places() {
	case pcapfilter.Ports:
		return &byPort{*o}
	case pcapfilter.Hosts:
		return &byHost{*o}
	}
	return o
}

// Wants implements dataplane.Observer. Most packets are refused at once.
func (o *observer) Wants(p *wire.Packet) bool {
	frame := p.Buf[p.Start:p.End]
	if f := o.quick.Plain(frame); f != nil && o.quick.OtherPorts(f) && o.quick.OtherHosts(f) && o.quick.OtherProtocol(f) {
		return false
	}
	return o.asks(frame)
}

// byPort and byHost are observers that have less to compare: a nanosecond of the
// four that a packet costs that is refused.
type (
	byPort struct{ observer }
	byHost struct{ observer }
)

// Wants implements dataplane.Observer.
func (o *byPort) Wants(p *wire.Packet) bool {
	frame := p.Buf[p.Start:p.End]
	if f := o.quick.Plain(frame); f != nil && o.quick.OtherPorts(f) {
		return false
	}
	return o.asks(frame)
}

// Wants implements dataplane.Observer.
func (o *byHost) Wants(p *wire.Packet) bool {
	frame := p.Buf[p.Start:p.End]
	if f := o.quick.Plain(frame); f != nil && o.quick.OtherHosts(f) {
		return false
	}
	return o.asks(frame)
}

// asks asks every trace.
func (o *observer) asks(frame []byte) bool {
	if o.quick.RejectsMore(frame) {
		return false
	}
	o.wants = 0
	for i, t := range o.traces {
		if t.filter.Match(frame) && t.admit() {
			o.wants |= 1 << i
		}
	}
	return o.wants != 0
}

// Traced implements dataplane.Observer. All traces share one copy.
func (o *observer) Traced(d *dataplane.Trace) {
	s := copySighting(d)
	for i, t := range o.traces {
		if o.wants>>i&1 != 0 {
			t.offer(s)
		}
	}
}

// sighting is a copy of a Trace that outlives the packet. Nobody changes it.
type sighting struct {
	dataplane.Trace
	bytes int // of memory, about
}

// copySighting copies d with all it refers to. Frames are copied whole: what was
// rewritten is found by parsing them again.
func copySighting(d *dataplane.Trace) *sighting {
	s := &sighting{Trace: *d, bytes: 1024 + len(d.Before)}
	s.Before = slices.Clone(d.Before)
	s.Packet.Buf = s.Before
	s.Lookups = slices.Clone(d.Lookups)
	s.Sent = slices.Clone(d.Sent)
	for i := range s.Sent {
		s.Sent[i].Frame = slices.Clone(s.Sent[i].Frame)
		s.bytes += len(s.Sent[i].Frame)
	}
	e := &s.Pick.Explanation
	e.Facts, e.Candidates = slices.Clone(e.Facts), slices.Clone(e.Candidates)
	s.bytes += 128 * (len(e.Facts) + len(e.Candidates))
	return s
}
