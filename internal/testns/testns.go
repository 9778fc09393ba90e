// Package testns gives tests network namespaces of their own: package netns
// with every error a fatal failure and every namespace closed at the end of
// its test. It is imported by tests only.
//
// An NS may be used by several goroutines, but, as testing.T demands, only the
// test's own goroutine may call what can fail.
package testns

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"ulvs/internal/netns"
)

// NS is a network namespace of one test.
type NS struct {
	*netns.NS
	t testing.TB
}

// New makes an anonymous namespace with its loopback up, which lives as long
// as the test. IPv6 is off in it, so that no router solicitation or duplicate
// address detection mixes with the frames a test counts.
func New(t testing.TB) *NS {
	t.Helper()
	inner, err := netns.New()
	must(t, err)
	t.Cleanup(func() { _ = inner.Close() })
	n := &NS{NS: inner, t: t}
	n.Sysctl("net/ipv6/conf/all/disable_ipv6", "1")
	n.Sysctl("net/ipv6/conf/default/disable_ipv6", "1")
	return n
}

// Do runs f on a thread inside the namespace, in the calling goroutine, so f
// may fail the test. Sockets that f opens stay in the namespace; goroutines
// that it starts run outside.
func (n *NS) Do(f func()) {
	n.t.Helper()
	must(n.t, n.NS.Do(f))
}

// Handle returns the netlink handle of the namespace.
func (n *NS) Handle() *netlink.Handle {
	n.t.Helper()
	h, err := n.NS.Handle()
	must(n.t, err)
	return h
}

// Veth makes a pair of Ethernet interfaces, aName in a and bName in b, both
// down.
func Veth(t testing.TB, a *NS, aName string, b *NS, bName string) {
	t.Helper()
	must(t, netns.Veth(a.NS, aName, b.NS, bName))
}

// Bridge makes a bridge of interfaces of the namespace and sets all up.
func (n *NS) Bridge(name string, ports ...string) {
	n.t.Helper()
	must(n.t, n.NS.Bridge(name, ports...))
}

// Up sets interfaces up.
func (n *NS) Up(ifnames ...string) { n.t.Helper(); must(n.t, n.NS.Up(ifnames...)) }

// Ready waits until interfaces, both ends of which are up, are able to send.
func (n *NS) Ready(ifnames ...string) {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(n.t.Context(), readyWithin)
	defer cancel()
	must(n.t, n.NS.Ready(ctx, ifnames...))
}

// readyWithin is far more than the kernel's link watch takes.
const readyWithin = 10 * time.Second

// Down sets an interface down.
func (n *NS) Down(ifname string) { n.t.Helper(); must(n.t, n.NS.Down(ifname)) }

// Delete removes an interface, and the other end if it is a veth.
func (n *NS) Delete(ifname string) { n.t.Helper(); must(n.t, n.NS.Delete(ifname)) }

// MTU sets an interface's MTU in bytes.
func (n *NS) MTU(ifname string, mtu int) { n.t.Helper(); must(n.t, n.NS.MTU(ifname, mtu)) }

// SetMAC changes an interface's hardware address, given as "02:00:00:00:00:01".
func (n *NS) SetMAC(ifname, mac string) {
	n.t.Helper()
	hw, err := net.ParseMAC(mac)
	must(n.t, err)
	must(n.t, n.NS.SetMAC(ifname, hw))
}

// MAC returns an interface's hardware address.
func (n *NS) MAC(ifname string) net.HardwareAddr {
	n.t.Helper()
	mac, err := n.NS.MAC(ifname)
	must(n.t, err)
	return mac
}

// Index returns an interface's index.
func (n *NS) Index(ifname string) int {
	n.t.Helper()
	index, err := n.NS.Index(ifname)
	must(n.t, err)
	return index
}

// Addr adds an address with its prefix length, "192.0.2.1/24".
func (n *NS) Addr(ifname, cidr string) { n.t.Helper(); must(n.t, n.NS.Addr(ifname, cidr)) }

// Route adds a route to dst, a prefix or "default", by way of a gateway.
func (n *NS) Route(dst, via string) { n.t.Helper(); must(n.t, n.NS.Route(dst, via)) }

// Sysctl writes value to the sysctl path, "net/ipv4/ip_forward".
func (n *NS) Sysctl(path, value string) { n.t.Helper(); must(n.t, n.NS.Sysctl(path, value)) }

// must ends the test on an error.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
