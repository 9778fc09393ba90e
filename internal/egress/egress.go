package egress

import (
	"errors"
	"fmt"
	"slices"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// View is what was there at one moment. The zero value has nothing.
type View struct {
	everywhere []string         // what concerns every interface
	at         map[int][]string // by the kernel's number of the interface
}

// Look reads it all. own are the inode numbers of packet sockets that are the
// caller's own business.
func Look(own []uint64) (*View, error) {
	v := &View{at: map[int][]string{}}
	if err := errors.Join(v.disciplines(), v.chains(), v.sockets(own)); err != nil {
		return nil, fmt.Errorf("look who handles sent frames: %w", err)
	}
	return v, nil
}

// Of returns what there is at an interface, in words; nothing if frames may pass
// it by unnoticed.
func (v *View) Of(index int) []string {
	return slices.Concat(v.everywhere, v.at[index], programs(index))
}

// none is the discipline of interfaces that have no queue, as virtual ones do.
const none = "noqueue"

// harmless are the qdiscs that do nothing to what is sent: ingress is the hook of
// what is received.
var harmless = []string{none, "ingress"}

func (v *View) disciplines() error {
	all, err := netlink.QdiscList(nil)
	if err != nil {
		return fmt.Errorf("list queueing disciplines: %w", err)
	}
	for _, q := range all {
		kind := q.Type()
		if a := q.Attrs(); !slices.Contains(harmless, kind) && !slices.Contains(v.at[a.LinkIndex], qdisc(kind)) {
			v.at[a.LinkIndex] = append(v.at[a.LinkIndex], qdisc(kind))
		}
	}
	return nil
}

func qdisc(kind string) string { return "qdisc " + kind }

// chains looks for nftables' hook. It needs CAP_NET_ADMIN.
func (v *View) chains() error {
	all, err := (&nftables.Conn{}).ListChainsOfTableFamily(nftables.TableFamilyNetdev)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EPROTONOSUPPORT) {
		return nil // a kernel without nftables
	}
	if err != nil {
		return fmt.Errorf("list chains of nftables: %w", err)
	}
	for _, c := range all {
		if c.Hooknum != nil && *c.Hooknum == *nftables.ChainHookEgress {
			v.everywhere = append(v.everywhere, "egress chain "+c.Table.Name+" "+c.Name)
		}
	}
	return nil
}
