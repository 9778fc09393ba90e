package e2e

import (
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"ulvs/lab"
)

// kill kills the daemon hard.
func (n *network) kill() {
	n.t.Helper()
	check(n.t, n.daemon.Cmd.Process.Kill())
	<-n.daemon.Done()
}

// guards counts our tables in the director's namespace.
func (n *network) guards() int {
	n.t.Helper()
	return strings.Count(n.run(n.Director, "nft", "list", "tables"), "table netdev ulvs")
}

// TestKilled: after kill -9 the guard holds, so that the host resets nobody's
// connections, and a restart finds nothing in its way.
func TestKilled(t *testing.T) {
	n := serving(t, lab.Config{Mode: lab.NAT, Servers: 2, Forward: true}, "rr")
	check(t, n.Serve())
	other := netip.AddrPortFrom(n.VIP, otherPort)
	check(t, n.Director.Serve(other.String()))
	for range 2 {
		n.checkService(t)
		n.kill()
		if got := n.guards(); got != 1 {
			t.Errorf("%d guard tables after kill -9, want 1", got)
		}
		n.checkSilent(t)
		if out, err := n.curl(n.Client, httpAt(other)); err != nil || names(out)["director"] != 1 {
			t.Errorf("the host's own port after kill -9: %v\n%s", err, out)
		}
		n.start()
		n.rules("rr", 1, 1)
	}
	n.checkService(t)
	if got := n.guards(); got != 1 {
		t.Errorf("%d guard tables after restarts, want 1", got)
	}
	n.checkStopped(t)
}

// checkSilent: a client of the service gets no answer, neither good nor bad.
func (n *network) checkSilent(t *testing.T) {
	t.Helper()
	_, err := n.Client.Run(within(t, patience), "curl", "-sS", "--max-time", "0.5", n.URL())
	if exitStatus(err) != 28 { // operation timed out
		t.Errorf("a client while there is no daemon: %v", err)
	}
}

// checkStopped stops the daemon and looks for what it leaves.
func (n *network) checkStopped(t *testing.T) {
	t.Helper()
	check(t, n.daemon.Stop())
	if code := n.daemon.Cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("daemon ended with %d: %s", code, n.daemon.Output())
	}
	if got := n.guards(); got != 0 {
		t.Errorf("%d guard tables left", got)
	}
	// The VIP is the host's again.
	_, err := n.Client.Run(within(t, patience), "curl", "-sS", n.URL())
	if exitStatus(err) != 7 { // failed to connect
		t.Errorf("a client after the daemon: %v", err)
	}
}

// TestKilledInBackground: the same for a daemon that ipvsadm has started.
func TestKilledInBackground(t *testing.T) {
	n, s := typist(t, lab.DR)
	var pids []int
	for range 2 {
		s.session(`
$ ipvsadm -A -t 192.0.2.100:80 -s rr
$ ipvsadm -a -t 192.0.2.100:80 -r 192.0.2.11 -g
`)
		n.get(t, 2, map[string]int{"rs1": 2})
		pid := s.daemon()
		pids = append(pids, pid)
		check(t, syscall.Kill(pid, syscall.SIGKILL))
		if !eventually(patience, func() bool { return gone(pid) }) {
			t.Fatalf("daemon %d is still there", pid)
		}
		s.session("$ ipvsadm -L -n\n" + emptyTable)
	}
	s.session("$ ipvsadm -A -t 192.0.2.100:80\n")
	if now := s.daemon(); pids[0] == pids[1] || now == pids[0] || now == pids[1] {
		t.Errorf("daemons %v, now %d", pids, now)
	}
	s.stops(n)
}

// TestStopped: a daemon that does not run for two seconds, as on a host that
// is out of memory, and gets more packets in that time than its ring holds.
func TestStopped(t *testing.T) {
	n := serving(t, lab.Config{Mode: lab.NAT, Servers: 2}, "rr")
	check(t, n.Serve())
	n.ipvsadm("-A -u " + n.Service().String())
	traffic := n.pulse(t)
	daemon := n.daemon.Cmd.Process
	check(t, daemon.Signal(syscall.SIGSTOP))
	for end := time.Now().Add(2 * time.Second); time.Now().Before(end); {
		n.flood(t, 2000)
		traffic.fails()
	}
	check(t, daemon.Signal(syscall.SIGCONT))
	took := traffic.awaitAfter(time.Now(), patience)
	t.Logf("forwarding again after %v", took)
	if took > resumeLimit {
		t.Errorf("forwarding again after %v, want %v at most", took, resumeLimit)
	}
	traffic.end()
	n.checkService(t)
	if lost := n.reasons()["port-ring-full"]; lost == 0 {
		t.Error("what the ring could not hold is not counted")
	}
}

// flood sends datagrams to the service.
func (n *network) flood(t *testing.T, packets int) {
	t.Helper()
	check(t, n.Client.Do(func() {
		conn, err := net.Dial("udp4", n.Service().String())
		check(t, err)
		defer conn.Close()
		for range packets {
			_, _ = conn.Write([]byte("flood")) // refused, once the daemon runs
		}
	}))
}
