package afpacket

import (
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ulvs/internal/testns"
	"ulvs/wire"
)

// TestBulkTCP carries a download between two real stacks over a repeater made
// of two ports, with the offloads that veth has by default: partial checksums
// and super-frames must pass unharmed, or nothing arrives.
func TestBulkTCP(t *testing.T) {
	both(t, func(t *testing.T, g Geometry) {
		r := newRepeater(t, g)
		const size = 32 << 20
		listener := listen(t, r.server, "198.51.100.2:8080")
		sent := make(chan [sha256.Size]byte, 1)
		go serve(listener, size, sent)
		got, n := download(t, r.client, "198.51.100.2:8080")
		r.stop()
		if n != size || got != <-sent {
			t.Errorf("received %d bytes of %d, or others than were sent", n, size)
		}
		if r.largest.Load() <= 1514 || r.partial.Load() == 0 {
			t.Errorf("largest frame %d bytes, %d with a partial checksum; want super-frames of both kinds",
				r.largest.Load(), r.partial.Load())
		}
		t.Logf("largest frame %d bytes, %d frames with a partial checksum", r.largest.Load(), r.partial.Load())
		for _, port := range r.ports {
			if s := port.Stats(); s.Clipped != 0 || s.SendRefused != 0 || s.SendTooLong != 0 {
				t.Errorf("stats %+v, want no frame clipped or refused", s)
			}
		}
	})
}

// repeater joins client and server, which are on one subnet, by two ports that
// send out of one what comes in by the other.
type repeater struct {
	client, server *testns.NS
	ports          [2]*Port
	largest        atomic.Int64 // bytes
	partial        atomic.Int64 // frames
	stop           func()
}

func newRepeater(t *testing.T, g Geometry) *repeater {
	t.Helper()
	r := &repeater{client: testns.New(t), server: testns.New(t)}
	middle := testns.New(t)
	testns.Veth(t, r.client, "c0", middle, "m0")
	testns.Veth(t, middle, "m1", r.server, "s0")
	middle.Up("m0", "m1")
	r.client.Up("c0")
	r.server.Up("s0")
	r.client.Addr("c0", "198.51.100.1/24")
	r.server.Addr("s0", "198.51.100.2/24")
	for i, name := range []string{"m0", "m1"} {
		r.ports[i] = open(t, middle, Options{Interface: name, Ring: g})
	}
	r.start(t)
	return r
}

func (r *repeater) start(t *testing.T) {
	poller := newTestPoller(t, r.ports[:]...)
	var done atomic.Bool
	var wg sync.WaitGroup
	wg.Go(func() {
		pkts := make([]wire.Packet, 64)
		for !done.Load() {
			if r.pass(pkts, 0, 1)+r.pass(pkts, 1, 0) == 0 {
				poller.Wait(patience)
			}
		}
	})
	r.stop = sync.OnceFunc(func() {
		done.Store(true)
		poller.Wake()
		wg.Wait()
	})
	t.Cleanup(r.stop)
}

// pass forwards one batch and returns its size.
func (r *repeater) pass(pkts []wire.Packet, from, to int) int {
	n := r.ports[from].Receive(pkts)
	out := make([]*wire.Packet, n)
	for i := range out {
		out[i] = &pkts[i]
		r.largest.Store(max(r.largest.Load(), int64(len(pkts[i].Frame()))))
		if pkts[i].Offload.Partial() {
			r.partial.Add(1)
		}
	}
	r.ports[to].Send(out)
	r.ports[from].Release()
	return n
}

func listen(t *testing.T, ns *testns.NS, addr string) net.Listener {
	t.Helper()
	var listener net.Listener
	var err error
	ns.Do(func() { listener, err = net.Listen("tcp4", addr) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return listener
}

// serve sends size random bytes to the first connection and their sum to sum.
func serve(listener net.Listener, size int, sum chan<- [sha256.Size]byte) {
	conn, err := listener.Accept()
	if err != nil {
		return
	}
	defer conn.Close()
	data := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(data)
	sum <- sha256.Sum256(data)
	_, _ = conn.Write(data)
}

// download reads all that addr sends and returns its sum and length.
func download(t *testing.T, ns *testns.NS, addr string) (sum [sha256.Size]byte, n int64) {
	t.Helper()
	var conn net.Conn
	var err error
	ns.Do(func() { conn, err = net.DialTimeout("tcp4", addr, patience) })
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(4 * patience))
	hash := sha256.New()
	n, err = io.Copy(hash, conn)
	if err != nil && !errors.Is(err, io.EOF) {
		t.Errorf("after %d bytes: %v", n, err)
	}
	return [sha256.Size]byte(hash.Sum(nil)), n
}
