package daemon

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"ulvs/internal/egress"
)

// Send is the way on which small frames leave; all others leave by the packet
// socket.
type Send string

// Ways of Options.Send.
const (
	// SendAuto takes AF_XDP on veth interfaces where nobody handles or looks at what
	// is sent, and looks again every second.
	SendAuto   Send = "auto"
	SendPacket Send = "packet" // the packet socket
	SendXDP    Send = "xdp"    // AF_XDP, whoever looks
)

// check names what is not accepted; empty is SendAuto.
func (w Send) check() error {
	if ways := []Send{"", SendAuto, SendPacket, SendXDP}; !slices.Contains(ways, w) {
		return &UsageError{"--send", fmt.Sprintf("%q is not one of auto, packet, xdp", w)}
	}
	return nil
}

// sending decides by what small frames leave.
type sending struct {
	look func(own []uint64) (*egress.View, error)
	due  time.Duration // when it is looked at again
}

// chooseSending puts the interfaces on the way that Options.Send asks for. It
// looks every upkeepPeriod, and at once after the rings have changed.
func (s *portSet) chooseSending() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := s.d.clock(); s.d.opts.Send != SendPacket && now >= s.sending.due {
		s.sending.due = now + upkeepPeriod
		s.chooseAll()
	}
}

// chooseAll is chooseSending with s.mu held.
func (s *portSet) chooseAll() {
	view, err := &egress.View{}, error(nil)
	if s.d.opts.Send != SendXDP {
		view, err = s.sending.look(s.inodes())
	}
	for _, n := range s.nics {
		switch {
		case len(n.rings) == 0 || !n.up:
		case err != nil:
			s.sendBy(n, 0, err.Error())
		case s.d.opts.Send == SendXDP:
			s.sendBy(n, n.longest(), "")
		default:
			s.choose(n, view.Of(n.index))
		}
	}
}

// veth is the kind of interface whose frames are read anew at the other end. The
// kernel leaves the protocol out of what AF_XDP sends (skb->protocol, seen with
// Linux 6.18), which a bridge's filter or a lower interface's discipline may ask for.
const veth = "veth"

// choose is for one interface, with who handles what it sends.
func (s *portSet) choose(n *nic, handlers []string) {
	if n.kind != veth {
		handlers = append(handlers, "not a veth interface")
	}
	if len(handlers) == 0 {
		s.sendBy(n, n.longest(), "")
		return
	}
	slices.Sort(handlers)
	s.sendBy(n, 0, strings.Join(slices.Compact(handlers), ", "))
}

// longest is the size in bytes of the largest frame of the interface's MTU.
func (n *nic) longest() int {
	const ethernet = 14
	return n.mtu + ethernet
}

// sendBy lets frames of up to longest bytes leave by AF_XDP, or none because of
// something, and tells when that changes.
func (s *portSet) sendBy(n *nic, longest int, because string) {
	done := 0
	for _, r := range n.rings {
		if err := r.SetXDP(longest); err != nil {
			because = err.Error()
			continue
		}
		done++
	}
	way := "packet socket"
	if longest > 0 && done > 0 {
		way = "AF_XDP"
	}
	if done < len(n.rings) && done > 0 { // fewer queues than workers
		way = fmt.Sprintf("AF_XDP for %d of %d workers", done, len(n.rings))
	}
	if now := (sendingWay{way, because}); n.sends != now {
		n.sends = now
		s.d.log.Info("small frames leave", "interface", n.name, "by", way, "because", because)
	}
}

// sendingWay is by what an interface's small frames leave, and why.
type sendingWay struct{ by, because string }

// inodes are those of the rings' sockets.
func (s *portSet) inodes() (all []uint64) {
	for _, n := range s.nics {
		for _, r := range n.rings {
			all = append(all, r.Inode())
		}
	}
	return all
}

// sendingBy lists by interface by what its small frames leave.
func (s *portSet) sendingBy() map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[string]string{}
	for name, n := range s.nics {
		switch {
		case len(n.rings) == 0:
		case n.sends.by == "":
			out[name] = "packet socket"
		case n.sends.because == "":
			out[name] = n.sends.by
		default:
			out[name] = n.sends.by + " (" + n.sends.because + ")"
		}
	}
	return out
}
