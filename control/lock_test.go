package control

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// testLock is a name for one test's lock: the tests share a namespace.
func testLock(t *testing.T) string { return "@ulvs" + t.TempDir() }

// taken takes a lock that must be free.
func taken(t *testing.T, name, socket string) *Lock {
	t.Helper()
	k, err := takeLock(t.Context(), name, socket)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// refused checks that a lock is held by us, for the socket.
func refused(t *testing.T, name, socket string) {
	t.Helper()
	_, err := takeLock(t.Context(), name, "/second.sock")
	var running *RunningError
	if !errors.As(err, &running) || running.PID != os.Getpid() || running.Path != socket {
		t.Errorf("a second daemon: %v", err)
	}
}

// TestSecondDaemonIsRefused wherever its socket is to be.
func TestSecondDaemonIsRefused(t *testing.T) {
	name := testLock(t)
	first := taken(t, name, "/first.sock")
	for range 3 {
		refused(t, name, "/first.sock")
	}
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	if err := taken(t, name, "/second.sock").Close(); err != nil {
		t.Error(err)
	}
}

// TestLockOutlivesServe: the API ends first, the namespace is free last, and
// who starts in between waits.
func TestLockOutlivesServe(t *testing.T) {
	name, path := testLock(t), filepath.Join(t.TempDir(), "d.sock")
	first := taken(t, name, path)
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Serve(ctx, l, newFakeBackend()); err != nil {
		t.Fatal(err)
	}
	refused(t, name, path)
	first.Stopping()
	second := make(chan *Lock)
	go func() {
		k, err := takeLock(context.Background(), name, path)
		if err != nil {
			t.Error(err)
		}
		second <- k
	}()
	select {
	case <-second:
		t.Fatal("taken before it was free")
	case <-time.After(5 * lockRetry):
	}
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	if k := <-second; k != nil {
		k.Close()
	}
}

// TestLockOfOneThatNeverEnds: waiting ends with the context, and says for whom.
func TestLockOfOneThatNeverEnds(t *testing.T) {
	name := testLock(t)
	first := taken(t, name, "/first.sock")
	defer first.Close()
	first.Stopping()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var running *RunningError
	if _, err := takeLock(ctx, name, "/second.sock"); !errors.As(err, &running) || running.PID != os.Getpid() {
		t.Errorf("error %v", err)
	}
}

// TestSilentHolder: one that hangs, or is no daemon, is named all the same.
func TestSilentHolder(t *testing.T) {
	name := testLock(t)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: name, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	refused(t, name, "")
}

func TestRunningError(t *testing.T) {
	const head = "a daemon already runs in this network namespace: "
	for want, e := range map[string]RunningError{
		"pid 7, socket /x.sock": {PID: 7, Path: "/x.sock"},
		"pid 7":                 {PID: 7},
		"a process of another pid namespace, socket /x.": {Path: "/x."},
	} {
		if got, _ := strings.CutPrefix(e.Error(), head); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
