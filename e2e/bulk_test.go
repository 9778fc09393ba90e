package e2e

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"ulvs/lab"
)

// clients is how many curls run at a time.
const clients = 4

// TestDownload: large files arrive whole at parallel clients, and the servers
// see who asks.
func TestDownload(t *testing.T) {
	for _, mode := range lab.Modes() {
		t.Run(mode, func(t *testing.T) {
			n := serving(t, lab.Config{Mode: mode, Servers: 2}, "rr")
			webs := n.nginxes(t)
			n.downloads(t, n.URL()+largeFile, sums[largeFile])
			for _, line := range accessLog(t, webs, clients) {
				from := n.Client.Addr().String() + " "
				if !strings.HasPrefix(line, from) || !strings.Contains(line, fmt.Sprintf(`" 200 %d `, int(largeSize))) {
					t.Errorf("access log has %q, want 200 and all bytes from %s", line, from)
				}
			}
			n.clean(t)
		})
	}
}

// downloads has all clients fetch url at a time.
func (n *network) downloads(t *testing.T, url, want string) {
	t.Helper()
	results := make(chan error)
	for range clients {
		go func() {
			sum, err := n.download(t, url)
			if err == nil && sum != want {
				err = fmt.Errorf("curl %s: SHA-256 %s, want %s", url, sum, want)
			}
			results <- err
		}()
	}
	for range clients {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
}

// clean checks that the director has dropped nothing that it had to forward.
func (n *network) clean(t *testing.T) {
	t.Helper()
	for name, count := range n.reasons() {
		if strings.HasPrefix(name, "port-") && name != "port-link-errors" || strings.Contains(name, "clipped") {
			t.Errorf("director: %s %d", name, count)
		}
	}
}

// reasons are the director's counts.
func (n *network) reasons() map[string]uint64 {
	n.t.Helper()
	var answer struct {
		Reasons []struct {
			Name  string
			Count uint64
		}
	}
	check(n.t, json.Unmarshal([]byte(n.run(n.Director, binary, "reasons", "--json", "--interval", "0")), &answer))
	counts := map[string]uint64{}
	for _, r := range answer.Reasons {
		counts[r.Name] = r.Count
	}
	return counts
}

// TestUpload: what clients send in bulk comes as super-frames with partial
// checksums, which all methods must handle.
func TestUpload(t *testing.T) {
	for _, mode := range []string{lab.DR, lab.NAT} {
		t.Run(mode, func(t *testing.T) {
			n := serving(t, lab.Config{Mode: mode, Servers: 1}, "rr")
			n.upload(t, n.nginxes(t)[0], 1)
			n.clean(t)
		})
	}
}

// upload posts the small file and compares with all that has come so far.
func (n *network) upload(t *testing.T, w *web, total int) {
	t.Helper()
	status, err := n.post(t, n.URL()+"upload", smallFile)
	check(t, err)
	if got := w.uploads(t); status != 201 || len(got) != total || slices.ContainsFunc(got, func(s string) bool { return s != sums[smallFile] }) {
		t.Errorf("status %d, sums %q, want 201 and %d times %s", status, got, total, sums[smallFile])
	}
}

// TestUploadThroughTunnel: the client does not know that there is less room in
// the tunnel until ulvs says so; then it still sends super-frames, which ulvs
// must cut.
func TestUploadThroughTunnel(t *testing.T) {
	n := serving(t, lab.Config{Mode: lab.TUN, Servers: 1}, "rr")
	w := n.nginxes(t)[0]
	sent := record(t, n.Client, "eth0", "tcp or icmp", headers)
	tunnelled := record(t, n.Switch, "director-eth0", "ip proto 4", whole)
	n.upload(t, w, 1)
	n.checkClientOfTunnel(packets(t, sent.stop(n.Client, n.Router.Addr())), 1480)
	n.checkTunnelled(tunnelled.stop(n.Director, n.Router.Addr()))
	n.clean(t)
}

// checkClientOfTunnel: the client was told the tunnel's MTU, and the test has
// had it send super-frames.
func (n *network) checkClientOfTunnel(all []seen, want uint16) {
	n.t.Helper()
	told, super := 0, 0
	for i := range all {
		s := &all[i]
		switch {
		case s.icmp != nil && s.icmp.TypeCode.String() == "DestinationUnreachable(FragmentationNeeded)":
			told++
			if mtu := s.icmp.Seq; mtu != want { // where the echo's number is in other types (RFC 1191)
				n.t.Errorf("fragmentation needed with MTU %d, want %d", mtu, want)
			}
		case s.icmp != nil, s.tcp != nil && s.tcp.RST:
			n.t.Errorf("client has got %v", s)
		case s.tcp != nil && s.size > 1514:
			super++
		}
	}
	if told == 0 || super == 0 {
		n.t.Errorf("fragmentation needed %d times, %d super-frames, want some of both", told, super)
	}
}

// checkTunnelled: nothing leaves that a tunnel or a real network would not
// carry: longer than the MTU, or with a checksum that somebody else had to
// finish.
func (n *network) checkTunnelled(file string) {
	n.t.Helper()
	full := 0
	for _, row := range n.tshark(file, "ip.proto == 4", "frame.len", "ip.checksum.status", "tcp.checksum.status", "frame.number") {
		if len(row[0]) > 4 || len(row[0]) == 4 && row[0] > "1514" || row[1] != "1,1" || row[2] != "1" {
			n.t.Errorf("frame %s: length %s, status of checksums %s and %s (1 is good)", row[3], row[0], row[1], row[2])
		}
		if row[0] == "1514" {
			full++
		}
	}
	if want := smallSize / 1600; float64(full) < want {
		n.t.Errorf("%d full frames in the tunnel, want at least %.0f", full, want)
	}
}

// TestNATWithoutChecksumOffload: veth believes in partial checksums and never
// finishes them, so that a wrong one is not noticed. Without the offload the
// kernel finishes what ulvs has rewritten, and the receivers look at it.
func TestNATWithoutChecksumOffload(t *testing.T) {
	n := bare(t, lab.Config{Mode: lab.NAT, Servers: 1})
	n.start()
	w := n.mapped(t)
	for i, change := range []struct {
		what string
		host *lab.Host
		name []string
	}{
		{"finished behind the director", n.Director, []string{"eth0", "eth1"}},
		{"finished by the server", n.Servers[0], []string{"eth0"}},
		{"finished by everybody", n.Client, []string{"eth0"}},
	} {
		for _, name := range change.name {
			n.run(change.host, "ethtool", "-K", name, "tx", "off")
		}
		before := n.badChecksums()
		sum, err := n.download(t, n.URL()+smallFile)
		if err != nil || sum != sums[smallFile] {
			t.Fatalf("%s: SHA-256 %s, %v", change.what, sum, err)
		}
		n.upload(t, w, i+1)
		if after := n.badChecksums(); after != before {
			t.Errorf("%s: bad checksums %s, before %s", change.what, after, before)
		}
	}
	n.clean(t)
}

// mapped makes the service one of nginx on another port, 8080, of the first
// server: a port that changes is part of a finished checksum and not of a
// partial one.
func (n *network) mapped(t *testing.T) *web {
	t.Helper()
	w := n.nginxAt(t, n.Servers[0], 8080)
	n.ipvsadm("-A -t " + n.Service().String())
	n.ipvsadm(fmt.Sprintf("-a -t %s -r %s:8080 -m", n.Service(), n.Servers[0].Addr()))
	return w
}

// badChecksums is what client and server have counted.
func (n *network) badChecksums() string {
	n.t.Helper()
	const show = `awk '/^Tcp: [0-9]/ {print "InErrs", $14, "InCsumErrors", $16}' /proc/net/snmp`
	return n.run(n.Client, "sh", "-c", show) + n.run(n.Servers[0], "sh", "-c", show)
}

// TestIperf3: bulk both ways and datagrams, by the program that people use to
// measure.
func TestIperf3(t *testing.T) {
	for _, mode := range lab.Modes() {
		t.Run(mode, func(t *testing.T) {
			n := bare(t, lab.Config{Mode: mode, Servers: 1})
			if mode == lab.TUN {
				check(t, n.Decap())
			}
			n.start()
			for _, line := range n.iperfRules() {
				n.ipvsadm(line)
			}
			// Where servers have the VIP, iperf3 must be told to answer from it.
			own := n.VIP
			if mode == lab.NAT {
				own = n.Servers[0].Addr()
			}
			n.daemonOn(t, n.Servers[0], exec.Command("iperf3", "-s", "-B", own.String()), own.String()+":5201")
			n.iperf(t, "-n", "100M")
			n.iperf(t, "-n", "100M", "-R")
			n.iperf(t, "-n", "2M", "-u", "-b", "20M", "-l", "1400")
			n.clean(t)
		})
	}
}

// iperfRules make a service of iperf3's TCP and UDP ports.
func (n *network) iperfRules() (lines []string) {
	for _, p := range []string{"-t", "-u"} {
		lines = append(lines, fmt.Sprintf("-A %s %s:5201 -s rr", p, n.VIP),
			fmt.Sprintf("-a %s %s:5201 -r %s:5201 %s", p, n.VIP, n.Servers[0].Addr(), n.methodFlag()))
	}
	return lines
}

// iperf runs some traffic. What a machine busy with other things makes of the
// rate is no matter here, nor that a socket overflows; ulvs loses nothing.
func (n *network) iperf(t *testing.T, options ...string) {
	t.Helper()
	out := n.run(n.Client, "iperf3", append([]string{"-c", n.VIP.String(), "--json"}, options...)...)
	var r struct {
		End struct {
			Received struct {
				Bytes float64 `json:"bytes"`
				Rate  float64 `json:"bits_per_second"`
			} `json:"sum_received"`
			Sum struct {
				Lost float64 `json:"lost_percent"`
			} `json:"sum"`
		} `json:"end"`
	}
	check(t, json.Unmarshal([]byte(out), &r))
	got := r.End.Received
	t.Logf("iperf3 %s: %.0f MB, %.0f Mbit/s, lost %.2f %%", strings.Join(options, " "), got.Bytes/1e6, got.Rate/1e6, r.End.Sum.Lost)
	if got.Bytes < 1e6 || r.End.Sum.Lost > 25 {
		t.Errorf("iperf3 %s: %.0f MB, lost %.2f %%", strings.Join(options, " "), got.Bytes/1e6, r.End.Sum.Lost)
	}
}
