package e2e

import (
	"fmt"
	"strings"
	"testing"

	"ulvs/lab"
)

// TestTunnelTypes: through GRE and GUE, at the default MTU everywhere, a large
// file comes back and one goes there, with the tunnel's checksum after an edit
// that asks for it. What is in the tunnel has right checksums, and fits.
func TestTunnelTypes(t *testing.T) {
	for _, tt := range []struct {
		name, filter string   // the filter as dumpcap has it
		display      string   // as tshark has it
		fields       []string // of tshark; status 1 is good
		good         string
		mtu          uint16 // inside, with checksums
	}{
		{"gre", "ip proto 47", "gre", []string{"gre.checksum.status", "tcp.checksum.status"}, "1 1", 1472},
		{"gue", "udp port 6080", "udp.port == 6080", []string{"udp.checksum.status"}, "1", 1468},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := serving(t, lab.Config{Mode: lab.TUN, Servers: 1, Tunnel: tt.name}, "rr")
			w := n.nginxes(t)[0]
			if sum, err := n.download(t, n.URL()+largeFile); err != nil || sum != sums[largeFile] {
				t.Fatalf("SHA-256 %s, %v", sum, err)
			}
			n.ipvsadm(fmt.Sprintf("-e -t %s -r %s %s --tun-csum", n.Service(), n.Servers[0].Addr(), n.MethodFlags()))
			sent := record(t, n.Client, "eth0", "tcp or icmp", headers)
			tunnelled := record(t, n.Switch, "director-eth0", tt.filter, whole)
			n.upload(t, w, 1)
			n.checkClientOfTunnel(packets(t, sent.stop(n.Client, n.Router.Addr())), tt.mtu)
			n.checkTunnelFrames(tunnelled.stop(n.Director, n.Router.Addr()), tt.display, tt.fields, tt.good)
			n.clean(t)
		})
	}
}

// checkTunnelFrames: all that leaves fits and is whole.
func (n *network) checkTunnelFrames(file, filter string, fields []string, good string) {
	n.t.Helper()
	full := 0
	for _, row := range n.tshark(file, filter, append([]string{"frame.number", "frame.len"}, fields...)...) {
		size := row[1]
		if len(size) > 4 || len(size) == 4 && size > "1514" || strings.Join(row[2:], " ") != good {
			n.t.Errorf("frame %s: length %s, status of checksums %v (1 is good)", row[0], size, row[2:])
		}
		if size == "1514" {
			full++
		}
	}
	if want := smallSize / 1600; float64(full) < want {
		n.t.Errorf("%d full frames in the tunnel, want at least %.0f", full, want)
	}
}
