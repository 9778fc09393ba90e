package daemon

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"ulvs/internal/egress"
	"ulvs/internal/testns"
)

// lookNow looks although it is not yet time.
func (s *portSet) lookNow() {
	s.sending.due = 0
	s.chooseSending()
}

// sendingText is what the daemon says of an interface.
func (d *Daemon) sendingText(name string) string {
	s := d.Info().Sending[name]
	return strings.TrimSuffix(s.By+" ("+s.Because+")", " ()")
}

// TestSending: by what frames leave, as somebody comes to look at them and
// goes, and told once each time.
func TestSending(t *testing.T) {
	inCable(t, Options{Workers: 1, RingSlots: 30}, func(n *testns.NS, d *Daemon, log *logbook) {
		check := func(eth0, eth1 string) {
			t.Helper()
			d.ports.lookNow()
			want := map[string]string{"eth0": eth0, "eth1": eth1}
			got := map[string]string{"eth0": d.sendingText("eth0"), "eth1": d.sendingText("eth1")}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("sending (-want +got):\n%s", diff)
			}
		}
		d.links = linksIn(t, "eth0", "eth1")
		if err := d.ports.reconcile(true); err != nil {
			t.Fatal(err)
		}
		if got := d.sendingText("eth0"); got != "packet socket (link down)" {
			t.Errorf("before anybody has looked: %q", got)
		}
		n.Up("eth0", "eth1")
		d.links = linksIn(t, "eth0", "eth1")
		if err := d.ports.reconcile(false); err != nil {
			t.Fatal(err)
		}
		check("AF_XDP", "AF_XDP")
		_, closeTap := n.Tap(unix.ETH_P_ALL, "eth0")
		check("packet socket (a packet socket of all protocols)", "AF_XDP")
		closeTap()
		check("AF_XDP", "AF_XDP")
		d.ports.lookNow()
		if got := log.count("frames leave"); got != 4 {
			t.Errorf("told %d times, want 4", got)
		}
	})
}

// TestSendingByKind: auto leaves a bridge to the packet socket.
func TestSendingByKind(t *testing.T) {
	inCable(t, Options{Workers: 1, RingSlots: 30}, func(n *testns.NS, d *Daemon, _ *logbook) {
		n.Bridge("br0", "eth1")
		n.Up("eth0", "eth1", "br0")
		n.Ready("br0")
		d.links = linksIn(t, "br0")
		d.links[0].Kind = "bridge"
		if err := d.ports.reconcile(true); err != nil {
			t.Fatal(err)
		}
		d.ports.lookNow()
		if got, want := d.sendingText("br0"), "packet socket (not a veth interface)"; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	})
}

// TestSendingUnknown: where it cannot be seen who looks, nobody is passed by.
func TestSendingUnknown(t *testing.T) {
	inCable(t, Options{Workers: 1, RingSlots: 30}, func(n *testns.NS, d *Daemon, _ *logbook) {
		n.Up("eth0", "eth1")
		d.links = linksIn(t, "eth0")
		d.ports.sending.look = func([]int, []uint64) (*egress.View, error) { return nil, errors.New("no sight") }
		if err := d.ports.reconcile(true); err != nil {
			t.Fatal(err)
		}
		d.ports.lookNow()
		if got, want := d.sendingText("eth0"), "packet socket (no sight)"; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	})
}

// TestSendingAsAsked: the other ways do not look. A second worker finds no queue of
// its own.
func TestSendingAsAsked(t *testing.T) {
	for send, want := range map[Send]string{SendPacket: "packet socket", SendXDP: "AF_XDP for 1 of 2 workers"} {
		inCable(t, Options{Workers: 2, RingSlots: 30, Send: send}, func(n *testns.NS, d *Daemon, _ *logbook) {
			n.Up("eth0", "eth1")
			d.links = linksIn(t, "eth0")
			d.ports.sending.look = func([]int, []uint64) (*egress.View, error) { t.Error("looked"); return nil, os.ErrInvalid }
			if err := d.ports.reconcile(true); err != nil {
				t.Fatal(err)
			}
			d.ports.lookNow()
			if got := d.sendingText("eth0"); !strings.HasPrefix(got, want) {
				t.Errorf("--send %s: %q, want %q", send, got, want)
			}
		})
	}
}

func TestBadSend(t *testing.T) {
	err := Send("raw").check()
	var usage *UsageError
	if !errors.As(err, &usage) || usage.Option != "--send" {
		t.Errorf("error %v, want one about --send", err)
	}
}
