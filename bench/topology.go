package bench

import (
	"errors"
	"fmt"
	"net/netip"

	"ulvs/internal/netns"
	"ulvs/wire"
)

// Processors of a measurement. The generator's also pays for the delivery to
// the director's ring, the director's for that to the sink.
const (
	GeneratorCPU = 0
	DirectorCPU  = 1
)

// Topology is client, director and server, three namespaces in a row:
//
//	client c0 --- d0 director d1 --- s0 server
//
// Every namespace has its addresses and routes; the client sends to the
// director's MAC and needs none. IPv4 that reaches d0 or s0 is counted and
// dropped behind the packet sockets, so that no kernel forwards or answers it;
// ARP is left alone.
type Topology struct {
	Client, Director, Server  *netns.NS
	ClientIf, In, Out, SinkIf string // interfaces c0, d0, d1, s0

	InMAC, OutMAC, SinkMAC wire.MAC

	VIP     netip.AddrPort // the virtual service, UDP
	Real    netip.AddrPort // the real server, on s0
	Clients netip.Addr     // source of all flows

	offered, received counter
}

// Addresses of the topology, all for documentation (RFC 5737).
var (
	clientAddr  = netip.MustParsePrefix("203.0.113.1/24")
	directorIn  = netip.MustParsePrefix("203.0.113.254/24")
	directorOut = netip.MustParsePrefix("192.0.2.1/24")
	realAddr    = netip.MustParsePrefix("192.0.2.11/24")
	virtual     = netip.MustParseAddrPort("198.51.100.1:9")
)

// newTopology builds a topology, which close removes.
func newTopology() (*Topology, error) {
	t := &Topology{
		ClientIf: "c0", In: "d0", Out: "d1", SinkIf: "s0",
		VIP: virtual, Real: netip.AddrPortFrom(realAddr.Addr(), virtual.Port()), Clients: clientAddr.Addr(),
	}
	if err := t.build(); err != nil {
		t.close()
		return nil, fmt.Errorf("build topology: %w", err)
	}
	return t, nil
}

func (t *Topology) build() error {
	for _, ns := range []**netns.NS{&t.Client, &t.Director, &t.Server} {
		var err error
		if *ns, err = netns.New(); err != nil {
			return err
		}
	}
	if err := t.connect(); err != nil {
		return err
	}
	if err := t.address(); err != nil {
		return err
	}
	return t.count()
}

func (t *Topology) connect() error {
	return errors.Join(
		// No router solicitations among the counted packets.
		t.Client.Sysctl("net/ipv6/conf/default/disable_ipv6", "1"),
		t.Director.Sysctl("net/ipv6/conf/default/disable_ipv6", "1"),
		t.Server.Sysctl("net/ipv6/conf/default/disable_ipv6", "1"),
		netns.Veth(t.Client, t.ClientIf, t.Director, t.In),
		netns.Veth(t.Director, t.Out, t.Server, t.SinkIf),
		t.Client.Up(t.ClientIf),
		t.Director.Up(t.In, t.Out),
		t.Server.Up(t.SinkIf),
	)
}

func (t *Topology) address() error {
	err := errors.Join(
		t.Client.Addr(t.ClientIf, clientAddr.String()),
		t.Director.Addr(t.In, directorIn.String()),
		t.Director.Addr(t.Out, directorOut.String()),
		t.Server.Addr(t.SinkIf, realAddr.String()),
		readMAC(t.Director, t.In, &t.InMAC),
		readMAC(t.Director, t.Out, &t.OutMAC),
		readMAC(t.Server, t.SinkIf, &t.SinkMAC),
	)
	return err
}

func readMAC(ns *netns.NS, name string, mac *wire.MAC) error {
	hw, err := ns.MAC(name)
	copy(mac[:], hw)
	return err
}

func (t *Topology) count() (err error) {
	if t.offered, err = countAndDrop(t.Director, t.In); err != nil {
		return err
	}
	t.received, err = countAndDrop(t.Server, t.SinkIf)
	return err
}

func (t *Topology) close() {
	for _, ns := range []*netns.NS{t.Client, t.Director, t.Server} {
		if ns != nil {
			_ = ns.Close() // the descriptor of a namespace: nothing is lost
		}
	}
}
