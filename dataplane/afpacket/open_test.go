package afpacket

import (
	"errors"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"ulvs/internal/testns"
)

func TestGeometry(t *testing.T) {
	g := Geometry{}.withDefaults()
	if err := g.check(); err != nil {
		t.Fatalf("default ring: %v", err)
	}
	if slots := g.perBlock() * g.blocks(); slots != 4140 || g.Bytes() != 276<<20 {
		t.Errorf("default ring has %d slots in %d MiB, want 4140 in 276", slots, g.Bytes()>>20)
	}
	g3 := Geometry{Version: V3}.withDefaults()
	if err := g3.check(); err != nil || g3.Bytes() != 16<<20 {
		t.Errorf("default V3 ring: %d MiB, error %v", g3.Bytes()>>20, err)
	}
}

func TestOpenErrorsNameTheFix(t *testing.T) {
	ns := testns.New(t)
	addTun(t, ns, "tun0")
	rows := []struct {
		name  string
		o     Options
		is    error
		words []string
	}{
		{"no name", Options{}, nil, []string{"no interface given"}},
		{"no such interface", Options{Interface: "eth9"}, ErrNoInterface, []string{"eth9", "there are:", "tun0"}},
		{"name too long", Options{Interface: "a-name-too-long-for-it"}, ErrNoInterface, []string{"there are:"}},
		{"no Ethernet", Options{Interface: "tun0"}, ErrNotEthernet, []string{"tun0"}},
		{"ring too large", Options{Interface: "lo", Ring: Geometry{Slots: 1 << 20}}, nil, []string{"at most 4095 MiB", "fewer slots"}},
		{"no such version", Options{Interface: "lo", Ring: Geometry{Version: 1}}, nil, []string{"version 1", "want 2 or 3"}},
		{"odd block", Options{Interface: "lo", Ring: Geometry{BlockSize: 5000}}, nil, []string{"5000", "page size"}},
		{"odd slot", Options{Interface: "lo", Ring: Geometry{SlotSize: 1001}}, nil, []string{"1001", "multiple of 16"}},
		{"slot beyond block", Options{Interface: "lo", Ring: Geometry{SlotSize: 8192, BlockSize: 4096}}, nil, []string{"8192", "4096"}},
		{"negative slots", Options{Interface: "lo", Ring: Geometry{Slots: -1}}, nil, []string{"-1", "at least 1"}},
		{"bad filter", Options{Interface: "lo", Ring: small, Filter: []bpf.RawInstruction{{Op: 0xffff}}}, unix.EINVAL, []string{"attach filter"}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			_, err := tryOpen(ns, row.o)
			checkError(t, err, row.is, row.words)
		})
	}
}

// addTun makes an interface without Ethernet header.
func addTun(t *testing.T, ns *testns.NS, name string) {
	t.Helper()
	attrs := netlink.NewLinkAttrs()
	attrs.Name = name
	ns.Do(func() { // the device file makes it in the thread's namespace
		if err := netlink.LinkAdd(&netlink.Tuntap{LinkAttrs: attrs, Mode: netlink.TUNTAP_MODE_TUN}); err != nil {
			t.Fatal(err)
		}
	})
}

func checkError(t *testing.T, err, is error, words []string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	if is != nil && !errors.Is(err, is) {
		t.Errorf("error %q is not %q", err, is)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("error %q does not say %q", err, word)
		}
	}
}

func TestExplainRing(t *testing.T) {
	err := explainRing(Geometry{}.withDefaults(), unix.ENOMEM)
	checkError(t, err, ErrRingTooLarge, []string{"276 MiB", "fewer slots", "--ring-slots", "--ring-memory"})
}

// TestOpenWithoutRights gives the rights up on a thread of its own, which dies
// with its goroutine.
func TestOpenWithoutRights(t *testing.T) {
	result := make(chan error)
	go func() {
		runtime.LockOSThread()
		if err := dropCapabilities(); err != nil {
			result <- err
			return
		}
		_, err := Open(Options{Interface: "lo", Ring: small})
		result <- err
	}()
	checkError(t, <-result, os.ErrPermission, []string{"CAP_NET_RAW", "setcap"})
}

// dropCapabilities takes all capabilities from the calling thread.
func dropCapabilities() error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	return unix.Capset(&header, &none[0])
}

// TestNothingLeaks: neither a port closed nor one that could not be opened
// leaves a descriptor or a mapping.
func TestNothingLeaks(t *testing.T) {
	c := newCable(t)
	fails := []Options{
		{Interface: "eth9", Ring: small},
		{Interface: "b0", Ring: small, Filter: []bpf.RawInstruction{{Op: 0xffff}}},
		{Interface: "b0", Ring: small, Fanout: &Fanout{members: 1, id: 54321}, Filter: []bpf.RawInstruction{{Op: 0xffff}}},
	}
	cycle := func() {
		for _, g := range []Geometry{small, {Version: V3, Slots: 4}} {
			openAndClose(t, c, g)
		}
		for _, o := range fails {
			if _, err := tryOpen(c.b, o); err == nil {
				t.Error("a port that must fail opened")
			}
		}
	}
	cycle() // the first use opens what the runtime keeps
	fds, maps := inUse(t)
	for range 5 {
		cycle()
	}
	if nowFDs, nowMaps := inUse(t); nowFDs != fds || nowMaps != maps {
		t.Errorf("%d descriptors and %d packet mappings, had %d and %d", nowFDs, nowMaps, fds, maps)
	}
}

func openAndClose(t *testing.T, c cable, g Geometry) {
	t.Helper()
	port, err := tryOpen(c.b, Options{Interface: "b0", Ring: g})
	if err != nil {
		t.Fatal(err)
	}
	poller, err := NewPoller(port)
	if err != nil {
		t.Fatal(err)
	}
	poller.Wait(0)
	if err := errors.Join(poller.Close(), port.Close(), port.Close()); err != nil {
		t.Error(err)
	}
}

// inUse counts the process's descriptors and its mappings of sockets.
func inUse(t *testing.T) (fds, maps int) {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries), strings.Count(string(text), "socket:[")
}

// TestClosedPortIsHarmless: what other goroutines may still call.
func TestClosedPortIsHarmless(t *testing.T) {
	_, to, _ := ends(t, small)
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	to.Stats()
	if !to.Gone() {
		t.Error("a closed port is not gone")
	}
	if err := to.SetFilter(nil); !errors.Is(err, unix.EBADF) {
		t.Errorf("setting the filter of a closed port: %v", err)
	}
}
