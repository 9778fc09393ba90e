package afpacket

import (
	"encoding/binary"
	"os"
	"runtime"
	"testing"
	"time"

	"ulvs/internal/testns"
	"ulvs/wire"
)

func TestMain(m *testing.M) { os.Exit(testns.Main(m)) }

// patience bounds the wait for what must come at once.
const patience = 5 * time.Second

// experimental is an EtherType for local use (IEEE 802 section 9.2.4) that no
// stack answers.
const experimental = 0x88b5

// small is a ring for tests that need no depth.
var small = Geometry{SlotSize: 4096, Slots: 64, BlockSize: 64 << 10}

// both runs a test on both kinds of ring.
func both(t *testing.T, f func(t *testing.T, g Geometry)) {
	t.Run("V2", func(t *testing.T) { f(t, Geometry{SlotSize: defaultSlotSize, Slots: 30, BlockSize: defaultBlockSize}) })
	t.Run("V3", func(t *testing.T) { f(t, Geometry{Version: V3, Slots: 8}) })
}

// cable is a veth pair between two namespaces, both ends up.
type cable struct{ a, b *testns.NS }

func newCable(t testing.TB) cable {
	t.Helper()
	c := cable{testns.New(t), testns.New(t)}
	c.plug(t)
	return c
}

func (c cable) plug(t testing.TB) {
	t.Helper()
	testns.Veth(t, c.a, "a0", c.b, "b0")
	c.a.Up("a0")
	c.b.Up("b0")
	c.a.Ready("a0")
	c.b.Ready("b0")
}

// open opens a port in ns and closes it with the test.
func open(t testing.TB, ns *testns.NS, o Options) *Port {
	t.Helper()
	port, err := tryOpen(ns, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = port.Close() })
	return port
}

func tryOpen(ns *testns.NS, o Options) (port *Port, err error) {
	ns.Do(func() { port, err = Open(o) })
	return port, err
}

// ends opens a port at each end of a new cable.
func ends(t testing.TB, g Geometry) (from, to *Port, c cable) {
	t.Helper()
	c = newCable(t)
	from = open(t, c.a, Options{Interface: "a0", Ring: small})
	to = open(t, c.b, Options{Interface: "b0", Ring: g, PortID: 3})
	return from, to, c
}

// testFrame returns a broadcast frame of size bytes whose payload begins with
// a number and is then a pattern of it.
func testFrame(number uint32, size int) []byte {
	b := make([]byte, size)
	copy(b, wire.Broadcast[:])
	copy(b[6:], []byte{2, 0, 0, 0, 0, 1})
	binary.BigEndian.PutUint16(b[12:], experimental)
	binary.BigEndian.PutUint32(b[14:], number)
	for i := 18; i < size; i++ {
		b[i] = byte(number) + byte(i)
	}
	return b
}

// packetOf puts a frame into memory with headroom.
func packetOf(frame []byte) *wire.Packet {
	buf := make([]byte, wire.Headroom+len(frame))
	copy(buf[wire.Headroom:], frame)
	return &wire.Packet{Buf: buf, Start: wire.Headroom, End: len(buf)}
}

// inject sends frames by port, all of which must be accepted.
func inject(t testing.TB, port *Port, frames ...[]byte) {
	t.Helper()
	pkts := make([]*wire.Packet, len(frames))
	for i, f := range frames {
		pkts[i] = packetOf(f)
	}
	if n := port.Send(pkts); n != len(pkts) {
		t.Fatalf("sent %d of %d frames: %+v", n, len(pkts), port.Stats())
	}
}

// await receives from port until it has n test frames and returns copies of
// them; fewer if no more come.
func await(t testing.TB, port *Port, n int) []wire.Packet {
	t.Helper()
	poller, err := NewPoller(port)
	if err != nil {
		t.Fatal(err)
	}
	defer poller.Close()
	var got []wire.Packet
	for deadline := time.Now().Add(patience); len(got) < n && time.Now().Before(deadline); {
		got = append(got, take(port)...)
		if len(got) < n {
			poller.Wait(time.Until(deadline))
		}
	}
	return got
}

// take receives what is there and returns copies of the test frames.
func take(port *Port) []wire.Packet {
	var got []wire.Packet
	pkts := make([]wire.Packet, 16)
	for {
		n := port.Receive(pkts)
		if n == 0 {
			return got
		}
		for _, p := range pkts[:n] {
			p.Buf = append([]byte(nil), p.Buf...)
			if isTest(&p) {
				got = append(got, p)
			}
		}
		port.Release()
	}
}

func isTest(p *wire.Packet) bool {
	f := p.Frame()
	return len(f) >= 18 && binary.BigEndian.Uint16(f[12:]) == experimental
}

func number(p *wire.Packet) uint32 { return binary.BigEndian.Uint32(p.Frame()[14:]) }

// waitArrived waits until n frames in all came to port's ring or were dropped
// before it. A V3 ring hands its block over later.
func waitArrived(t testing.TB, port *Port, n uint64) {
	t.Helper()
	for deadline := time.Now().Add(patience); port.Stats().Arrived < n || !port.ring.ready(); {
		if time.Now().After(deadline) {
			t.Fatalf("%d frames arrived, want %d", port.Stats().Arrived, n)
		}
		runtime.Gosched()
	}
}
