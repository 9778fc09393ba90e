package liveframes_test

import (
	"encoding/binary"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"ulvs/dataplane/afpacket"
	"ulvs/internal/liveframes"
	"ulvs/internal/testns"
	"ulvs/wire"
)

func TestMain(m *testing.M) { os.Exit(testns.Main(m)) }

const (
	firstPort = 2000
	ports     = 24
	flows     = 64 // from three addresses
)

func frame() []byte {
	b := make([]byte, 60)
	copy(b[12:], []byte{8, 0, 0x45, 0, 0, 46, 0, 0, 0, 0, 64, 17, 0, 0, 203, 0, 113, 254, 198, 51, 100, 1})
	return b
}

// TestFramesComeIn: all flows arrive at the interface, and no other.
func TestFramesComeIn(t *testing.T) {
	ns := testns.New(t)
	testns.Veth(t, ns, "a0", ns, "b0")
	ns.Up("a0", "b0")
	port := open(t, ns)
	source, ended := run(t, ns, 0)
	if source == nil {
		return
	}
	seen := seenFlows(t, port)
	stop(t, source, ended)
	if len(seen) != flows {
		t.Errorf("%d flows came in, want %d", len(seen), flows)
	}
}

// open opens the interface at which the frames come in.
func open(t *testing.T, ns *testns.NS) (port *afpacket.Port) {
	t.Helper()
	var err error
	ns.Do(func() {
		port, err = afpacket.Open(afpacket.Options{Interface: "b0", Ring: afpacket.Geometry{SlotSize: 2048, Slots: 1024, BlockSize: 64 << 10}})
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = port.Close() })
	return port
}

// run runs a source, or checks the error where that is not allowed and returns
// nil.
func run(t *testing.T, ns *testns.NS, rate int) (*liveframes.Source, <-chan error) {
	t.Helper()
	source, err := liveframes.New(liveframes.Config{
		Frame: frame(), Flows: flows, FirstPort: firstPort, Ports: ports, Index: ns.Index("b0"), Rate: rate,
	})
	if inUserNamespace(t) {
		if !errors.Is(err, os.ErrPermission) || !strings.Contains(err.Error(), "run as root") {
			t.Errorf("error %v in a user namespace, want one that says to run as root", err)
		}
		return nil, nil
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = source.Close() })
	ended := make(chan error, 1)
	go func() {
		var err error
		if entering := ns.NS.Do(func() { err = source.Run() }); entering != nil {
			err = entering
		}
		ended <- err
	}()
	return source, ended
}

// TestRate: no more frames come than are due, but for a burst.
func TestRate(t *testing.T) {
	const rate = 20_000
	ns := testns.New(t)
	testns.Veth(t, ns, "a0", ns, "b0")
	ns.Up("a0", "b0")
	port := open(t, ns)
	begun := time.Now()
	source, ended := run(t, ns, rate)
	if source == nil {
		return
	}
	n := receiveSome(t, port, rate/10)
	took := time.Since(begun)
	stop(t, source, ended)
	if most := took.Seconds()*rate + 65; n < rate/10 || float64(n) > most {
		t.Errorf("%d frames came in %v, want %d to %.0f", n, took, rate/10, most)
	}
}

// receiveSome receives until there are least, or for 5 s, and returns how many
// came.
func receiveSome(t *testing.T, port *afpacket.Port, least int) (n int) {
	t.Helper()
	poller, err := afpacket.NewPoller(port)
	if err != nil {
		t.Fatal(err)
	}
	defer poller.Close()
	pkts := make([]wire.Packet, 64)
	for deadline := time.Now().Add(5 * time.Second); n < least && time.Now().Before(deadline); {
		poller.Wait(time.Until(deadline))
		n += port.Receive(pkts)
		port.Release()
	}
	return n
}

// inUserNamespace reports whether root here is not the machine's root, to whom
// alone the kernel gives XDP test runs.
func inUserNamespace(t *testing.T) bool {
	t.Helper()
	text, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(text))
	return len(fields) != 3 || fields[2] != "4294967295"
}

// seenFlows receives until all flows came, or for 5 s.
func seenFlows(t *testing.T, port *afpacket.Port) map[uint64]bool {
	t.Helper()
	poller, err := afpacket.NewPoller(port)
	if err != nil {
		t.Fatal(err)
	}
	defer poller.Close()
	seen := map[uint64]bool{}
	pkts := make([]wire.Packet, 64)
	for deadline := time.Now().Add(5 * time.Second); len(seen) < flows && time.Now().Before(deadline); {
		poller.Wait(time.Until(deadline))
		for _, p := range pkts[:port.Receive(pkts)] {
			seen[checkFlow(t, p.Frame())] = true
		}
		port.Release()
	}
	return seen
}

// checkFlow returns what names a frame's flow, and checks that it is one.
func checkFlow(t *testing.T, f []byte) uint64 {
	t.Helper()
	address, port := binary.BigEndian.Uint32(f[26:]), binary.BigEndian.Uint16(f[34:])
	if n := address - 0xcb0071fe; n > 2 || port < firstPort || port >= firstPort+ports { // 203.0.113.254 and up
		t.Fatalf("source %x port %d, want one of 3 addresses and %d ports from %d", address, port, ports, firstPort)
	}
	if binary.BigEndian.Uint16(f[42:]) != ^port || binary.BigEndian.Uint32(f[44:]) != ^address {
		t.Fatalf("source %x port %d has the complements % x", address, port, f[42:48])
	}
	sum := uint32(0)
	for at := 14; at < 34; at += 2 {
		sum += uint32(binary.BigEndian.Uint16(f[at:]))
	}
	if uint16(sum+sum>>16) != 0xffff {
		t.Fatalf("IP header checksum of %x is wrong", f[14:34])
	}
	return uint64(address)<<16 | uint64(port)
}

func stop(t *testing.T, source *liveframes.Source, ended <-chan error) {
	t.Helper()
	deadline := time.After(5 * time.Second)
	for {
		source.Stop()
		select {
		case err := <-ended:
			if err != nil {
				t.Error(err)
			}
			return
		case <-time.After(time.Millisecond):
		case <-deadline:
			t.Fatal("the source does not stop")
		}
	}
}

func TestBadArguments(t *testing.T) {
	for _, row := range []struct {
		frame            []byte
		firstPort, flows int
		word             string
	}{
		{make([]byte, 41), 1, 1, "41 bytes"},
		{make([]byte, 5000), 1, 1, "5000 bytes"},
		{frame(), 1024, 0, "0 flows"},
		{frame(), 60000, 10000, "10000 flows"},
	} {
		_, err := liveframes.New(liveframes.Config{Frame: row.frame, FirstPort: row.firstPort, Flows: row.flows, Ports: row.flows, Index: 1})
		if err == nil || !strings.Contains(err.Error(), row.word) {
			t.Errorf("error %v, want one that says %q", err, row.word)
		}
	}
}
