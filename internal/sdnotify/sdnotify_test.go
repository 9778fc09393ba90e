package sdnotify

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// manager listens as a service manager would and points NOTIFY_SOCKET at it.
func manager(t *testing.T, name string) *net.UnixConn {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	t.Setenv("NOTIFY_SOCKET", name)
	return conn
}

func TestNotify(t *testing.T) {
	names := map[string]string{
		"file":     filepath.Join(t.TempDir(), "notify"),
		"abstract": "@ulvs-sdnotify-test-" + strconv.Itoa(os.Getpid()),
	}
	for kind, name := range names {
		t.Run(kind, func(t *testing.T) {
			conn := manager(t, name)
			if sent, err := Notify(Ready, Status("2 services\n3 servers")); !sent || err != nil {
				t.Fatalf("Notify = %v, %v", sent, err)
			}
			buf := make([]byte, 256)
			n, err := conn.Read(buf)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := string(buf[:n]), "READY=1\nSTATUS=2 services 3 servers"; got != want {
				t.Errorf("datagram %q, want %q", got, want)
			}
		})
	}
}

func TestNotifyWithoutManager(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	if sent, err := Notify(Ready); sent || err != nil {
		t.Errorf("Notify = %v, %v, want false, nil", sent, err)
	}
	t.Setenv("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "gone"))
	if sent, err := Notify(Ready); sent || err == nil {
		t.Errorf("Notify = %v, %v, want false and an error", sent, err)
	}
}

func TestWatchdogInterval(t *testing.T) {
	for _, c := range []struct {
		usec, pid string
		want      time.Duration
	}{
		{"", "", 0},
		{"x", "", 0},
		{"-4", "", 0},
		{"3000000", "", 1500 * time.Millisecond},
		{"3000000", strconv.Itoa(os.Getpid()), 1500 * time.Millisecond},
		{"3000000", "1", 0},
	} {
		t.Setenv("WATCHDOG_USEC", c.usec)
		t.Setenv("WATCHDOG_PID", c.pid)
		if got := WatchdogInterval(); got != c.want {
			t.Errorf("usec %q pid %q: %v, want %v", c.usec, c.pid, got, c.want)
		}
	}
}
