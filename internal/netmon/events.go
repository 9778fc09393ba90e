package netmon

import (
	mdlayher "github.com/mdlayher/netlink"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// lists is a set of what is read by dumps.
type lists uint8

const (
	links lists = 1 << iota
	addresses
	routes
	neighbours
	everything = links | addresses | routes | neighbours
)

// note takes in events: neighbours are passed on one by one, of the rest it is
// noted what has to be read again. The kernel drops IPv4 routes with their
// link or address without a word (fib_sync_down_dev in net/ipv4/fib_semantics.c), so
// those two always mean routes too.
func (m *monitor) note(msgs []mdlayher.Message) {
	for _, msg := range msgs {
		switch msg.Header.Type {
		case unix.RTM_NEWLINK, unix.RTM_DELLINK:
			m.mark(links | routes)
		case unix.RTM_NEWADDR, unix.RTM_DELADDR:
			m.mark(addresses | routes)
		case unix.RTM_NEWROUTE, unix.RTM_DELROUTE, unix.RTM_NEWNEXTHOP, unix.RTM_DELNEXTHOP:
			m.mark(routes)
		case unix.RTM_NEWNEIGH, unix.RTM_DELNEIGH:
			m.noteNeighbour(msg)
		}
	}
}

// noteNeighbour passes on one neighbour event.
func (m *monitor) noteNeighbour(msg mdlayher.Message) {
	if len(msg.Data) < unix.SizeofNdMsg {
		return
	}
	n, err := netlink.NeighDeserialize(msg.Data)
	if err != nil {
		m.mark(neighbours)
		return
	}
	if msg.Header.Type == unix.RTM_DELNEIGH {
		n.State = netlink.NUD_NONE
	}
	if known, ok := neighbourOf(n); ok {
		m.handler.Neighbour(known)
	}
}
