package bench

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync/atomic"

	"os"

	"ulvs/internal/netns"
	"ulvs/service"
	"ulvs/wire"
)

// Topology is client, director and server, three namespaces in a row:
//
//	client c0 --- d0 director d1 --- s0 server
//	       c1 ----------------------- s1
//
// Every namespace has its addresses and routes. The lower cable is there if a
// forwarding method lets servers answer clients directly.
//
// For small packets, IPv4 that reaches d0 or s0 is counted and dropped behind
// the packet sockets, so that no kernel forwards or answers it, but for
// contestants in the kernel, for which it is only counted at d0; ARP is left
// alone.
type Topology struct {
	Client, Director, Server  *netns.NS
	ClientIf, In, Out, SinkIf string // interfaces c0, d0, d1, s0

	InMAC, OutMAC, SinkMAC wire.MAC

	VIP      netip.Addr   // the virtual address
	Reals    []netip.Addr // the real servers, all on s0
	Clients  netip.Addr   // the client, and the first source of generated flows
	Services []Endpoint   // of VIP, and of the same port on each real server
	Place    Placement

	env               *Env
	urgent            bool // client and echo server run before all else
	offered, received counter
}

// Endpoint is a port of a protocol.
type Endpoint struct {
	Protocol service.Protocol
	Port     uint16
}

// Wiring is what a contestant needs of the hosts around it.
type Wiring struct {
	Kernel    bool // packets belong to the director's kernel
	ServerVIP bool // the servers have the virtual address, hidden from ARP
	Direct    bool // the servers answer clients directly
	Tunnel    bool // the servers unpack IPIP
}

// layout is what a Topology is built for.
type layout struct {
	wiring   Wiring
	place    Placement
	services []Endpoint
	count    bool // count and drop
	// pings are not counted and reach the server, though others are counted.
	pings bool
}

// Addresses of the topology, all for documentation (RFC 5737).
var (
	clientAddr   = netip.MustParsePrefix("203.0.113.1/24")
	directorIn   = netip.MustParsePrefix("203.0.113.254/24")
	directorOut  = netip.MustParsePrefix("192.0.2.1/24")
	realAddrs    = []netip.Prefix{netip.MustParsePrefix("192.0.2.11/24"), netip.MustParsePrefix("192.0.2.12/24")}
	virtual      = netip.MustParseAddr("198.51.100.1")
	directClient = netip.MustParsePrefix("198.51.100.129/25")
	directServer = netip.MustParsePrefix("198.51.100.130/25")
)

// discard is the service of the small packets.
var discard = Endpoint{service.UDP, 9}

// built numbers topologies.
var built atomic.Uint32

// newTopology builds a topology, which close removes.
func newTopology(ctx context.Context, e *Env, l layout) (*Topology, error) {
	t := &Topology{
		ClientIf: "c0", Out: "d1", SinkIf: "s0", VIP: virtual, Clients: clientAddr.Addr(),
		// Its own name on the whole machine, and of 9 letters at most, for by
		// that the kernel calls the thread of threaded NAPI.
		In:       fmt.Sprintf("d%06x%02x", os.Getpid()&0xffffff, uint8(built.Add(1))),
		Services: l.services, Place: l.place, env: e,
	}
	for _, r := range realAddrs {
		t.Reals = append(t.Reals, r.Addr())
	}
	if err := t.build(ctx, l); err != nil {
		t.close()
		return nil, fmt.Errorf("build topology: %w", err)
	}
	return t, nil
}

func (t *Topology) build(ctx context.Context, l layout) error {
	for _, ns := range []**netns.NS{&t.Client, &t.Director, &t.Server} {
		var err error
		if *ns, err = newHost(); err != nil {
			return err
		}
	}
	for _, step := range []func() error{
		t.connect, t.address,
		func() error { return t.wire(ctx, l.wiring) },
		func() error { return t.placeReception(ctx) },
		func() error { return t.count(l) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// newHost makes a namespace with the settings that all hosts have: no router
// solicitations among the counted packets, no check of the way back, which
// asymmetric ways fail, all ports for connections.
func newHost() (*netns.NS, error) {
	ns, err := netns.New()
	if err != nil {
		return nil, err
	}
	return ns, errors.Join(
		ns.Sysctl("net/ipv6/conf/all/disable_ipv6", "1"),
		ns.Sysctl("net/ipv6/conf/default/disable_ipv6", "1"),
		ns.Sysctl("net/ipv4/conf/all/rp_filter", "0"),
		ns.Sysctl("net/ipv4/conf/default/rp_filter", "0"),
		ns.Sysctl("net/ipv4/ip_forward", "0"),
		ns.Sysctl("net/ipv4/ip_local_port_range", "1024 65535"),
	)
}

func (t *Topology) connect() error {
	return errors.Join(
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
		t.Client.Route("default", directorIn.Addr().String()),
		readMAC(t.Director, t.In, &t.InMAC),
		readMAC(t.Director, t.Out, &t.OutMAC),
		readMAC(t.Server, t.SinkIf, &t.SinkMAC),
	)
	for _, r := range realAddrs {
		err = errors.Join(err, t.Server.Addr(t.SinkIf, r.String()))
	}
	return err
}

func readMAC(ns *netns.NS, name string, mac *wire.MAC) error {
	hw, err := ns.MAC(name)
	copy(mac[:], hw)
	return err
}

// wire sets the server's side up as the forwarding method wants it.
func (t *Topology) wire(ctx context.Context, w Wiring) error {
	if !w.Direct {
		if err := t.Server.Route("default", directorOut.Addr().String()); err != nil {
			return err
		}
	} else if err := t.shortcut(); err != nil {
		return err
	}
	ready := t.Director.Ready(ctx, t.In, t.Out)
	if !w.ServerVIP {
		return ready
	}
	return errors.Join(ready,
		t.Server.Sysctl("net/ipv4/conf/all/arp_ignore", "1"),
		t.Server.Sysctl("net/ipv4/conf/all/arp_announce", "2"),
		t.Server.Addr("lo", t.VIP.String()+"/32"),
	)
}

// shortcut is the server's own way to the client.
func (t *Topology) shortcut() error {
	return errors.Join(
		netns.Veth(t.Client, "c1", t.Server, "s1"),
		t.Client.Up("c1"),
		t.Server.Up("s1"),
		t.Client.Addr("c1", directClient.String()),
		t.Server.Addr("s1", directServer.String()),
		t.Server.Route("default", directClient.Addr().String()),
	)
}

func (t *Topology) count(l layout) (err error) {
	if !l.count {
		return nil
	}
	if t.offered, err = countAt(t.Director, t.In, 0, !l.wiring.Kernel); err != nil {
		return err
	}
	port := uint16(0)
	if l.pings {
		port = discard.Port
	}
	t.received, err = countAt(t.Server, t.SinkIf, port, true)
	return err
}

// pinEnd fixes the calling goroutine, which is an end of the round trips, to its
// processor.
func (t *Topology) pinEnd(cpu int) error {
	err := pinThread(cpu)
	if err == nil && t.urgent {
		err = hurry()
	}
	return err
}

func (t *Topology) close() {
	for _, ns := range []*netns.NS{t.Client, t.Director, t.Server} {
		if ns != nil {
			_ = ns.Close() // the descriptor of a namespace: nothing is lost
		}
	}
}
