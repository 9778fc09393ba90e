package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"slices"
	"sync"

	"golang.org/x/net/bpf"

	"ulvs/control/api"
	"ulvs/dataplane"
	"ulvs/dataplane/afpacket"
	"ulvs/dataplane/nexthop"
	"ulvs/internal/egress"
	"ulvs/internal/netmon"
)

// portSet keeps one port per worker on every interface in use. An interface
// keeps its port number when it is deleted and made again under its name.
type portSet struct {
	d *Daemon

	mu      sync.Mutex // guards all below
	nics    map[string]*nic
	filter  []bpf.RawInstruction
	groups  bool              // rings listen to all multicast addresses
	lost    map[string]uint64 // counts of closed ports
	failed  map[string]string // interface: error already logged
	stale   []*afpacket.Port  // of deleted interfaces, to be closed when no worker has them
	undone  bool              // the workers have not got the rings that there are
	links   []nexthop.Link    // last published
	sending sending
	attach  func(instructions int) error // of tests: what the kernel says to a filter
}

// nic is one interface in use.
type nic struct {
	name  string
	index int
	port  uint16
	up    bool
	mtu   int
	kind  string           // as netmon.Link's
	rings []*afpacket.Port // by worker; empty while there is no such interface
	sends api.Sending      // last told
}

func newPortSet(d *Daemon) *portSet {
	return &portSet{d: d, nics: map[string]*nic{}, lost: map[string]uint64{}, failed: map[string]string{}, filter: nothing, sending: sending{look: egress.Look}}
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
// At the start an interface that is named and cannot be used is an error; later,
// and of those that are not named, it is logged once and tried again.
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
	if changed {
		s.publishLinks()
	}
	return err
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
	s.takeStale(wanted)
	closed := s.closedAmong(wanted)
	for _, l := range wanted {
		n := s.nic(l)
		if n == nil {
			continue
		}
		if len(n.rings) == 0 {
			if !exists(l) {
				continue // the list is of yesterday, and the next is on its way
			}
			if err := s.open(n, l, closed); err != nil {
				if starting && s.fatal(l, err) {
					return true, err
				}
				s.complain(l.Name, err)
				continue
			}
			s.undone = true
			closed--
		}
		s.noteLink(n, l)
	}
	if !s.undone {
		return false, nil
	}
	return true, s.distribute()
}

// fatal reports whether an error of an interface keeps ulvs from starting: of
// one that was asked for, unless it may come up yet; for want of a right, which
// all others need too; or of one that is up because rings of the size asked for
// do not fit, which else would leave the last interfaces without one.
func (s *portSet) fatal(l netmon.Link, err error) bool {
	if errors.Is(err, fs.ErrPermission) || s.d.opts.RingSlots > 0 && l.Up && noRoom(err) {
		return true
	}
	return slices.Contains(s.d.opts.Interfaces, l.Name) && !errors.Is(err, afpacket.ErrDown)
}

// noRoom reports whether a ring is too large for --ring-memory or the kernel.
func noRoom(err error) bool {
	var usage *UsageError
	return errors.As(err, &usage) || errors.Is(err, afpacket.ErrRingTooLarge)
}

// closedAmong counts the links that have no rings yet.
func (s *portSet) closedAmong(wanted []netmon.Link) (n int) {
	for _, l := range wanted {
		if x := s.nics[l.Name]; x == nil || len(x.rings) == 0 {
			n++
		}
	}
	return n
}

// exists reports whether the kernel has this very interface now: one that is
// deleted and made again under its name is another.
func exists(l netmon.Link) bool {
	i, err := net.InterfaceByName(l.Name)
	return err == nil && i.Index == l.Index
}

// takeStale takes the rings of interfaces that are gone off their nics.
func (s *portSet) takeStale(wanted []netmon.Link) {
	for name, n := range s.nics {
		i := slices.IndexFunc(wanted, func(l netmon.Link) bool { return l.Name == name && l.Index == n.index })
		if len(n.rings) == 0 || i >= 0 && !n.rings[0].Gone() {
			continue
		}
		s.d.log.Info("interface gone", "interface", name, "index", n.index)
		s.stale = append(s.stale, n.rings...)
		s.undone = true
		n.rings, n.up = nil, false
	}
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

// open opens one ring per worker on an interface, one of so many that are to
// be opened.
func (s *portSet) open(n *nic, l netmon.Link, interfaces int) error {
	ring, err := s.d.opts.geometry(s.d.opts.RingMemory-s.bytes(), interfaces*s.d.opts.Workers)
	if err != nil {
		return fmt.Errorf("open port on %s: %w", l.Name, err)
	}
	o := afpacket.Options{
		Interface: l.Name, PortID: n.port, Filter: s.filter, QdiscBypass: s.d.opts.QdiscBypass, Ring: ring,
	}
	if s.d.opts.Workers > 1 {
		o.Fanout = &afpacket.Fanout{}
	}
	var rings []*afpacket.Port
	for i := range s.d.opts.Workers {
		o.Queue = i
		p, err := afpacket.Open(o)
		if err != nil {
			for _, r := range rings {
				err = errors.Join(err, r.Close())
			}
			return err
		}
		rings = append(rings, p)
	}
	n.rings, n.index, n.kind = rings, rings[0].Index(), l.Kind
	n.sends, s.sending.due = api.Sending{By: "packet socket", Because: "not looked yet"}, 0
	if s.groups {
		s.listen(n)
	}
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

// noteLink takes over a link's MTU and state, has by what to send chosen anew, and
// logs a link that went down or came up, once each time.
func (s *portSet) noteLink(n *nic, l netmon.Link) {
	if n.mtu != l.MTU || n.up != l.Up {
		n.mtu, s.sending.due = l.MTU, 0
	}
	if n.up != l.Up {
		n.up = l.Up
		s.d.log.Info("link changed", "interface", l.Name, "up", l.Up)
	}
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

// nameOf returns the name of a port's interface, "" if there is none.
func (s *portSet) nameOf(port uint16) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, n := range s.nics {
		if n.port == port {
			return name
		}
	}
	return ""
}

// ringBytes is the memory of all rings.
func (s *portSet) ringBytes() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bytes()
}

// bytes is ringBytes with s.mu held. Rings of deleted interfaces, on their way
// out, do not count: those of the same interface made again take their place.
func (s *portSet) bytes() (sum int64) {
	for _, n := range s.nics {
		for _, r := range n.rings {
			sum += int64(r.RingBytes())
		}
	}
	return sum
}

// close closes every ring. The workers have stopped.
func (s *portSet) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.nics {
		s.stale = append(s.stale, n.rings...)
		n.rings = nil
	}
	for _, r := range s.stale {
		_ = r.Close()
	}
	s.stale = nil
}
