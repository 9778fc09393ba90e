package control

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"ulvs/control/api"
	"ulvs/service"
)

func TestSocketOfALivingDaemonIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sub", "d.sock")
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o660 {
		t.Errorf("socket mode %v, %v", info.Mode(), err)
	}
	if _, err = Listen(path); err == nil || !strings.Contains(err.Error(), "pid "+strconv.Itoa(os.Getpid())) {
		t.Fatalf("second Listen: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("socket after Close: %v", err)
	}
	again, err := Listen(path)
	if err != nil {
		t.Fatalf("Listen after Close: %v", err)
	}
	again.Close()
}

func TestStaleSocketIsRemoved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "d.sock")
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false) // as after kill -9
	dead.Close()
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(path); err == nil {
		t.Error("a file that is no socket was taken for one")
	}
	if text, _ := os.ReadFile(path); string(text) != "precious" {
		t.Error("a file that is no socket was removed")
	}
}

func TestSocketPath(t *testing.T) {
	t.Setenv(SocketEnv, "")
	path, err := SocketPath()
	if err != nil {
		t.Fatal(err)
	}
	inode, err := namespaceInode()
	if err != nil || filepath.Base(path) != strconv.FormatUint(inode, 10)+".sock" {
		t.Errorf("path %s, namespace %d, %v", path, inode, err)
	}
	t.Setenv(SocketEnv, "/x/y.sock")
	if path, err := SocketPath(); path != "/x/y.sock" || err != nil {
		t.Errorf("override gives %s, %v", path, err)
	}
	for _, bad := range []string{"relative.sock", "/" + strings.Repeat("x", 107)} {
		t.Setenv(SocketEnv, bad)
		if _, err := SocketPath(); err == nil {
			t.Errorf("%.20s is accepted", bad)
		}
	}
}

func TestUserDir(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", dir)
	if got := userDir(); got != filepath.Join(dir, "ulvs") {
		t.Errorf("with XDG_RUNTIME_DIR: %s", got)
	}
	t.Setenv("XDG_RUNTIME_DIR", "/nonexistent")
	if got := userDir(); !strings.HasPrefix(filepath.Base(got), "ulvs-") {
		t.Errorf("without: %s", got)
	}
}

func TestMapUID(t *testing.T) {
	const table = "         0       1000          1\n         1     100000      65536\n"
	for uid, want := range map[int]int{0: 1000, 1: 100000, 2: 100001, 70000: 70000} {
		if got := mapUID(table, uid); got != want {
			t.Errorf("mapUID(%d) = %d, want %d", uid, got, want)
		}
	}
}

func TestCheckDir(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(dir, "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	foreign := filepath.Join(dir, "foreign")
	if err := os.Mkdir(foreign, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(foreign, 4242, 4242); err != nil {
		t.Fatal(err)
	}
	for path, ok := range map[string]bool{dir: true, link: false, foreign: false, "/tmp": true} {
		if err := makeDir(path); (err == nil) != ok {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestPeerAllowed(t *testing.T) {
	me := uint32(os.Geteuid())
	for _, c := range []struct {
		p    peer
		want bool
	}{
		{peer{}, false},
		{peer{uid: me}, false},
		{peer{uid: 0, gid: 9, socketGroup: 1, known: true}, true},
		{peer{uid: me, gid: 9, socketGroup: 1, known: true}, true},
		{peer{uid: 4242, gid: 9, socketGroup: 1, known: true}, false},
		{peer{uid: 4242, gid: 1, socketGroup: 1, known: true}, true},
	} {
		if got := c.p.allowed(); got != c.want {
			t.Errorf("%+v allowed: %v", c.p, got)
		}
	}
}

func TestHasNetRaw(t *testing.T) {
	for status, want := range map[string]bool{
		"Name:\tx\nCapEff:\t0000000000002000\nCapBnd:\t0\n": true,
		"CapEff:\t000001ffffffffff\n":                       true,
		"CapEff:\t0000000000001000\n":                       false,
		"CapPrm:\t0000000000002000\n":                       false,
	} {
		if got := hasNetRaw(status); got != want {
			t.Errorf("%q: %v", status, got)
		}
	}
}

func TestClientWithoutDaemon(t *testing.T) {
	c := NewClient(filepath.Join(t.TempDir(), "none.sock"))
	_, err := c.State(context.Background())
	if !isUnreachable(err) || !strings.Contains(err.Error(), "none.sock") {
		t.Errorf("error %v", err)
	}
	if e := c.unreachable(&fs.PathError{Op: "x", Path: "y", Err: fs.ErrPermission}); e.Code != api.Forbidden {
		t.Errorf("no permission has code %q", e.Code)
	}
}

const services = `# comment
http		80/tcp		www	# WorldWideWeb HTTP
domain		53/tcp
domain		53/udp
other		80/tcp
amqp		5672/sctp
old		7/ddp
broken
big		70000/tcp
`

func TestServices(t *testing.T) {
	p := parseServices(strings.NewReader(services))
	for key, want := range map[portKey]string{
		{80, service.TCP}: "http", {80, service.UDP}: "", {53, service.UDP}: "domain", {5672, service.SCTP}: "amqp",
	} {
		if got := p.names[key]; got != want {
			t.Errorf("%v is %q, want %q", key, got, want)
		}
	}
	for key, want := range map[nameKey]uint16{
		{"www", service.TCP}: 80, {"other", service.TCP}: 80, {"domain", service.UDP}: 53, {"www", service.UDP}: 0, {"big", service.TCP}: 0,
	} {
		if got := p.ports[key]; got != want {
			t.Errorf("%v is %d, want %d", key, got, want)
		}
	}
}
