package daemon

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"

	"golang.org/x/net/bpf"

	"ulvs/control/api"
	"ulvs/dataplane"
	"ulvs/dataplane/afpacket"
	"ulvs/dataplane/nexthop"
	"ulvs/internal/netmon"
)

// portSet keeps one port per worker on every interface in use. An interface
// keeps its port number when it is deleted and made again under its name.
type portSet struct {
	d *Daemon

	mu     sync.Mutex // guards all below
	nics   map[string]*nic
	filter []bpf.RawInstruction
	lost   map[string]uint64 // counts of closed ports
	failed map[string]string // interface: error already logged
}

// nic is one interface in use.
type nic struct {
	name  string
	index int
	port  uint16
	up    bool
	rings []*afpacket.Port // by worker; empty while there is no such interface
}

func newPortSet(d *Daemon) *portSet {
	return &portSet{d: d, nics: map[string]*nic{}, lost: map[string]uint64{}, failed: map[string]string{}, filter: nothing}
}

// nothing is the filter before the first service: no frame enters a ring.
var nothing = []bpf.RawInstruction{{Op: 0x06}} // ret #0

// wanted returns the links that shall have ports: those named, or all Ethernet
// links that are not themselves part of a bridge or bond, whose frames come by
// the master.
func (s *portSet) wanted(links []netmon.Link) []netmon.Link {
	var out []netmon.Link
	for _, l := range links {
		named := slices.Contains(s.d.opts.Interfaces, l.Name)
		if named || len(s.d.opts.Interfaces) == 0 && l.Ethernet && l.Master == 0 {
			out = append(out, l)
		}
	}
	return out
}

// reconcile opens ports for new interfaces and closes those of deleted ones.
// At the start an interface that cannot be used is an error; later it is
// logged once and tried again.
func (s *portSet) reconcile(starting bool) error {
	s.d.mu.Lock()
	links := slices.Clone(s.d.links)
	s.d.mu.Unlock()
	wanted := s.wanted(links)
	if starting {
		if err := s.allThere(wanted); err != nil {
			return err
		}
	}
	s.d.guard.follow(s.d, wanted)
	changed, err := s.adjust(wanted, starting)
	if err != nil {
		return err
	}
	if changed {
		s.publishLinks()
	}
	return nil
}

// allThere checks that every interface named exists.
func (s *portSet) allThere(wanted []netmon.Link) error {
	for _, name := range s.d.opts.Interfaces {
		if !slices.ContainsFunc(wanted, func(l netmon.Link) bool { return l.Name == name }) {
			return &UsageError{"--interface", fmt.Sprintf("there is no interface %q", name)}
		}
	}
	return nil
}

// adjust makes the ports fit the links, and hands the workers what they shall
// use before anything they used is closed.
func (s *portSet) adjust(wanted []netmon.Link, starting bool) (changed bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.takeStale(wanted)
	opened := false
	for _, l := range wanted {
		n := s.nic(l)
		if n == nil {
			continue
		}
		if len(n.rings) == 0 {
			if !exists(l) {
				continue // the list is of yesterday, and the next is on its way
			}
			if err := s.open(n, l, len(wanted)); err != nil {
				if starting {
					return true, err
				}
				s.complain(l.Name, err)
				continue
			}
			opened = true
		}
		s.noteLink(n, l)
	}
	if len(old) == 0 && !opened {
		return false, nil
	}
	return true, s.distribute(old)
}

// exists reports whether the kernel has this very interface now: one that is
// deleted and made again under its name is another.
func exists(l netmon.Link) bool {
	i, err := net.InterfaceByName(l.Name)
	return err == nil && i.Index == l.Index
}

// takeStale takes the rings of interfaces that are gone off their nics.
func (s *portSet) takeStale(wanted []netmon.Link) (old []*afpacket.Port) {
	for name, n := range s.nics {
		i := slices.IndexFunc(wanted, func(l netmon.Link) bool { return l.Name == name && l.Index == n.index })
		if len(n.rings) == 0 || i >= 0 && !n.rings[0].Gone() {
			continue
		}
		s.d.log.Info("interface gone", "interface", name, "index", n.index)
		old = append(old, n.rings...)
		n.rings, n.up = nil, false
	}
	return old
}

// nic returns the entry of a link's name, made with the first free port
// number; nil if there are more interfaces than numbers.
func (s *portSet) nic(l netmon.Link) *nic {
	if n := s.nics[l.Name]; n != nil {
		return n
	}
	var taken [dataplane.DefaultPorts]bool
	for name, n := range s.nics {
		if len(n.rings) == 0 && !slices.Contains(s.d.opts.Interfaces, name) && len(s.nics) >= dataplane.DefaultPorts {
			delete(s.nics, name) // an interface of the past
			continue
		}
		taken[n.port] = true
	}
	free := slices.Index(taken[:], false)
	if free < 0 {
		s.complain(l.Name, fmt.Errorf("more than %d interfaces: name those to use with --interface", dataplane.DefaultPorts))
		return nil
	}
	n := &nic{name: l.Name, port: uint16(free)}
	s.nics[l.Name] = n
	return n
}

// open opens one ring per worker on an interface.
func (s *portSet) open(n *nic, l netmon.Link, interfaces int) error {
	o := afpacket.Options{
		Interface: l.Name, PortID: n.port, Filter: s.filter, QdiscBypass: s.d.opts.QdiscBypass,
		Ring: s.d.opts.geometry(interfaces * s.d.opts.Workers),
	}
	if s.d.opts.Workers > 1 {
		o.Fanout = &afpacket.Fanout{}
	}
	var rings []*afpacket.Port
	for range s.d.opts.Workers {
		p, err := afpacket.Open(o)
		if err != nil {
			for _, r := range rings {
				err = errors.Join(err, r.Close())
			}
			return err
		}
		rings = append(rings, p)
	}
	n.rings, n.index = rings, rings[0].Index()
	delete(s.failed, l.Name)
	s.d.log.Info("interface in use", "interface", l.Name, "index", n.index, "port", n.port, "mac", l.MAC.String(), "mtu", l.MTU)
	return nil
}

// complain logs an interface's trouble once.
func (s *portSet) complain(name string, err error) {
	if s.failed[name] != err.Error() {
		s.failed[name] = err.Error()
		s.d.log.Warn("interface not usable, will try again", "interface", name, "err", err)
	}
}

// noteLink logs a link that went down or came up, once each time.
func (s *portSet) noteLink(n *nic, l netmon.Link) {
	if n.up != l.Up {
		n.up = l.Up
		s.d.log.Info("link changed", "interface", l.Name, "up", l.Up)
	}
}

// distribute gives every worker its rings and closes the old ones. s.mu is
// held.
func (s *portSet) distribute(old []*afpacket.Port) error {
	var errs []error
	for i, w := range s.d.workers {
		use := map[uint16]*afpacket.Port{}
		for _, n := range s.nics {
			if len(n.rings) > 0 {
				use[n.port] = n.rings[i]
			}
		}
		errs = append(errs, w.use(use))
	}
	for _, p := range old {
		errs = append(errs, p.Close())
		addLosses(s.lost, p.Stats())
	}
	return errors.Join(errs...)
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
	s.mu.Unlock()
	s.d.hops.SetLinks(out)
}

// setFilter replaces the packet filter of every ring.
func (s *portSet) setFilter(f []bpf.RawInstruction) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.filter = f
	var errs []error
	for _, n := range s.nics {
		for _, r := range n.rings {
			if err := r.SetFilter(f); err != nil && !r.Gone() {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}

// names lists the interfaces in use.
func (s *portSet) names() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for name, n := range s.nics {
		if len(n.rings) > 0 {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// ringBytes is the memory of all rings.
func (s *portSet) ringBytes() (sum int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.d.opts.geometry(len(s.nics) * s.d.opts.Workers)
	for _, n := range s.nics {
		sum += len(n.rings) * g.Bytes()
	}
	return sum
}

// addLosses adds what the ports could not receive or send to the reasons.
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
}

// addLosses adds one port's losses to r.
func addLosses(r map[string]uint64, st afpacket.Stats) {
	for name, n := range map[string]uint64{
		"port-ring-full": st.RingDrops, "port-send-full": st.SendFull, "port-send-down": st.SendDown,
		"port-send-too-long": st.SendTooLong, "port-send-refused": st.SendRefused, "port-link-errors": st.LinkErrors,
	} {
		if n > 0 {
			r[name] += n
		}
	}
}

// close closes every ring. The workers have stopped.
func (s *portSet) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.nics {
		for _, r := range n.rings {
			_ = r.Close()
		}
		n.rings = nil
	}
}
