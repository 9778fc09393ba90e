package e2e

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"ulvs/lab"
)

// mirror starts a UDP server on a host that sends back what it gets.
func mirror(t *testing.T, h *lab.Host, at netip.Addr) {
	t.Helper()
	var conn net.PacketConn
	var err error
	check(t, h.Do(func() { conn, err = net.ListenPacket("udp4", netip.AddrPortFrom(at, echoPort).String()) }))
	check(t, err)
	t.Cleanup(func() { check(t, conn.Close()) })
	go func() {
		buf := make([]byte, 1<<16)
		for {
			size, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = conn.WriteTo(buf[:size], from)
		}
	}()
}

// TestLongDatagrams: a datagram in fragments, and its answer, reach the other
// end whole, whether the host has the virtual address and forwards or not.
func TestLongDatagrams(t *testing.T) {
	for _, mode := range lab.Modes() {
		for _, hidden := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s,hidden=%v", mode, hidden), func(t *testing.T) {
				n := serving(t, lab.Config{Mode: mode, Servers: 1, HiddenVIP: hidden, Forward: true}, "rr")
				at := n.VIP
				if mode == lab.NAT {
					at = n.Servers[0].Addr()
				}
				mirror(t, n.Servers[0], at)
				n.datagramRules()
				conn := n.datagramClient(t)
				seenByClient := record(t, n.Client, "eth0", "ip", headers)
				for _, size := range []int{5, 1400, 1473, 4000, 5000, 60000} {
					sent := bytes.Repeat([]byte("fragments "), size/10+1)[:size]
					check(t, conn.SetDeadline(time.Now().Add(patience)))
					_, err := conn.Write(sent)
					check(t, err)
					got := make([]byte, 1<<16)
					length, err := conn.Read(got)
					if err != nil || !bytes.Equal(got[:length], sent) {
						t.Errorf("%d bytes: %d came back, %v", size, length, err)
					}
				}
				n.checkFragments(t, packets(t, seenByClient.stop(n.Client, n.Director.Addr())))
				n.clean(t)
			})
		}
	}
}

// checkFragments: no fragment of an answer has passed the director by, with the
// real server's address; and it has dropped none.
func (n *network) checkFragments(t *testing.T, all []seen) {
	t.Helper()
	for i := range all {
		if src := all[i].ip.SrcIP.String(); src == n.Servers[0].Addr().String() || all[i].icmp != nil {
			t.Errorf("client has seen %v", &all[i])
		}
	}
	counts := n.reasons()
	if counts["held-fragment"] == 0 || counts["forwarded-fragments"] == 0 {
		t.Errorf("no fragments: %v", counts)
	}
	for name, count := range counts {
		if strings.Contains(name, "fragment") && !strings.HasPrefix(name, "held-") && !strings.HasPrefix(name, "forwarded-") {
			t.Errorf("director: %s %d", name, count)
		}
	}
}
