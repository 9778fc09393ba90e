package daemon

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"ulvs/control/api"
	"ulvs/internal/egress"
)

// Send is by what ordinary frames leave, those that AF_XDP can take
// (afpacket.Port.SetXDP); all others leave by the packet socket.
type Send string

// Values of Options.Send; empty is SendAuto.
const (
	// SendAuto takes AF_XDP on veth interfaces where nobody handles or looks at what
	// is sent, and looks again every second.
	SendAuto   Send = "auto"
	SendPacket Send = "packet" // the packet socket
	SendXDP    Send = "xdp"    // AF_XDP, whoever looks
)

// check names what is not accepted.
func (w Send) check() error {
	if ways := []Send{"", SendAuto, SendPacket, SendXDP}; !slices.Contains(ways, w) {
		return &UsageError{"--send", fmt.Sprintf("%q is not one of auto, packet, xdp", w)}
	}
	return nil
}

// sending decides by what ordinary frames leave.
type sending struct {
	look func(indexes []int, own []uint64) (*egress.View, error)
	due  time.Duration // when it is looked at again
}

// chooseSending puts the interfaces on the way that Options.Send asks for. It
// looks every upkeepPeriod, and at once when rings, an MTU or the state of a link
// have changed.
func (s *portSet) chooseSending() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.d.clock()
	if now < s.sending.due {
		return
	}
	s.sending.due = now + upkeepPeriod
	look := sync.OnceValues(s.lookAtEgress)
	nics := slices.SortedFunc(maps.Values(s.nics), func(a, b *nic) int { return cmp.Compare(a.port, b.port) })
	for _, n := range nics {
		if len(n.rings) > 0 && n.up {
			s.sendBy(n, s.againstXDP(n, look))
		}
	}
}

// veth is the kind of interface whose frames are read anew at the other end. The
// kernel leaves the protocol out of what AF_XDP sends (skb->protocol, seen with
// Linux 6.18), which a bridge's filter or a lower interface's discipline may ask for.
const veth = "veth"

// againstXDP tells what there is against AF_XDP on an interface; empty: nothing.
func (s *portSet) againstXDP(n *nic, look func() (*egress.View, error)) string {
	switch {
	case s.d.opts.Send == SendXDP:
		return ""
	case s.d.opts.Send == SendPacket:
		return "--send packet"
	case n.kind != veth:
		return "not a veth interface"
	}
	view, err := look()
	if err != nil {
		return err.Error()
	}
	return strings.Join(view.Of(n.index), ", ")
}

// lookAtEgress looks who handles what the interfaces send, beside our own rings.
func (s *portSet) lookAtEgress() (*egress.View, error) {
	var indexes []int
	var own []uint64
	for _, n := range s.nics {
		if len(n.rings) > 0 {
			indexes = append(indexes, n.index)
		}
		for _, r := range n.rings {
			own = append(own, r.Inode())
		}
	}
	return s.sending.look(indexes, own)
}

// sendBy lets the interface's frames leave by AF_XDP unless something is against
// it, and tells when that changes.
func (s *portSet) sendBy(n *nic, against string) {
	const ethernet = 14 // bytes of header before what the MTU counts
	longest := n.mtu + ethernet
	if against != "" {
		longest = 0
	}
	workers := 0
	for _, r := range n.rings {
		if err := r.SetXDP(longest); err != nil {
			against = err.Error()
		} else if longest > 0 {
			workers++
		}
	}
	now := api.Sending{By: "packet socket", Because: against}
	switch {
	case workers == len(n.rings):
		now.By = "AF_XDP"
	case workers > 0: // fewer queues than workers
		now.By = fmt.Sprintf("AF_XDP for %d of %d workers", workers, len(n.rings))
	}
	if n.sends != now {
		n.sends = now
		s.d.log.Info("frames leave", "interface", n.name, "by", now.By, "because", now.Because)
	}
}

// sendingBy lists by interface by what its frames leave.
func (s *portSet) sendingBy() map[string]api.Sending {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[string]api.Sending{}
	for name, n := range s.nics {
		switch {
		case len(n.rings) > 0 && n.up:
			out[name] = n.sends
		case len(n.rings) > 0:
			out[name] = api.Sending{By: "packet socket", Because: "link down"}
		}
	}
	return out
}
