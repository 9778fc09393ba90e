package dataplane

// retiree is a server index on its way to being used again.
type retiree struct {
	index      uint32
	generation uint64 // of the first configuration without it
}

// sweepTrash frees the deleted servers that no connection refers to any more.
// An index is used again only after every lane has left the batch in which it
// might have seen the old server.
func (d *Director) sweepTrash() {
	d.mu.Lock()
	defer d.mu.Unlock()
	first := len(d.retired)
	for k, s := range d.trash {
		if s.refs.Load() == 0 {
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
