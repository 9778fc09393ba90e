package testns

import (
	"context"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"

	"ulvs/internal/netns"
)

func TestMain(m *testing.M) { os.Exit(Main(m)) }

// pair makes two connected namespaces, 192.0.2.1 and 192.0.2.2.
func pair(t *testing.T) (a, b *NS) {
	t.Helper()
	a, b = New(t), New(t)
	Veth(t, a, "eth0", b, "eth0")
	for _, end := range []struct {
		ns   *NS
		cidr string
	}{{a, "192.0.2.1/24"}, {b, "192.0.2.2/24"}} {
		end.ns.Addr("eth0", end.cidr)
		end.ns.Up("eth0")
	}
	a.Ready("eth0", "lo")
	b.Ready("eth0")
	return a, b
}

func TestTrafficBetweenNamespaces(t *testing.T) {
	a, b := pair(t)
	var l net.Listener
	b.Do(func() {
		var err error
		if l, err = net.Listen("tcp4", "192.0.2.2:80"); err != nil {
			t.Fatal(err)
		}
	})
	defer l.Close()
	a.Do(func() {
		c, err := net.Dial("tcp4", "192.0.2.2:80")
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
	})
}

func TestThreadComesHome(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := inode(t)
	n := New(t)
	var inside uint64
	n.Do(func() { inside = inode(t) })
	if own, err := n.Inode(); err != nil || own != inside || own == before {
		t.Errorf("inode inside %d, of the handle %d (%v), outside %d", inside, own, err, before)
	}
	if after := inode(t); after != before {
		t.Errorf("thread is in %d after Do, was in %d", after, before)
	}
}

// inode is the namespace of the calling thread.
func inode(t *testing.T) uint64 {
	t.Helper()
	n, err := netns.Current()
	must(t, err)
	defer n.Close()
	ino, err := n.Inode()
	must(t, err)
	return ino
}

func TestGoexitInsideComesHome(t *testing.T) {
	n := New(t)
	home := inode(t)
	done := make(chan uint64, 1)
	go func() {
		defer func() { done <- inode(t) }()
		_ = n.NS.Do(runtime.Goexit)
	}()
	if got := <-done; got != home {
		t.Errorf("after Goexit the thread is in %d, want %d", got, home)
	}
}

func TestCommandRunsInside(t *testing.T) {
	n := New(t)
	out, err := n.Command("readlink", "/proc/self/ns/net").Output()
	must(t, err)
	var want string
	n.Do(func() { want, _ = os.Readlink("/proc/thread-self/ns/net") })
	if got := strings.TrimSpace(string(out)); got != want || got == "" {
		t.Errorf("child is in %s, want %s", got, want)
	}
	if err := n.Command("true").Run(); err != nil {
		t.Error(err)
	}
	if out, err := n.Command("echo", "x").CombinedOutput(); err != nil || string(out) != "x\n" {
		t.Errorf("combined output %q, %v", out, err)
	}
	if ns, err := netns.OfPID(os.Getpid()); err != nil {
		t.Error(err)
	} else {
		ns.Close()
	}
}

func TestBridgeJoinsPorts(t *testing.T) {
	sw, a, b := New(t), New(t), New(t)
	Veth(t, sw, "p1", a, "eth0")
	Veth(t, sw, "p2", b, "eth0")
	sw.Bridge("br0", "p1", "p2")
	a.Addr("eth0", "192.0.2.1/24")
	b.Addr("eth0", "192.0.2.2/24")
	a.Up("eth0")
	b.Up("eth0")
	a.Route("198.51.100.0/24", "192.0.2.2")
	a.Route("default", "192.0.2.2")
	a.Sysctl("net/ipv4/ip_forward", "1")
	a.SetMAC("eth0", "02:00:00:00:00:01")
	if mac := a.MAC("eth0").String(); mac != "02:00:00:00:00:01" {
		t.Errorf("MAC is %s", mac)
	}
	a.MTU("eth0", 1400)
	l, err := a.Handle().LinkByIndex(a.Index("eth0"))
	must(t, err)
	if l.Attrs().MTU != 1400 {
		t.Errorf("MTU is %d", l.Attrs().MTU)
	}
	a.Down("eth0")
	b.Delete("eth0")
}

func TestErrorsNameTheThing(t *testing.T) {
	n := New(t)
	Veth(t, n, "down0", n, "down1")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, tt := range []struct {
		err  error
		want string
	}{
		{n.NS.Up("eth9"), "set up interface eth9:"},
		{n.NS.Addr("lo", "192.0.2.300/24"), `parse address "192.0.2.300/24":`},
		{n.NS.Route("default", "nobody"), `parse gateway "nobody":`},
		{n.NS.Route("nowhere", "192.0.2.1"), `parse destination "nowhere":`},
		{n.NS.Sysctl("net/ipv4/no_such", "1"), "set sysctl net/ipv4/no_such=1:"},
		{netns.Veth(n.NS, "lo", n.NS, "x"), "create veth pair lo-x:"},
		{n.NS.Ready(t.Context(), "eth9"), "wait for interface eth9:"},
		{n.NS.Ready(ended, "down0"), "wait for interface down0:"},
	} {
		if tt.err == nil || !strings.HasPrefix(tt.err.Error(), tt.want) {
			t.Errorf("error %v, want it to begin with %q", tt.err, tt.want)
		}
	}
}
