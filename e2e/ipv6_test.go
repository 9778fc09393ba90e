package e2e

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"

	"ulvs/lab"
)

// The IPv6 addresses of a network: the virtual one is on the client's link, and
// only the director speaks for it.
const (
	vip6      = "2001:db8:1::100"
	client6   = "2001:db8:1::7"
	director6 = "2001:db8:1::fe"
	gateway6  = "2001:db8:3::fe"
)

// TestIPv6: a service of IPv6 addresses is found by its neighbours, answers in
// turn, and carries more than small packets, by NAT and DR.
func TestIPv6(t *testing.T) {
	if noIPv6(t) {
		return
	}
	for _, mode := range []string{lab.NAT, lab.DR} {
		t.Run(mode, func(t *testing.T) {
			n := bare(t, lab.Config{Mode: mode, Servers: 2})
			n.addresses6(t)
			n.start()
			for _, h := range n.Servers {
				check(t, h.Serve("[::]:80"))
			}
			n.rules6()
			n.checkService6(t)
			n.checkLarge6(t)
			n.checkDatagrams6(t)
		})
	}
}

// noIPv6 reports, and logs, that there is nothing to test.
func noIPv6(t *testing.T) bool {
	t.Helper()
	_, err := os.Stat("/proc/sys/net/ipv6")
	if err != nil {
		t.Log("the kernel has no IPv6: nothing to test")
	}
	return err != nil
}

// addresses6 gives every host IPv6 on the links that it has.
func (n *network) addresses6(t *testing.T) {
	add := func(h *lab.Host, ifname, addr string) {
		t.Helper()
		check(t, h.NS().Sysctl("net/ipv6/conf/"+ifname+"/disable_ipv6", "0"))
		check(t, h.NS().Addr(ifname, addr))
	}
	add(n.Client, "eth0", client6+"/64")
	add(n.Director, "eth0", director6+"/64")
	if n.Mode == lab.NAT {
		add(n.Director, "eth1", gateway6+"/64")
	}
	for i, h := range n.Servers {
		check(t, h.NS().Sysctl("net/ipv6/conf/lo/disable_ipv6", "0")) // or Go's servers think that there is none
		add(h, "eth0", n.server6(i)+"/64")
		if n.Mode == lab.NAT {
			check(t, h.NS().Route("default", gateway6))
		} else {
			add(h, "lo", vip6+"/128")
		}
	}
}

// server6 is a real server's own address.
func (n *network) server6(i int) string {
	if n.Mode == lab.NAT {
		return fmt.Sprintf("2001:db8:3::%d", i+1)
	}
	return fmt.Sprintf("2001:db8:1::1:%d", i+1)
}

func (n *network) rules6() {
	n.t.Helper()
	n.ipvsadm("-A -t [" + vip6 + "]:80 -s rr")
	for i := range n.Servers {
		n.ipvsadm("-a -t [" + vip6 + "]:80 -r [" + n.server6(i) + "]:80 " + n.methodFlag())
	}
}

// checkService6: the servers answer in turn and see the client's address.
func (n *network) checkService6(t *testing.T) {
	t.Helper()
	out, err := n.curl(n.Client, append([]string{"-g"}, repeat("http://["+vip6+"]/", 6)...)...)
	if err != nil {
		t.Fatal(err)
	}
	if got := names(out); got["rs1"] != 3 || got["rs2"] != 3 || strings.Count(out, "\nclient ["+client6+"]:") != 6 {
		t.Errorf("answers of the service:\n%s", out)
	}
}

// checkLarge6 sends much more than fits into a packet, which the sender's kernel
// hands over in super-frames with partial checksums.
func (n *network) checkLarge6(t *testing.T) {
	t.Helper()
	out, err := n.curl(n.Client, "-g", "-H", "X-Filler: "+strings.Repeat("x", 60_000), "http://["+vip6+"]/")
	if err != nil || len(names(out)) != 1 {
		t.Errorf("a request of 60 kB: %v\n%s", err, out)
	}
}

// checkDatagrams6: datagrams in fragments, and their answers, reach the other
// end whole.
func (n *network) checkDatagrams6(t *testing.T) {
	t.Helper()
	at := netip.MustParseAddr(vip6)
	if n.Mode == lab.NAT {
		at = netip.MustParseAddr(n.server6(0))
	}
	mirror(t, n.Servers[0], at)
	n.ipvsadm(fmt.Sprintf("-A -u [%s]:%d -s rr", vip6, echoPort))
	n.ipvsadm(fmt.Sprintf("-a -u [%s]:%d -r [%s]:%d %s", vip6, echoPort, n.server6(0), echoPort, n.methodFlag()))
	var conn net.Conn
	var err error
	check(t, n.Client.Do(func() { conn, err = net.Dial("udp6", fmt.Sprintf("[%s]:%d", vip6, echoPort)) }))
	check(t, err)
	defer conn.Close()
	for _, size := range []int{5, 1400, 1453, 5000, 60000} {
		checkEcho(t, conn, size)
	}
}
