package e2e

import (
	"os/exec"
	"strings"
	"testing"

	"ulvs/lab"
)

// TestSendingSeen: frames leave by AF_XDP, which no packet socket sees; once
// somebody looks, they come where he sees them, and go back when he has gone.
func TestSendingSeen(t *testing.T) {
	n := serving(t, lab.Config{Mode: lab.NAT, Servers: 2}, "rr")
	check(t, n.Serve())
	status := func() string { return n.run(n.Director, binary, "status") }
	const byXDP, bySocket = "eth1 by AF_XDP", "eth1 by packet socket (a packet socket of all protocols)"
	if !eventually(patience, func() bool { return strings.Contains(status(), byXDP) }) {
		t.Fatalf("not by AF_XDP:\n%s", status())
	}
	file := t.TempDir() + "/seen.pcap"
	const enough = "20"
	p, err := n.Director.Daemon(exec.Command("dumpcap", "-i", "eth1", "-f", "tcp dst port 80", "-c", enough, "-P", "-w", file))
	check(t, err)
	if !eventually(patience, func() bool { return strings.Contains(status(), bySocket) }) {
		t.Errorf("somebody looks, and it is still so:\n%s", status())
	}
	tally, err := n.Requests(within(t, patience), n.URL(), 20)
	if err != nil || tally.Problem != "" {
		t.Errorf("requests: %v %s", err, tally.Problem)
	}
	if !eventually(patience, func() bool { return strings.Contains(p.Output(), "captured: "+enough) }) {
		t.Errorf("not all seen: %s", p.Output())
	}
	check(t, p.Stop())
	if !eventually(patience, func() bool { return strings.Contains(status(), byXDP) }) {
		t.Errorf("nobody looks any more, and it is still so:\n%s", status())
	}
}
