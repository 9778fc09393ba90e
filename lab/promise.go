package lab

import (
	"fmt"
	"slices"

	"ulvs/sched"
	"ulvs/wire"
)

// Promise returns how many of n requests each server gets, in the order of
// Servers, when the named scheduler picks for one client whose connections are
// each finished before the next begins. The scheduler itself is asked, set up
// as Rules sets it up: a service created empty, then one server after the
// other, each at the head of the list as ip_vs does.
func (l *Lab) Promise(scheduler string, weights []int, n int) ([]int, error) {
	flow := sched.Flow{Client: wire.AddrFrom(l.Client.Addr()), Virtual: wire.AddrFrom(l.VIP),
		VirtualPort: httpPort, Proto: wire.ProtoTCP}
	return promise(scheduler, serverList(l.Servers, weights), &flow, n)
}

// serverList makes the schedulers' side of the servers.
func serverList(hosts []*Host, weights []int) []*sched.Server {
	var list []*sched.Server
	for i, h := range hosts {
		list = append(list, sched.NewServer(wire.AddrFrom(h.Addr()), httpPort, int32(weights[i])))
	}
	return list
}

// promise picks n times among servers, which it adds in their order, and
// counts.
func promise(name string, servers []*sched.Server, flow *sched.Flow, n int) ([]int, error) {
	s, err := sched.New(name, sched.Config{})
	if err != nil {
		return nil, fmt.Errorf("create scheduler: %w", err)
	}
	var list []*sched.Server
	s.Init(nil)
	for _, server := range servers {
		list = append([]*sched.Server{server}, list...)
		s.Added(list, server)
	}
	counts := make([]int, len(servers))
	for range n {
		picked := s.Pick(flow)
		if picked == nil {
			return nil, fmt.Errorf("scheduler %s: no server to pick among %d", name, len(list))
		}
		counts[slices.Index(servers, picked)]++
		picked.Bind() // and never activated: it is finished, and not yet forgotten
	}
	return counts, nil
}
