package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"slices"
	"strings"
	"testing"

	"ulvs/dataplane/afpacket"
	"ulvs/internal/netmon"
	"ulvs/internal/testns"
	"ulvs/wire"
)

// linksIn lists interfaces of the calling thread's namespace as netmon would.
func linksIn(t *testing.T, names ...string) (out []netmon.Link) {
	t.Helper()
	for _, name := range names {
		i, err := net.InterfaceByName(name)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, netmon.Link{Index: i.Index, Name: name, Kind: veth, MAC: wire.MAC(i.HardwareAddr), MTU: i.MTU, Ethernet: true, Up: i.Flags&net.FlagUp != 0})
	}
	return out
}

// inCable runs f in a namespace with the two ends of a cable, which are up, and
// a daemon with running workers.
func inCable(t *testing.T, o Options, f func(n *testns.NS, d *Daemon, log *logbook)) {
	t.Helper()
	n := testns.New(t)
	testns.Veth(t, n, "eth0", n, "eth1")
	n.Do(func() {
		o.NoGuard = true
		d, log := newTestDaemon(t, o)
		for i := range d.opts.Workers {
			w, err := startWorker(d, i)
			if err != nil {
				t.Fatal(err)
			}
			d.workers = append(d.workers, w)
		}
		defer func() {
			for _, w := range d.workers {
				w.stop()
			}
			d.ports.close()
		}()
		f(n, d, log)
	})
}

// TestRecreatedInterface: every worker gets the new ring, the old ones are
// closed, and the virtual addresses are published for the new link.
func TestRecreatedInterface(t *testing.T) {
	inCable(t, Options{Workers: 2, RingSlots: 30}, func(n *testns.NS, d *Daemon, log *logbook) {
		d.links = linksIn(t, "eth0", "eth1")
		if err := d.ports.reconcile(true); err != nil {
			t.Fatal(err)
		}
		if got, want := d.ports.ringBytes(), int64(4*2<<20); got != want {
			t.Errorf("rings take %d bytes, want %d", got, want)
		}
		old := slices.Concat(d.ports.nics["eth0"].rings, d.ports.nics["eth1"].rings)
		n.Delete("eth0")
		testns.Veth(t, n, "eth0", n, "eth1")
		d.links = linksIn(t, "eth0", "eth1")
		if err := d.ports.reconcile(false); err != nil {
			t.Fatal(err)
		}
		for _, p := range old {
			if p.RingBytes() != 0 {
				t.Error("an old ring is open")
			}
		}
		for i, w := range d.workers {
			for _, x := range d.ports.nics {
				w.Do(func() {
					if w.Port(x.port) != x.rings[i] || x.rings[i].RingBytes() == 0 {
						t.Errorf("worker %d has not the ring of %s", i, x.name)
					}
				})
			}
		}
		for _, l := range d.links {
			if got, ok := d.hops.LinkOf(d.ports.nics[l.Name].port); !ok || got.Index != l.Index {
				t.Errorf("published for %s: %+v", l.Name, got)
			}
		}
	})
}

// TestUnusableInterfaces: only those that were asked for are worth not starting,
// and not for being down; and rings of a size asked for that there is no room for.
func TestUnusableInterfaces(t *testing.T) {
	for _, row := range []struct {
		interfaces []string
		slots      int
		fatal      bool
	}{{nil, 0, false}, {[]string{"eth0"}, 0, false}, {[]string{"eth0", "eth1"}, 0, true}, {nil, MinSlots, true}, {[]string{"eth0"}, MinSlots, false}} {
		t.Run(fmt.Sprint(row.interfaces, row.slots), func(t *testing.T) {
			o := Options{Interfaces: row.interfaces, Workers: 2, RingSlots: row.slots, RingMemory: 40 << 20} // enough for one
			inCable(t, o, func(n *testns.NS, d *Daemon, log *logbook) {
				d.links = linksIn(t, "eth0", "eth1")
				for i := range d.links {
					d.links[i].Up = true
				}
				err := d.ports.reconcile(true)
				if (err != nil) != row.fatal || row.fatal && !strings.Contains(err.Error(), "--ring-memory") {
					t.Errorf("start: %v", err)
				}
				for range 3 {
					_ = d.ports.reconcile(false)
				}
				if got := log.count("not usable"); got != 1 && row.interfaces == nil && !row.fatal || got > 1 {
					t.Errorf("complained %d times", got)
				}
			})
		})
	}
}

func TestFatal(t *testing.T) {
	s := newPortSet(&Daemon{opts: Options{Interfaces: []string{"eth0"}}})
	for _, row := range []struct {
		name string
		err  error
		want bool
	}{
		{"eth0", afpacket.ErrNotEthernet, true}, {"eth1", afpacket.ErrNotEthernet, false}, {"eth0", afpacket.ErrDown, false},
		{"eth1", fmt.Errorf("open: %w", fs.ErrPermission), true},
	} {
		if got := s.fatal(netmon.Link{Name: row.name, Up: true}, row.err); got != row.want {
			t.Errorf("%s: %v: fatal %v", row.name, row.err, got)
		}
	}
}

// TestFatalSize: who gave the rings' size is told where it does not fit.
func TestFatalSize(t *testing.T) {
	memory := fmt.Errorf("open port: %w", &UsageError{"--ring-memory", ""})
	kernel := fmt.Errorf("open port: %w", afpacket.ErrRingTooLarge)
	for _, row := range []struct {
		slots int
		up    bool
		err   error
		want  bool
	}{{30, true, memory, true}, {30, true, kernel, true}, {30, false, memory, false}, {0, true, memory, false}, {0, true, kernel, false}} {
		s := newPortSet(&Daemon{opts: Options{RingSlots: row.slots}})
		if got := s.fatal(netmon.Link{Name: "eth0", Up: row.up}, row.err); got != row.want {
			t.Errorf("%+v: fatal %v", row, got)
		}
	}
}

// TestDownInterface: one that is down does not keep ulvs from starting. Before
// Linux 6.14 several workers' rings have to wait for it to come up.
func TestDownInterface(t *testing.T) {
	inCable(t, Options{Interfaces: []string{"eth0"}, Workers: 2, RingSlots: 30}, func(n *testns.NS, d *Daemon, log *logbook) {
		n.Down("eth0")
		d.links = linksIn(t, "eth0")
		for _, starting := range []bool{true, false, false} {
			if err := d.ports.reconcile(starting); err != nil {
				t.Fatal(err)
			}
		}
		if len(d.ports.names())+log.count("interface is down") != 1 {
			t.Errorf("in use %v, complained %d times", d.ports.names(), log.count("interface is down"))
		}
		n.Up("eth0")
		d.links = linksIn(t, "eth0")
		if err := d.ports.reconcile(false); err != nil || len(d.ports.names()) != 1 {
			t.Errorf("in use %v, %v", d.ports.names(), err)
		}
	})
}

func TestGeometry(t *testing.T) {
	const mib = 1 << 20
	for _, row := range []struct {
		o     Options
		bytes int64
		rings int
		slots int // 0: refused
	}{
		{Options{}, 1024 * mib, 2, afpacket.DefaultSlots},
		{Options{}, ringShare(2048 * mib), 2, 1920},
		{Options{}, 64 * mib, 2, 480},
		{Options{}, 64 * mib, 60, MinSlots}, // as many as there is room for
		{Options{}, 17 * mib, 1, 0},
		{Options{}, -1, 1, 0},
		{Options{Workers: 4}, 71 * mib, 4, 0},
		{Options{Workers: 4}, 72 * mib, 4, 270},
		{Options{RingSlots: 60}, 4 * mib, 9, 60},
		{Options{RingSlots: 61}, 4 * mib, 1, 0},
		{Options{Throughput: true}, 1024 * mib, 2, afpacket.DefaultBlocks3},
		{Options{Throughput: true}, 8 * mib, 2, 16},
		{Options{Throughput: true}, 1 * mib, 1, 0},
	} {
		row.o.Workers = max(row.o.Workers, 1)
		g, err := row.o.geometry(row.bytes, row.rings)
		if row.slots == 0 {
			var usage *UsageError
			if !errors.As(err, &usage) || usage.Option != "--ring-memory" {
				t.Errorf("%+v of %d: %+v, %v", row.o, row.bytes, g, err)
			}
			continue
		}
		if err != nil || g.Slots != row.slots || int64(g.Bytes()*row.o.Workers) > row.bytes {
			t.Errorf("%+v of %d for %d rings: %+v, %v; want %d slots", row.o, row.bytes, row.rings, g, err, row.slots)
		}
	}
}

func TestOptionsRefused(t *testing.T) {
	for option, o := range map[string]Options{
		"--ring-slots":  {Workers: 1, Capacity: 1, RingMemory: DefaultRingMemory(), RingSlots: 30, Throughput: true},
		"--ring-memory": {Workers: 1, Capacity: 1, RingMemory: 2 << 20},
	} {
		var usage *UsageError
		if err := o.check(); !errors.As(err, &usage) || usage.Option != option {
			t.Errorf("%+v: %v, want it to name %s", o, err, option)
		}
	}
}
