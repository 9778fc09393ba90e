package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ulvs/wire"
)

// within is a context for one step of a test.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// runLab runs the lab face with a stand-in for ulvs and returns what it has
// printed.
func runLab(ctx context.Context, o Options, director string) (string, error) {
	var out bytes.Buffer
	o.Out = &out
	o.DirectorArgs = []string{director}
	err := Run(ctx, o)
	return out.String(), err
}

// checkNothingLeft: no process of a lab, no file of one. The test is the first
// process of a sandbox, so a lab's processes are in its /proc.
func checkNothingLeft(t *testing.T) {
	t.Helper()
	if left := labProcesses(t); len(left) > 0 {
		t.Errorf("processes left: %q", left)
	}
	if left, _ := filepath.Glob(filepath.Join(os.TempDir(), "ulvs-lab-*")); len(left) > 0 {
		t.Errorf("files left: %q", left)
	}
}

// labProcesses lists the command lines of processes that a lab has started.
func labProcesses(t *testing.T) (lines []string) {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil || len(files) == 0 {
		t.Fatalf("no processes to be seen: %v", err)
	}
	for _, file := range files {
		text, _ := os.ReadFile(file) // it may have ended meanwhile
		words := strings.Split(string(text), "\x00")
		if slices.Contains(words, hostFace) || slices.Contains(words, "run") {
			lines = append(lines, strings.Join(words, " "))
		}
	}
	return lines
}

func TestRunShowsEachMode(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	for _, mode := range Modes() {
		out, err := runLab(within(t), Options{Mode: mode, Requests: 60}, "fair")
		if err != nil {
			t.Errorf("%s: %v", mode, err)
		}
		for _, want := range []string{
			"02:00:c0:00:02:0b",            // a server's MAC
			"director# ipvsadm -A -t ",     // typed
			mode + ": 60 of 60 requests",   // all answered
			"exactly as wrr promises: OK",  // verdict
			"rs3     192.0.2.13:80  3    ", // table
		} {
			if !strings.Contains(out, want) {
				t.Errorf("%s: no %q in\n%s", mode, want, out)
			}
		}
		checkNothingLeft(t)
	}
}

func TestRunPrintsJSON(t *testing.T) {
	out, err := runLab(within(t), Options{Mode: NAT, Scheduler: "rr", Weights: []int{1, 1}, Requests: 5, JSON: true}, "fair")
	if err != nil {
		t.Fatal(err)
	}
	var r Result
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	if !r.OK || r.Version != 1 || len(r.Hosts) != 4 || r.Servers[0].Answered != 2 || r.Servers[1].Answered != 3 {
		t.Errorf("result %+v", r)
	}
	if want := "ipvsadm -a -t 198.51.100.100:80 -r 192.0.2.12:80 -m -w 1"; r.Commands[4].Line != want {
		t.Errorf("command %q, want %q", r.Commands[4].Line, want)
	}
}

func TestRunFails(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	for director, want := range map[string]string{
		"crooked": "dr: not shared out as wrr promises: FAILED",
		"dead":    "director ended at once: ulvs lab: no ring today",
	} {
		_, err := runLab(within(t), Options{Mode: DR, Requests: 6}, director)
		if err == nil || err.Error() != want {
			t.Errorf("%s: error %v, want %s", director, err, want)
		}
		checkNothingLeft(t)
	}
}

// interrupter is an output that calls a function once the text has come.
type interrupter struct {
	text string
	call func()
}

func (i interrupter) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte(i.text)) {
		i.call()
	}
	return len(p), nil
}

func TestInterruptLeavesNothing(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	for _, moment := range []string{"LVS lab", "ulvs run", "client: 20000 requests"} {
		ctx, cancel := context.WithCancel(within(t))
		err := Run(ctx, Options{Mode: TUN, Requests: 20000, DirectorArgs: []string{"fair"}, Out: interrupter{moment, cancel}})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("at %q: error %v", moment, err)
		}
		checkNothingLeft(t)
		cancel()
	}
}

// TestKilledLeavesNothing: the first process of the sandbox is killed hard.
func TestKilledLeavesNothing(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	kill := func() {
		for _, pid := range pidsOf(t, roleDemo) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	err := Run(within(t), Options{Mode: DR, Requests: 20000, DirectorArgs: []string{"fair"}, Out: interrupter{"client: 20000", kill}})
	if err == nil || !strings.Contains(err.Error(), "lab ended without a result") {
		t.Errorf("error %v", err)
	}
	if left := labProcesses(t); len(left) > 0 {
		t.Errorf("processes left: %q", left)
	}
}

// pidsOf returns the processes in a role.
func pidsOf(t *testing.T, role string) (pids []int) {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range files {
		text, _ := os.ReadFile(file)
		if strings.HasSuffix(string(text), "\x00"+hostFace+"\x00"+role+"\x00") {
			pid, err := strconv.Atoi(strings.Split(file, "/")[2])
			if err != nil {
				t.Error(err)
			}
			pids = append(pids, pid)
		}
	}
	return pids
}

func TestKeepStaysUntilKilled(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	out, err := runLab(within(t), Options{Mode: DR, Requests: 6, Keep: true}, "fair")
	if err != nil {
		t.Fatal(err)
	}
	enter := regexp.MustCompile(`(?m)^  (nsenter .*)$`).FindStringSubmatch(out)
	remove := regexp.MustCompile(`(?m)^  kill (\d+)$`).FindStringSubmatch(out)
	if enter == nil || remove == nil {
		t.Fatalf("does not say how to enter and remove:\n%s", out)
	}
	words := append(strings.Fields(enter[1]), "sh", "-c", "hostname; cat /proc/net/fib_trie")
	inside, err := exec.Command(words[0], words[1:]...).CombinedOutput()
	if err != nil || !strings.HasPrefix(string(inside), "director\n") || !strings.Contains(string(inside), " 192.0.2.100\n") {
		t.Errorf("inside: %v\n%s", err, inside)
	}
	end(t, remove[1])
	checkNothingLeft(t)
}

// end sends SIGTERM to a process, a child of ours as Run has left it, and
// waits until it is gone.
func end(t *testing.T, pid string) {
	t.Helper()
	n, err := strconv.Atoi(pid)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(n, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	var status unix.WaitStatus
	if _, err := unix.Wait4(n, &status, 0, nil); err != nil || status.ExitStatus() != 0 {
		t.Errorf("kept lab ended with %v, %v", status, err)
	}
}

// build builds a lab that ends with the test.
func build(t *testing.T, c Config) *Lab {
	t.Helper()
	l, err := Build(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// TestMatrix builds every variant and asks each server directly, which needs
// the director's forwarding in NAT only.
func TestMatrix(t *testing.T) {
	for _, c := range Matrix(2) {
		l := build(t, c)
		if err := l.Serve(); err != nil {
			t.Fatal(err)
		}
		for _, h := range l.Servers {
			if c.Mode == NAT && !c.Forward {
				continue
			}
			tally, err := l.Requests(within(t), fmt.Sprintf("http://%s/", h.Addr()), 1)
			if err != nil || tally.Answers[h.Name] != 1 {
				t.Errorf("%v: %s: %+v %v", c, h.Name, tally, err)
			}
		}
		checkDirector(t, l, c)
	}
}

// checkDirector looks at what the variants differ in.
func checkDirector(t *testing.T, l *Lab, c Config) {
	t.Helper()
	forward, err := l.Director.Run(within(t), "cat", "/proc/sys/net/ipv4/ip_forward")
	if err != nil || (strings.TrimSpace(forward) == "1") != c.Forward {
		t.Errorf("%v: ip_forward is %q, %v", c, forward, err)
	}
	if addrs := addrsOf(t, l.Director); strings.Contains(addrs, l.VIP.String()+"/32") == c.HiddenVIP {
		t.Errorf("%v: addresses %s", c, addrs)
	}
}

// addrsOf lists the addresses of a host.
func addrsOf(t *testing.T, h *Host) string {
	t.Helper()
	var addrs []net.Addr
	var err error
	if entering := h.Do(func() { addrs, err = net.InterfaceAddrs() }); entering != nil || err != nil {
		t.Fatal(entering, err)
	}
	return fmt.Sprint(addrs)
}

func TestServersHideTheVIP(t *testing.T) {
	l := build(t, Config{Mode: DR, Servers: 1, HiddenVIP: true})
	if err := l.Serve(); err != nil {
		t.Fatal(err)
	}
	// Three ARP requests within a tenth of a second instead of three seconds.
	if err := l.Client.NS().Sysctl("net/ipv4/neigh/eth0/retrans_time_ms", "30"); err != nil {
		t.Fatal(err)
	}
	tally, err := l.Requests(within(t), l.URL(), 5)
	if err != nil {
		t.Fatal(err)
	}
	// Nobody answers for the VIP: three requests are tried, two are not.
	if tally.Failures != 5 || len(tally.Answers) != 0 || !strings.Contains(tally.Problem, "192.0.2.100:80") {
		t.Errorf("tally %+v", tally)
	}
}

func TestTunnelServersUnpack(t *testing.T) {
	l := build(t, Config{Mode: TUN, Servers: 1})
	if err := l.Decap(); err != nil {
		t.Fatal(err)
	}
	if addrs := addrsOf(t, l.Servers[0]); !strings.Contains(addrs, "198.51.100.100/32") {
		t.Errorf("addresses %s", addrs)
	}
}

func TestDaemonThatDoesNotStop(t *testing.T) {
	l := build(t, Config{Mode: DR, Servers: 1})
	deaf := filepath.Join(t.TempDir(), "deaf")
	if err := unix.Mkfifo(deaf, 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := l.Client.Daemon(exec.Command("sh", "-c", `trap "" TERM; echo up; echo deaf > "$0"; exec sleep 60`, deaf))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.ReadFile(deaf); err != nil { // waits until it is
		t.Fatal(err)
	}
	p.patience = 200 * time.Millisecond
	if err := p.Stop(); err == nil || err.Error() != "stop sh: still there after 200ms, killed" {
		t.Errorf("error %v", err)
	}
	<-p.Done()
	if err := p.Stop(); err != nil || p.Output() != "up\n" {
		t.Errorf("second stop: %v; output %q", err, p.Output())
	}
}

func TestErrorsNameHostAndProgram(t *testing.T) {
	l := build(t, Config{Mode: DR, Servers: 1})
	if _, err := l.Client.Run(within(t), "sh", "-c", "echo one; echo two >&2; exit 3"); err == nil ||
		!strings.HasPrefix(err.Error(), "client: run sh ") || !strings.HasSuffix(err.Error(), "exit status 3: two") {
		t.Errorf("error %v", err)
	}
	if err := l.Servers[0].Serve("203.0.113.1:80"); err == nil ||
		!strings.HasPrefix(err.Error(), "start serve on rs1: it ended early: ") {
		t.Errorf("error %v", err)
	}
	if _, err := l.Ipvsadm(within(t), "-L -n"); err == nil || !strings.HasPrefix(err.Error(), "director: run ") {
		t.Errorf("error %v", err)
	}
}

// TestTap: a datagram is heard where it leaves and where it arrives, in this
// order, and at no host that it is not for.
func TestTap(t *testing.T) {
	l, err := Build(Config{Mode: NAT, Servers: 2, Bypass: true, Forward: true})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	tap, err := l.Tap()
	if err != nil {
		t.Fatal(err)
	}
	defer tap.Close()
	entering := l.Client.Do(func() {
		var c net.Conn
		if c, err = net.Dial("udp4", netip.AddrPortFrom(l.Host("rs2").Addr(), 9).String()); err == nil {
			_, err = c.Write([]byte("heard"))
			_ = c.Close()
		}
	})
	if entering != nil || err != nil {
		t.Fatal(entering, err)
	}
	var places []string
	_, err = tap.Until(startTimeout, func(frames []Frame) bool {
		places = nil
		for _, f := range frames {
			if bytes.HasSuffix(f.Data, []byte("heard")) && wire.Ethernet(f.Data).EtherType() == wire.EtherTypeIPv4 && f.Data[wire.EthernetLen+9] == wire.ProtoUDP {
				places = append(places, fmt.Sprintf("%s %s %v", f.Host, f.Interface, f.Out))
			}
		}
		return len(places) >= 4
	})
	want := []string{"client eth0 true", "director eth0 false", "director eth1 true", "rs2 eth0 false"}
	if err != nil || !slices.Equal(places, want) {
		t.Errorf("heard at %q, want %q: %v", places, want, err)
	}
}
