package daemon

import (
	"ulvs/control/api"
	"ulvs/dataplane"
	"ulvs/dataplane/afpacket"
)

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
		note(r, api.LostSend, w.SendLost())
		note(r, api.LostPanics, w.Panics())
	}
	note(r, api.LostNeighbour, d.hops.Stats().Dropped)
	f := d.director.Fragments()
	note(r, api.LostDatagram, f.Expired+f.Evicted+f.Overlaps)
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
	note(r, api.LostRingFull, st.RingDrops)
	note(r, api.LostSendFull, st.SendFull)
	note(r, api.LostSendDown, st.SendDown)
	note(r, api.LostTooLong, st.SendTooLong)
	note(r, api.LostRefused, st.SendRefused)
	note(r, api.LostLink, st.LinkErrors)
}
