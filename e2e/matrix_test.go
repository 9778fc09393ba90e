package e2e

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/gopacket/layers"

	"ulvs/lab"
)

// otherPort of the VIP belongs to no service: to the host, as its sshd does.
const otherPort = 2222

// TestMatrix: each method works whether or not the director's kernel has the
// VIP and forwards, and takes nothing from the host that is not the service.
func TestMatrix(t *testing.T) {
	for _, c := range lab.Matrix(2) {
		t.Run(c.String(), func(t *testing.T) {
			n := serving(t, c, "rr")
			check(t, n.Serve())
			seenByClient := record(t, n.Client, "eth0", "tcp or icmp", headers)
			n.checkService(t)
			if !c.HiddenVIP {
				n.checkOtherPort(t)
			}
			n.checkOwnConnections(t)
			direct := c.Mode == lab.NAT && c.Forward
			if direct {
				n.checkDirect(t)
			}
			n.checkService(t) // also after all that
			n.checkSeen(t, packets(t, seenByClient.stop(n.Client, n.Director.Addr())), direct)
		})
	}
}

// checkService: both servers answer in turn, see the client's address and are
// asked at their own or the virtual address, as the method has it.
func (n *network) checkService(t *testing.T) {
	t.Helper()
	out, err := n.curl(n.Client, repeat(n.URL(), 6)...)
	if err != nil {
		t.Fatal(err)
	}
	got := names(out)
	if got["rs1"] != 3 || got["rs2"] != 3 || strings.Count(out, "\nclient "+n.Client.Addr().String()+":") != 6 {
		t.Errorf("answers of the service:\n%s", out)
	}
	for _, h := range n.Servers {
		asked := n.VIP
		if n.Mode == lab.NAT {
			asked = h.Addr()
		}
		if strings.Count(out, fmt.Sprintf("\nserver %s:80\n", asked)) == 0 {
			t.Errorf("%s was not asked at %v:\n%s", h.Name, asked, out)
		}
	}
}

// checkOtherPort: a listener of the host on another port of the VIP answers.
func (n *network) checkOtherPort(t *testing.T) {
	t.Helper()
	addr := netip.AddrPortFrom(n.VIP, otherPort)
	check(t, n.Director.Serve(addr.String()))
	out, err := n.curl(n.Client, repeat(httpAt(addr), 2)...)
	if err != nil || names(out)["director"] != 2 {
		t.Errorf("the host's own port: %v\n%s", err, out)
	}
}

// checkOwnConnections: the director reaches the real servers at their own
// addresses, as health checks do.
func (n *network) checkOwnConnections(t *testing.T) {
	t.Helper()
	for _, h := range n.Servers {
		out, err := n.curl(n.Director, repeat(httpAt(netip.AddrPortFrom(h.Addr(), 80)), 2)...)
		if err != nil || names(out)[h.Name] != 2 {
			t.Errorf("the director's own connection to %s: %v\n%s", h.Name, err, out)
		}
	}
}

// checkDirect: the client reaches a real server by its own address through
// the director, which is just a router then.
func (n *network) checkDirect(t *testing.T) {
	t.Helper()
	for _, h := range n.Servers {
		out, err := n.curl(n.Client, repeat(httpAt(netip.AddrPortFrom(h.Addr(), 80)), 3)...)
		if err != nil || names(out)[h.Name] != 3 || strings.Count(out, "\nclient "+n.Client.Addr().String()+":") != 3 {
			t.Errorf("direct connection to %s: %v\n%s", h.Name, err, out)
		}
	}
}

// checkSeen looks at what has passed the client's interface: every packet
// once, no reset, no ICMP, nothing from a real server's own address but in a
// direct connection.
func (n *network) checkSeen(t *testing.T, all []seen, direct bool) {
	t.Helper()
	type identity struct {
		src, dst string
		id       uint16
		ports    uint32
		seq, ack uint32
		flags    string
		bytes    uint16
	}
	count := map[identity]int{}
	for i := range all {
		s := &all[i]
		if s.icmp != nil || s.tcp.RST {
			t.Errorf("the client has seen %v", s)
			continue
		}
		if !direct && n.isReal(s) {
			t.Errorf("the client has seen a real server's own address: %v", s)
		}
		id := identity{s.ip.SrcIP.String(), s.ip.DstIP.String(), s.ip.Id, uint32(s.tcp.SrcPort)<<16 | uint32(s.tcp.DstPort),
			s.tcp.Seq, s.tcp.Ack, flags(s.tcp), s.ip.Length}
		if count[id]++; count[id] == 2 {
			t.Errorf("seen twice: %v", s)
		}
	}
	if len(all) < 12*8 { // connections of the service, packets of the shortest
		t.Errorf("only %d packets captured", len(all))
	}
}

// isReal reports whether a packet is from or to a real server's own address.
func (n *network) isReal(s *seen) bool {
	for _, h := range n.Servers {
		if a := h.Addr().String(); s.ip.SrcIP.String() == a || s.ip.DstIP.String() == a {
			return true
		}
	}
	return false
}

func flags(t *layers.TCP) string { return fmt.Sprint(t.SYN, t.ACK, t.FIN, t.PSH) }
