package netmon

import (
	"fmt"
	"net/netip"
	"syscall"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ulvs/dataplane/nexthop"
)

// View looks at the kernel once, for who does not want to follow it. It belongs
// to the network namespace of the thread that opened it.
type View struct {
	Links     []Link
	Addresses []nexthop.Address

	handle *netlink.Handle
}

// Look opens a view. Close it.
func Look() (*View, error) {
	handle, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open rtnetlink: %w", err)
	}
	v := &View{handle: handle}
	err = handle.SetSocketTimeout(dumpTimeout)
	if err == nil {
		v.Links, err = dumpLinks(handle)
	}
	if err == nil {
		v.Addresses, err = dumpAddresses(handle)
	}
	if err != nil {
		handle.Close()
		return nil, fmt.Errorf("read links and addresses by rtnetlink: %w", err)
	}
	return v, nil
}

// Close closes the socket; the lists stay.
func (v *View) Close() { v.handle.Close() }

// Way is how the kernel would send a packet.
type Way struct {
	Index   int        // of the interface
	Gateway netip.Addr // invalid: the destination is on the link
	Source  netip.Addr // that the kernel would take
	Local   bool       // the destination is the host itself
}

// WayTo asks the kernel for its route to dst. The error is ENETUNREACH and the
// like where there is none.
func (v *View) WayTo(dst netip.Addr) (Way, error) {
	routes, err := v.handle.RouteGet(dst.AsSlice())
	if err == nil && len(routes) == 0 {
		err = syscall.ENETUNREACH
	}
	if err != nil {
		return Way{}, err
	}
	r := &routes[0]
	return Way{
		Index: r.LinkIndex, Gateway: gatewayOf(r.Gw, r.Via), Source: addrOf(r.Src),
		Local: routeType(r.Type) == nexthop.Local,
	}, nil
}
