package e2e

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"ulvs/lab"
)

// idle is a network whose director runs a daemon with a service and nothing
// else does anything.
func idle(t *testing.T) *network {
	t.Helper()
	return serving(t, lab.Config{Mode: lab.DR, Servers: 1}, "rr")
}

// occupy begins a request and does not end it: a daemon that stops waits two
// seconds for it.
func occupy(t *testing.T, socket string) {
	t.Helper()
	conn, err := net.Dial("unix", socket)
	check(t, err)
	t.Cleanup(func() { conn.Close() })
	_, err = conn.Write([]byte("POST /v1/changes HTTP/1.1\r\nHost: ulvs\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n"))
	check(t, err)
	if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.Contains(line, " 100 ") {
		t.Fatalf("request is not under way: %q, %v", line, err)
	}
}

// signal sends the daemon a signal.
func (n *network) signal(s syscall.Signal) {
	n.t.Helper()
	check(n.t, n.daemon.Cmd.Process.Signal(s))
}

// ended waits for the daemon's end and returns how it ended.
func (n *network) ended() syscall.WaitStatus {
	n.t.Helper()
	select {
	case <-n.daemon.Done():
	case <-time.After(patience):
		n.t.Fatal("the daemon does not end")
	}
	return n.daemon.Cmd.ProcessState.Sys().(syscall.WaitStatus)
}

// TestStoppedSlowlyAndStarted: a daemon that starts while another is stopping
// waits, and keeps the guard that it makes.
func TestStoppedSlowlyAndStarted(t *testing.T) {
	n := idle(t)
	st, _ := n.login(t).status()
	occupy(t, st.Socket)
	n.signal(syscall.SIGTERM)
	first := n.daemon
	n.start()
	select {
	case <-first.Done():
	default:
		t.Error("two daemons at a time")
	}
	<-first.Done()
	if got := n.guards(); got != 1 {
		t.Errorf("%d guard tables, want 1", got)
	}
}

// TestStoppedSlowlyAndNeeded: so does the one that ipvsadm starts.
func TestStoppedSlowlyAndNeeded(t *testing.T) {
	n := idle(t)
	s := n.login(t)
	st, _ := s.status()
	occupy(t, st.Socket)
	n.signal(syscall.SIGTERM)
	refused := func() bool { return s.types("ulvs status").code == 3 }
	if !eventually(patience, refused) {
		t.Fatal("the daemon does not stop")
	}
	s.session("$ ipvsadm -A -t 192.0.2.100:81\n$ ipvsadm -Sn\n-A -t 192.0.2.100:81 -s wlc\n")
	if got := n.guards(); got != 1 {
		t.Errorf("%d guard tables, want 1", got)
	}
}

// TestSecondDaemonElsewhere: another socket does not make another namespace.
func TestSecondDaemonElsewhere(t *testing.T) {
	s := director(t)
	s.does("ipvsadm -A -t 192.0.2.100:80")
	first, _ := s.status()
	complaint := fmt.Sprintf("ulvs: a daemon already runs in this network namespace: pid %d, socket %s", first.PID, first.Socket)
	s.refused("ulvs run --socket "+filepath.Join(s.dir, "other.sock"), complaint, 1)
	a := s.types("ULVS_SOCKET=" + filepath.Join(s.dir, "other.sock") + " ipvsadm -A -t 192.0.2.100:80")
	if a.code == 0 || !strings.Contains(a.err, complaint) {
		t.Errorf("ipvsadm: exit %d, %q", a.code, a.err)
	}
}

// TestStoppedByHangup: the end of the terminal is a clean end.
func TestStoppedByHangup(t *testing.T) {
	n := idle(t)
	n.signal(syscall.SIGHUP)
	if status := n.ended(); status.ExitStatus() != 0 {
		t.Errorf("ended with %#x: %s", status, n.daemon.Output())
	}
	if got := n.guards(); got != 0 {
		t.Errorf("%d guard tables left", got)
	}
}

// TestNotStoppedByHangup: a daemon in the background has no terminal.
func TestNotStoppedByHangup(t *testing.T) {
	s := director(t)
	s.does("ipvsadm -A -t 192.0.2.100:80")
	st, _ := s.status()
	check(t, syscall.Kill(st.PID, syscall.SIGHUP))
	log := strings.TrimSuffix(st.Socket, ".sock") + ".log"
	said := func() bool {
		text, err := os.ReadFile(log)
		check(t, err)
		return strings.Contains(string(text), "SIGHUP: nothing to reload")
	}
	if !eventually(patience, said) {
		t.Error("says nothing")
	}
	if now := s.daemon(); now != st.PID {
		t.Errorf("daemon %d, was %d", now, st.PID)
	}
}

// TestStoppedTwice: who does not want to wait need not.
func TestStoppedTwice(t *testing.T) {
	n := idle(t)
	st, _ := n.login(t).status()
	occupy(t, st.Socket)
	n.signal(syscall.SIGTERM)
	eventually(patience, func() bool {
		_ = n.daemon.Cmd.Process.Signal(syscall.SIGINT)
		select {
		case <-n.daemon.Done():
			return true
		default:
			return false
		}
	})
	if status := n.ended(); !status.Signaled() || status.Signal() != syscall.SIGINT {
		t.Errorf("ended with %#x", status)
	}
}

// TestStoppedInAPipeline: the end of who reads the log, as of "head", does not
// end the daemon.
func TestStoppedInAPipeline(t *testing.T) {
	n := director(t).n
	r, w, err := os.Pipe()
	check(t, err)
	defer r.Close()
	cmd := exec.Command(binary, "run")
	cmd.Stderr = w
	check(t, n.Director.Start(cmd))
	w.Close()
	for log := bufio.NewReader(r); ; {
		line, err := log.ReadString('\n')
		if check(t, err); strings.Contains(line, "msg=ready") {
			break
		}
	}
	r.Close()
	check(t, cmd.Process.Signal(syscall.SIGTERM))
	if err := cmd.Wait(); err != nil {
		t.Errorf("ended with %v", err)
	}
}

// TestStoppedServiceManager: it is told that the daemon lives, and at once
// when it begins to stop.
func TestStoppedServiceManager(t *testing.T) {
	s := director(t)
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(s.dir, "notify"), Net: "unixgram"})
	check(t, err)
	defer manager.Close()
	cmd := exec.Command(binary, "run")
	cmd.Env = append(os.Environ(), "WATCHDOG_USEC=100000", "NOTIFY_SOCKET="+filepath.Join(s.dir, "notify"))
	s.n.daemon, err = s.h.Daemon(cmd)
	check(t, err)
	await(t, manager, "READY=1")
	for range 3 {
		await(t, manager, "WATCHDOG=1")
	}
	st, _ := s.status()
	occupy(t, st.Socket)
	s.n.signal(syscall.SIGTERM)
	await(t, manager, "STOPPING=1")
	select {
	case <-s.n.daemon.Done():
		t.Error("said so when it had stopped")
	default:
	}
	check(t, s.n.daemon.Stop())
}

// await reads datagrams until one is the state.
func await(t *testing.T, manager *net.UnixConn, state string) {
	t.Helper()
	check(t, manager.SetReadDeadline(time.Now().Add(patience)))
	for buf := make([]byte, 4096); ; {
		n, err := manager.Read(buf)
		if err != nil {
			t.Fatalf("%s: %v", state, err)
		}
		if string(buf[:n]) == state {
			return
		}
	}
}

// TestRestoreIsStoppedByCtrlC though it reads a terminal.
func TestRestoreIsStoppedByCtrlC(t *testing.T) {
	s := director(t)
	cmd := exec.Command(filepath.Join(s.dir, "ipvsadm"), "-R")
	cmd.Env = s.env
	rules, err := cmd.StdinPipe()
	check(t, err)
	defer rules.Close()
	check(t, s.h.Start(cmd))
	_, err = rules.Write([]byte("-A -t 192.0.2.100:80 -s rr\n"))
	check(t, err)
	reading := func() bool { return s.types("ipvsadm -Sn").out != "" }
	if !eventually(patience, reading) {
		t.Error("the first rule does not arrive")
	}
	check(t, cmd.Process.Signal(syscall.SIGINT))
	hangs := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	defer hangs.Stop()
	_ = cmd.Wait()
	if status := cmd.ProcessState.Sys().(syscall.WaitStatus); !status.Signaled() || status.Signal() != syscall.SIGINT {
		t.Errorf("ended with %#x", status)
	}
}
