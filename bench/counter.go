package bench

import (
	"errors"
	"fmt"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"ulvs/internal/netns"
)

// counter is a rule at an interface's ingress that counts IPv4 for a port, any if
// that is 0, and perhaps another that drops it. Both lie behind packet sockets of all protocols; whatever a
// forwarder hooks in between, as ulvs does with its guard, runs and costs.
type counter struct {
	ns    *netns.NS
	table *nftables.Table
	chain *nftables.Chain
}

// counterTable is the name of the counter's nftables table.
const counterTable = "bench"

// countFirst is the hook priority of the counting rule: before the guard's.
var countFirst = nftables.ChainPriorityRef(-1000)

func countAt(ns *netns.NS, ifname string, port uint16, drop bool) (counter, error) {
	conn, err := nftables.New(nftables.WithNetNSFd(ns.FD()))
	if err != nil {
		return counter{}, fmt.Errorf("open nftables: %w", err)
	}
	c := counter{ns: ns}
	c.table = conn.AddTable(&nftables.Table{Name: counterTable, Family: nftables.TableFamilyNetdev})
	hook := func(name string, priority *nftables.ChainPriority, then expr.Any) *nftables.Chain {
		chain := conn.AddChain(&nftables.Chain{
			Name: name, Table: c.table, Type: nftables.ChainTypeFilter,
			Hooknum: nftables.ChainHookIngress, Priority: priority, Device: ifname,
		})
		conn.AddRule(&nftables.Rule{Table: c.table, Chain: chain, Exprs: append(matchIPv4(port), then)})
		return chain
	}
	c.chain = hook("count", countFirst, &expr.Counter{})
	if drop {
		hook("drop", nftables.ChainPriorityFilter, &expr.Verdict{Kind: expr.VerdictDrop})
	}
	if err := conn.Flush(); err != nil {
		return counter{}, fmt.Errorf("count at ingress of %s: %w", ifname, err)
	}
	return c, nil
}

// matchIPv4 matches IPv4, without options if it is for a port.
func matchIPv4(port uint16) []expr.Any {
	match := []expr.Any{
		&expr.Meta{Key: expr.MetaKeyPROTOCOL, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binaryutil.BigEndian.PutUint16(unix.ETH_P_IP)},
	}
	if port == 0 {
		return match
	}
	const destinationPort = 20 + 2
	return append(match,
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: destinationPort, Len: 2},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binaryutil.BigEndian.PutUint16(port)},
	)
}

// packets returns the number of packets counted so far.
func (c counter) packets() (uint64, error) {
	conn, err := nftables.New(nftables.WithNetNSFd(c.ns.FD()))
	if err != nil {
		return 0, fmt.Errorf("open nftables: %w", err)
	}
	rules, err := conn.GetRules(c.table, c.chain)
	if err != nil {
		return 0, fmt.Errorf("read counter: %w", err)
	}
	for _, rule := range rules {
		for _, e := range rule.Exprs {
			if n, ok := e.(*expr.Counter); ok {
				return n.Packets, nil
			}
		}
	}
	return 0, errors.New("read counter: the rule is gone")
}
