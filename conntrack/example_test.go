package conntrack_test

import (
	"fmt"
	"net/netip"
	"os"
	"time"

	"ulvs/conntrack"
	"ulvs/service"
	"ulvs/wire"
)

// The first packet of a connection, its reply, and its end.
func Example() {
	timeouts := conntrack.NewTimeouts()
	table, err := conntrack.New(conntrack.Config{
		Capacity: 1000,
		Seed:     0x9e3779b97f4a7c15, // in earnest: random
		Expired:  func(c *conntrack.Conn) { fmt.Fprintln(os.Stdout, "ended on server", c.Server()) },
	})
	if err != nil {
		fmt.Fprintln(os.Stdout, err)
		return
	}
	client, virtual, real := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("203.0.113.1")
	now := time.Duration(0)

	k := conntrack.Key{Client: wire.AddrFrom(client), ClientPort: 40000, Virtual: wire.AddrFrom(virtual), VirtualPort: 80, Proto: wire.ProtoTCP}
	s := table.Lock(table.HashKey(&k))
	if s.FindInbound(&k) == nil {
		spec := conntrack.Spec{Real: wire.AddrFrom(real), RealPort: 8080, Method: service.NAT, Server: 7}
		spec.State = conntrack.TCPNext(conntrack.Inbound, conntrack.None, wire.SYN, false)
		_, result := s.Insert(&k, &spec, now, timeouts.Of(k.Proto, spec.State))
		fmt.Fprintln(os.Stdout, result)
	}
	s.Unlock()

	reply := conntrack.Key{Client: k.Client, ClientPort: 40000, Virtual: wire.AddrFrom(real), VirtualPort: 8080, Proto: wire.ProtoTCP}
	s = table.Lock(table.HashKey(&reply))
	if c := s.FindOutbound(&reply); c != nil {
		next := conntrack.TCPNext(c.Direction(true), c.State(), wire.SYN|wire.ACK, false)
		s.SetState(c, next)
		s.Touch(c, now, timeouts.Of(c.Proto(), next))
		fmt.Fprintln(os.Stdout, conntrack.StateName(c.Proto(), c.State()), "rewrite to", c.Virtual(), c.VirtualPort())
	}
	s.Unlock()

	table.Tick(now+time.Minute, 256)
	// Output:
	// inserted
	// SYN_RECV rewrite to 198.51.100.1 80
	// ended on server 7
}
