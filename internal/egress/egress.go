package egress

import (
	"errors"
	"fmt"
	"slices"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// View is what Look found.
type View struct {
	everywhere []string         // what concerns every interface
	at         map[int][]string // by the kernel's number of the interface
}

// Look reads what there is at interfaces, by the kernel's numbers. own are the
// inode numbers of packet sockets that are the caller's own business.
func Look(indexes []int, own []uint64) (*View, error) {
	v := &View{at: map[int][]string{}}
	if err := errors.Join(v.disciplines(), v.chains(), v.sockets(own), v.programs(indexes)); err != nil {
		return nil, fmt.Errorf("look who handles sent frames: %w", err)
	}
	return v, nil
}

// Of returns what there is at an interface, each in words and once; nothing if
// frames may pass it by unnoticed.
func (v *View) Of(index int) []string {
	all := slices.Concat(v.everywhere, v.at[index])
	slices.Sort(all)
	return slices.Compact(all)
}

// harmless are the qdiscs that do nothing to what is sent: that of interfaces
// without a queue, as virtual ones are, and the hook of what is received.
var harmless = []string{"noqueue", "ingress"}

func (v *View) disciplines() error {
	all, err := netlink.QdiscList(nil)
	if err != nil {
		return fmt.Errorf("list queueing disciplines: %w", err)
	}
	for _, q := range all {
		kind := q.Type()
		if index := q.Attrs().LinkIndex; !slices.Contains(harmless, kind) {
			v.at[index] = append(v.at[index], "qdisc "+kind)
		}
	}
	return nil
}

// chains looks for nftables' hook, whatever its interface. It needs CAP_NET_ADMIN.
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
			v.everywhere = append(v.everywhere, "egress chain "+c.Table.Name+" "+c.Name+" in this namespace")
		}
	}
	return nil
}

func (v *View) programs(indexes []int) error {
	for _, i := range indexes {
		found, err := programs(i)
		if err != nil {
			return err
		}
		v.at[i] = append(v.at[i], found...)
	}
	return nil
}
