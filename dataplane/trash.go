package dataplane

import (
	"cmp"
	"slices"

	"ulvs/service"
	"ulvs/wire"
)

// retiree is a server index on its way to being used again.
type retiree struct {
	index      uint32
	generation uint64 // of the first configuration without it
}

// sweepTrash frees the deleted servers that no connection refers to any more.
// An index is used again only after every lane has left the batch in which it
// might have seen the old server. It reports false, and does nothing, while the
// configuration is being changed: packets do not wait for that.
func (d *Director) sweepTrash() bool {
	if !d.mu.TryLock() {
		return false
	}
	defer d.mu.Unlock()
	first := len(d.retired)
	for k, s := range d.trash {
		if s.refs.Load() == 0 {
			if len(d.retired) == first {
				d.all = slices.Clone(d.all) // views share it
			}
			delete(d.trash, k)
			d.all[s.ID] = nil
			d.retired = append(d.retired, retiree{index: s.ID})
		}
	}
	if first < len(d.retired) {
		d.publish(d.view.Load().table)
		for i := range d.retired[first:] {
			d.retired[first+i].generation = d.generation.Load()
		}
	}
	d.reuse()
	return true
}

// Leftover is a deleted NAT server that connections still refer to. Proto 0 is
// any: its service was a firewall mark's. Port 0 is any: of servers whose
// clients choose it.
type Leftover struct {
	Proto uint8
	Addr  wire.Addr
	Port  uint16
}

// Leftovers lists the deleted NAT servers whose replies must still be
// translated. The last connection's end changes the Generation, within a second
// or so.
func (d *Director) Leftovers() (all []Leftover) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for k, s := range d.trash {
		if s.conf.Load().Method == service.NAT && s.refs.Load() > 0 {
			left := Leftover{uint8(k.service.Protocol), k.addr, k.port}
			if k.service.Port == 0 || k.service.Port == ftpPort { // a mark's too
				left.Port = 0
			}
			all = append(all, left)
		}
	}
	slices.SortFunc(all, Leftover.compare)
	return all
}

func (a Leftover) compare(b Leftover) int {
	return cmp.Or(a.Addr.Netip().Compare(b.Addr.Netip()), cmp.Compare(a.Port, b.Port), cmp.Compare(a.Proto, b.Proto))
}

// reuse frees the indexes that no batch under way can still know. A lane says
// which generation it is going to load before it loads the view, and publishing
// stores the view before this looks at what the lane said: one of the two sees
// the other.
func (d *Director) reuse() {
	oldest := uint64(noBatch)
	for _, l := range d.lanes {
		oldest = min(oldest, l.seen.Load())
	}
	for len(d.retired) > 0 && d.retired[0].generation <= oldest {
		d.free = append(d.free, d.retired[0].index)
		d.retired = d.retired[1:]
	}
}
