package daemon

import (
	"ulvs/control/api"
	"ulvs/dataplane"
	"ulvs/dataplane/afpacket"
)

// Losses that are not reasons of a packet: the Director never saw it, or was
// done with it.
const (
	lostRingFull  = "port-ring-full"
	lostSendFull  = "port-send-full"
	lostSendDown  = "port-send-down"
	lostTooLong   = "port-send-too-long"
	lostRefused   = "port-send-refused"
	lostLink      = "port-link-errors"
	lostSend      = "worker-send-lost"
	lostPanics    = "worker-panics"
	lostNeighbour = "neighbour-dropped"
	lostDatagram  = "fragments-incomplete"
)

// lossMeanings says what each of them counts.
var lossMeanings = map[string]string{
	lostRingFull:  "frame lost because the receive ring was full",
	lostSendFull:  "frame not sent: the interface's transmit queue was full",
	lostSendDown:  "frame not sent: the interface was down or deleted",
	lostTooLong:   "frame not sent: larger than the interface's MTU",
	lostRefused:   "frame not sent: the kernel refused it",
	lostLink:      "times that the kernel told of an interface going down",
	lostSend:      "frame not sent for whatever reason, port-send-* included",
	lostPanics:    "internal faults that a worker has survived",
	lostDatagram:  "datagram given up: fragments missing, overlapping, or too many waiting",
	lostNeighbour: "held frame dropped: its next hop did not answer ARP, or the link went down",
}

// Meaning is the one line that explains a name in Reasons, "" of an unknown one.
func Meaning(name string) string {
	for r := range dataplane.NumReasons {
		if r.String() == name {
			return r.Meaning()
		}
	}
	return lossMeanings[name]
}

// Reasons counts packets by what became of them, and what was lost before and
// after.
func (d *Daemon) Reasons() api.Reasons {
	r := api.Reasons{}
	by, _ := d.director.Reasons()
	for i, n := range by {
		note(r, dataplane.Reason(i).String(), n)
	}
	d.ports.addLosses(r)
	for _, w := range d.workers {
		note(r, lostSend, w.SendLost())
		note(r, lostPanics, w.Panics())
	}
	note(r, lostNeighbour, d.hops.Stats().Dropped)
	f := d.director.Fragments()
	note(r, lostDatagram, f.Expired+f.Evicted+f.Overlaps)
	return r
}

// note adds n to a count; those that are zero are not listed.
func note(r map[string]uint64, name string, n uint64) {
	if n > 0 {
		r[name] += n
	}
}

// addLosses adds what the ports could not receive or send.
func (s *portSet) addLosses(r api.Reasons) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, n := range s.lost {
		r[name] += n
	}
	for _, n := range s.nics {
		for _, p := range n.rings {
			addLosses(r, p.Stats())
		}
	}
	for _, p := range s.stale {
		addLosses(r, p.Stats())
	}
}

// addLosses adds one port's losses to r.
func addLosses(r map[string]uint64, st afpacket.Stats) {
	note(r, lostRingFull, st.RingDrops)
	note(r, lostSendFull, st.SendFull)
	note(r, lostSendDown, st.SendDown)
	note(r, lostTooLong, st.SendTooLong)
	note(r, lostRefused, st.SendRefused)
	note(r, lostLink, st.LinkErrors)
}
