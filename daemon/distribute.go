package daemon

import (
	"errors"
	"slices"

	"golang.org/x/net/bpf"

	"ulvs/dataplane/afpacket"
	"ulvs/dataplane/nexthop"
)

// distribute gives every worker its rings, and when all have them closes those
// that they had: all of it, or with an error nothing, and the next round tries
// again. s.mu is held.
func (s *portSet) distribute() error {
	shares := make([]*share, 0, len(s.d.workers))
	for i := range s.d.workers {
		sh, err := newShare(s.ofWorker(i), s.d.opts.Poll)
		if err != nil {
			for _, other := range shares {
				err = errors.Join(err, other.poller.Close())
			}
			return err
		}
		shares = append(shares, sh)
	}
	var errs []error
	for i, w := range s.d.workers {
		errs = append(errs, w.use(shares[i]))
	}
	for _, p := range s.stale {
		errs = append(errs, p.Close())
		addLosses(s.lost, p.Stats())
	}
	s.stale, s.undone = nil, false
	return errors.Join(errs...)
}

// ofWorker lists the rings of worker i by port number.
func (s *portSet) ofWorker(i int) map[uint16]*afpacket.Port {
	ports := map[uint16]*afpacket.Port{}
	for _, n := range s.nics {
		if len(n.rings) > 0 {
			ports[n.port] = n.rings[i]
		}
	}
	return ports
}

// publishLinks tells the next-hop table which links have ports.
func (s *portSet) publishLinks() {
	s.d.mu.Lock()
	links := slices.Clone(s.d.links)
	s.d.mu.Unlock()
	s.mu.Lock()
	var out []nexthop.Link
	for _, l := range links {
		if n := s.nics[l.Name]; n != nil && len(n.rings) > 0 && n.index == l.Index {
			out = append(out, nexthop.Link{Index: l.Index, Port: n.port, Name: l.Name, MAC: l.MAC, MTU: l.MTU, Up: l.Up})
		}
	}
	again := slices.ContainsFunc(out, func(l nexthop.Link) bool { return l.Up && !slices.ContainsFunc(s.links, saidBy(l)) })
	s.links = out
	s.mu.Unlock()
	s.d.hops.SetLinks(out)
	s.d.director.SetInterfaces(portNumbers(out))
	if again {
		s.d.director.Announce()
	}
}

// portNumbers are the ports of links by name.
func portNumbers(links []nexthop.Link) map[string]uint16 {
	ports := make(map[string]uint16, len(links))
	for _, l := range links {
		ports[l.Name] = l.Port
	}
	return ports
}

// saidBy reports of a link as it was whether neighbours have heard from it what
// they would hear from l now, whose virtual addresses these are.
func saidBy(l nexthop.Link) func(was nexthop.Link) bool {
	return func(was nexthop.Link) bool { return was.Up && was.Index == l.Index && was.MAC == l.MAC }
}

// setFilter replaces the packet filter of every ring. With an error some may
// have it and some not.
func (s *portSet) setFilter(f []bpf.RawInstruction) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.attach != nil {
		if err := s.attach(len(f)); err != nil {
			return err
		}
	}
	for _, n := range s.nics {
		for _, r := range n.rings {
			if err := r.SetFilter(f); err != nil && !r.Gone() {
				return err
			}
		}
	}
	s.filter = f
	return nil
}
