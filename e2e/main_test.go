package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"ulvs/lab"
)

// binaryEnv names the ulvs to test; without it TestMain builds one.
const binaryEnv = "ULVS_BINARY"

// binary is the program under test.
var binary string

func TestMain(m *testing.M) {
	// The sandbox shows here again as a process of its own, with the
	// environment of the first.
	if signal.Ignored(syscall.SIGHUP) { // by nohup(1); every daemon would inherit it
		signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	}
	dir, err := ensureBinary()
	if err != nil {
		fmt.Fprintln(os.Stderr, "build ulvs:", err)
		os.Exit(1)
	}
	binary = os.Getenv(binaryEnv)
	code := lab.Main(m)
	for _, d := range []string{dir, filesDir} {
		if d != "" {
			_ = os.RemoveAll(d)
		}
	}
	os.Exit(code)
}

// ensureBinary builds ulvs if none was given, and returns the folder to
// remove afterwards.
func ensureBinary() (dir string, err error) {
	if os.Getenv(binaryEnv) != "" || len(os.Args) > 1 && os.Args[1] == "lab-host" {
		return "", nil
	}
	if dir, err = os.MkdirTemp("", "ulvs-e2e-"); err != nil {
		return "", err
	}
	path := filepath.Join(dir, "ulvs")
	build := exec.Command("go", "build", "-trimpath", "-o", path, "ulvs/cmd/ulvs")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return dir, fmt.Errorf("%w: %s", err, out)
	}
	return dir, os.Setenv(binaryEnv, path)
}

// patience is how long anything may take that should be quick: a machine that
// is busy with other things is no failure.
const patience = 30 * time.Second

// within is a context for one step of a test.
func within(t testing.TB, limit time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	t.Cleanup(cancel)
	return ctx
}

// eventually looks again and again, until ok or the limit is over, and
// reports which.
func eventually(limit time.Duration, ok func() bool) bool {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	end := time.Now().Add(limit)
	for !ok() {
		if time.Now().After(end) {
			return false
		}
		<-tick.C
	}
	return true
}

// check fails the test on an error.
func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// network is a lab with its servers and director at work.
type network struct {
	*lab.Lab
	t      testing.TB
	daemon *lab.Process
}

// bare builds a network in which nothing runs. Whatever goes wrong in it, the
// test shows the director's log.
func bare(t testing.TB, c lab.Config) *network {
	t.Helper()
	c.Binary = binary
	l, err := lab.Build(c)
	check(t, err)
	n := &network{Lab: l, t: t}
	t.Cleanup(func() {
		if t.Failed() && n.daemon != nil {
			t.Logf("log of the director:\n%s", n.daemon.Output())
		}
		check(t, l.Close())
	})
	return n
}

// start starts the director's daemon.
func (n *network) start(args ...string) {
	n.t.Helper()
	p, err := n.StartDirector(within(n.t, patience), args...)
	check(n.t, err)
	n.daemon = p
}

// rules sets up the virtual service with a weight for each server.
func (n *network) rules(scheduler string, weights ...int) {
	n.t.Helper()
	for _, line := range n.Rules(scheduler, weights) {
		n.ipvsadm(line)
	}
}

// serving builds a network with the director and the tunnels at work, the
// virtual service set up, equal weights.
func serving(t testing.TB, c lab.Config, scheduler string) *network {
	t.Helper()
	n := bare(t, c)
	if c.Mode == lab.TUN {
		check(t, n.Decap())
	}
	n.start()
	weights := make([]int, c.Servers)
	for i := range weights {
		weights[i] = 1
	}
	n.rules(scheduler, weights...)
	return n
}

// ipvsadm runs a command that must work, and returns what it prints.
func (n *network) ipvsadm(line string) string {
	n.t.Helper()
	out, err := n.Ipvsadm(within(n.t, patience), line)
	check(n.t, err)
	return out
}

// run runs a program on a host that must work, and returns what it prints.
func (n *network) run(h *lab.Host, name string, args ...string) string {
	n.t.Helper()
	out, err := h.Run(within(n.t, patience), name, args...)
	check(n.t, err)
	return out
}

// curl makes a request for each URL, each on a connection of its own, and
// returns the answers.
func (n *network) curl(h *lab.Host, urls ...string) (string, error) {
	args := append([]string{"-sS", "--max-time", "10", "-H", "Connection: close"}, urls...)
	return h.Run(within(n.t, patience), "curl", args...)
}

// repeat is n times the same URL.
func repeat(url string, n int) (urls []string) {
	for range n {
		urls = append(urls, url)
	}
	return urls
}

// names counts the answers of lab servers by their first line.
func names(answers string) map[string]int {
	count := map[string]int{}
	for _, line := range strings.Split(answers, "\n") {
		if name := strings.TrimSpace(line); name != "" && !strings.Contains(name, " ") {
			count[name]++
		}
	}
	return count
}

// exitStatus is that of a program, -1 if it did not end by itself.
func exitStatus(err error) int {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	}
	return -1
}

// gone reports whether a process has ended. One that is nobody's child any
// more is ours to bury where we are the first process of the sandbox.
func gone(pid int) bool {
	var status syscall.WaitStatus
	_, _ = syscall.Wait4(pid, &status, syscall.WNOHANG, nil)
	return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
}

// httpAt is the URL of a server.
func httpAt(a netip.AddrPort) string { return "http://" + a.String() + "/" }
