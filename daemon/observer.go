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
	return o
}

// Wants implements dataplane.Observer.
func (o *observer) Wants(p *wire.Packet) bool {
	frame := p.Buf[p.Start:p.End]
	if f := o.quick.Plain(frame); f != nil && o.quick.OtherPorts(f) && o.quick.OtherHosts(f) {
		return false // most packets
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
	snap := 0
	for i, t := range o.traces {
		if o.wants>>i&1 != 0 {
			snap = max(snap, t.snap)
		}
	}
	s := copySighting(d, snap)
	for i, t := range o.traces {
		if o.wants>>i&1 != 0 {
			t.offer(s)
		}
	}
}

// sighting is a copy of a Trace that outlives the packet. Nobody changes it.
type sighting struct {
	dataplane.Trace       // Before and Sent cut to what is wanted
	inLength        int   // of the frame as it arrived
	sentLength      []int // of those sent
	bytes           int   // of memory, about
}

// copySighting copies d, of each frame at most snap bytes.
func copySighting(d *dataplane.Trace, snap int) *sighting {
	s := &sighting{Trace: *d, inLength: len(d.Before), bytes: 1024}
	s.Before = cut(d.Before, snap)
	s.Packet.Buf = nil
	s.Lookups = slices.Clone(d.Lookups)
	s.Sent = slices.Clone(d.Sent)
	for i := range s.Sent {
		s.sentLength = append(s.sentLength, len(s.Sent[i].Frame))
		s.Sent[i].Frame = cut(s.Sent[i].Frame, snap)
		s.bytes += len(s.Sent[i].Frame)
	}
	e := &s.Pick.Explanation
	e.Facts, e.Candidates = slices.Clone(e.Facts), slices.Clone(e.Candidates)
	s.bytes += len(s.Before) + 128*len(e.Candidates)
	return s
}

// cut copies the first bytes of a frame.
func cut(frame []byte, snap int) []byte {
	if snap == 0 {
		return nil
	}
	return slices.Clone(frame[:min(len(frame), snap)])
}
