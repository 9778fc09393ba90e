package control

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"ulvs/control/api"
	"ulvs/service"
)

// daemonEnv makes the test binary a daemon, or what becomes of one.
const daemonEnv = "ULVS_TEST_DAEMON"

func TestMain(m *testing.M) {
	if kind := os.Getenv(daemonEnv); kind != "" && len(os.Args) > 1 && os.Args[1] == "run" {
		os.Exit(testDaemon(kind))
	}
	os.Exit(m.Run())
}

// testDaemon is the daemon that EnsureDaemon starts in tests; it ends when it
// is asked to reset its counters.
func testDaemon(kind string) int {
	if kind == "broken" {
		fmt.Fprintln(os.Stderr, "first line\nno CAP_NET_RAW: run as root")
		return 1
	}
	if kind == "slow" {
		return slowDaemon()
	}
	path := os.Args[len(os.Args)-1]
	lock, err := takeLock(context.Background(), "@"+path, path)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer lock.Close()
	l, err := Listen(path)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if err := Ready(); err != nil {
		return 1
	}
	if err := Serve(ctx, l, &mortal{newFakeBackend(), cancel}); err != nil {
		return 1
	}
	return 0
}

// slowDaemon is never ready, and cleans up when it is asked to end.
func slowDaemon() int {
	asked, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	fmt.Fprintln(os.Stderr, "starting")
	<-asked.Done()
	fmt.Fprintln(os.Stderr, "cleaned up")
	return 0
}

// mortal ends its server when it is told to reset counters.
type mortal struct {
	*fakeBackend
	cancel context.CancelFunc
}

func (m *mortal) Info() api.Info { return api.Info{PID: os.Getpid()} }

func (m *mortal) Zero(*service.Key) error {
	m.cancel()
	return nil
}

func startOptions(t *testing.T, kind string) StartOptions {
	t.Helper()
	t.Setenv(daemonEnv, kind)
	return StartOptions{Socket: filepath.Join(t.TempDir(), "d.sock")}
}

func TestFirstChangeStartsOneDaemon(t *testing.T) {
	o := startOptions(t, "works")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := EnsureDaemon(context.Background(), o); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	env, err := NewEnv(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer env.Close()
	info, err := env.client.Info(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if sid := sessionOf(t, info.PID); sid != info.PID {
		t.Errorf("daemon %d is in session %d, not its own", info.PID, sid)
	}
	if err := env.Apply(service.Change{Op: service.AddService, Service: web}); err != nil {
		t.Error(err)
	}
	if s, err := env.State(); err != nil || len(s.Services) != 1 {
		t.Errorf("state %v, %v", s, err)
	}
	if err := env.Zero(nil); err != nil {
		t.Error(err)
	}
	waitGone(t, o.Socket)
}

// waitGone returns when the daemon has given its lock back, which is the last
// thing a process does.
func waitGone(t *testing.T, socket string) {
	t.Helper()
	tick := time.NewTicker(lockRetry)
	defer tick.Stop()
	for {
		lock, err := takeLock(t.Context(), "@"+socket, socket)
		if err == nil {
			lock.Close()
			return
		}
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatal(err)
		}
	}
}

func sessionOf(t *testing.T, pid int) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	var state string
	var ppid, pgrp, session int
	if _, err := fmt.Sscan(rest, &state, &ppid, &pgrp, &session); err != nil {
		t.Fatal(err)
	}
	return session
}

func TestDaemonThatFailsIsExplained(t *testing.T) {
	o := startOptions(t, "broken")
	err := EnsureDaemon(context.Background(), o)
	if err == nil || !strings.Contains(err.Error(), "exit status 1: no CAP_NET_RAW: run as root") {
		t.Errorf("error %v", err)
	}
	env, err := NewEnv(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer env.Close()
	if err := env.SetTimeouts(api.Timeouts{}); !isUnreachable(err) {
		t.Errorf("error %v", err)
	}
}

// TestSlowDaemonIsAskedToEnd before it is killed: it may have made its guard.
func TestSlowDaemonIsAskedToEnd(t *testing.T) {
	o := startOptions(t, "slow")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- EnsureDaemon(ctx, o) }()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for lastLine(logPath(o.Socket)) != ": starting" {
		<-tick.C
	}
	cancel()
	if err := <-ended; err == nil || !strings.HasSuffix(err.Error(), ": cleaned up") {
		t.Errorf("error %v", err)
	}
}

func TestLookingStartsNoDaemon(t *testing.T) {
	o := startOptions(t, "works")
	env, err := NewEnv(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer env.Close()
	if s, err := env.State(); err != nil || len(s.Services) != 0 || s.Size != api.DefaultSize {
		t.Errorf("state %v, %v", s, err)
	}
	if to, err := env.Timeouts(); err != nil || *to != api.DefaultTimeouts {
		t.Errorf("timeouts %v, %v", to, err)
	}
	if err := env.Connections(func(api.Connection) error { return nil }); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(o.Socket); err == nil {
		t.Error("a daemon was started")
	}
}
