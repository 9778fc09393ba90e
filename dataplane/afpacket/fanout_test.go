package afpacket

import (
	"encoding/binary"
	"testing"
	"time"

	"ulvs/internal/testns"
	"ulvs/wire"
)

// udpFrame is a UDP datagram of flow n to no one in particular.
func udpFrame(n int) []byte {
	b := make([]byte, 60)
	copy(b, []byte{2, 9, 9, 9, 9, 9, 2, 0, 0, 0, 0, 1, 8, 0})
	ip := b[14:]
	copy(ip, []byte{0x45, 0, 0, 46, 0, 0, 0x40, 0, 64, 17, 0, 0, 203, 0, 113, 1, 198, 51, 100, 1})
	binary.BigEndian.PutUint16(ip[10:], ipChecksum(ip[:20]))
	binary.BigEndian.PutUint16(ip[20:], uint16(1024+n))
	binary.BigEndian.PutUint16(ip[22:], 80)
	binary.BigEndian.PutUint16(ip[24:], 26)
	return b
}

func ipChecksum(b []byte) uint16 {
	sum := uint32(0)
	for i := 0; i < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	return ^uint16(sum + sum>>16)
}

// TestFanoutSharesFlows: every frame comes to exactly one member, and all of a
// flow to the same, from the first frame after the last has joined.
func TestFanoutSharesFlows(t *testing.T) {
	both(t, func(t *testing.T, g Geometry) {
		if g.Version != V3 {
			g = Geometry{SlotSize: 2048, Slots: 512, BlockSize: 64 << 10}
		}
		c := newCable(t)
		from := open(t, c.a, Options{Interface: "a0", Ring: small})
		ports := openGroup(t, c.b, g, 2)
		const flows, each = 100, 3
		for range each {
			for n := range flows {
				inject(t, from, udpFrame(n))
			}
		}
		owner := map[uint16]int{}
		count := gather(t, ports, owner, flows*each)
		if count[0]+count[1] != flows*each || count[0] == 0 || count[1] == 0 {
			t.Errorf("members received %v, want all of %d and some each", count, flows*each)
		}
	})
}

func openGroup(t *testing.T, ns *testns.NS, g Geometry, n int) []*Port {
	t.Helper()
	group := &Fanout{}
	ports := make([]*Port, n)
	for i := range ports {
		ports[i] = open(t, ns, Options{Interface: "b0", Ring: g, Fanout: group})
	}
	return ports
}

// gather receives until want UDP frames came, checks that no flow came to two
// ports and returns how many came to each.
func gather(t *testing.T, ports []*Port, owner map[uint16]int, want int) []int {
	t.Helper()
	poller, err := NewPoller(ports...)
	if err != nil {
		t.Fatal(err)
	}
	defer poller.Close()
	count := make([]int, len(ports))
	total := 0
	for deadline := time.Now().Add(patience); total < want && time.Now().Before(deadline); {
		poller.Wait(time.Until(deadline))
		for i, port := range ports {
			n := takeFlows(t, port, i, owner)
			count[i] += n
			total += n
		}
	}
	return count
}

func takeFlows(t *testing.T, port *Port, i int, owner map[uint16]int) (n int) {
	t.Helper()
	pkts := make([]wire.Packet, 32)
	for k := port.Receive(pkts); k > 0; k = port.Receive(pkts) {
		for _, p := range pkts[:k] {
			flow := binary.BigEndian.Uint16(p.Frame()[34:])
			if old, known := owner[flow]; known && old != i {
				t.Errorf("flow %d came to members %d and %d", flow, old, i)
			}
			owner[flow] = i
			n++
		}
		port.Release()
	}
	return n
}

// TestFanoutNoDuplicatesWhileJoining: a second member that opens under traffic
// gets nothing that the first has got. Between joining and the change of its
// filter it is deaf: what the group gives it in those microseconds is lost, as
// frames are while a port opens.
func TestFanoutNoDuplicatesWhileJoining(t *testing.T) {
	c := newCable(t)
	from := open(t, c.a, Options{Interface: "a0", Ring: small})
	group := &Fanout{}
	deep := Geometry{SlotSize: 2048, Slots: 4096, BlockSize: 64 << 10}
	first := open(t, c.b, Options{Interface: "b0", Ring: deep, Fanout: group})
	sent := make(chan int)
	stop := make(chan struct{})
	go func() { sent <- sendUntil(from, stop) }()
	second := open(t, c.b, Options{Interface: "b0", Ring: deep, Fanout: group})
	close(stop)
	want := <-sent
	count := gather(t, []*Port{first, second}, map[uint16]int{}, want)
	got := first.Stats().Arrived + second.Stats().Arrived
	if deaf := uint64(want) / 50; got > uint64(want) || got+deaf < uint64(want) {
		t.Errorf("%d frames came of %d sent (%v)", got, want, count)
	}
}

// sendUntil sends frames of ever new flows, at most 4,000, until stop closes.
func sendUntil(from *Port, stop <-chan struct{}) (n int) {
	for n < 4000 {
		select {
		case <-stop:
			return n
		default:
			n += from.Send([]*wire.Packet{packetOf(udpFrame(n))})
		}
	}
	return n
}

// TestFanoutKeepsDatagrams: all fragments of a datagram come to the same member,
// whether they have ports or not, so that each worker puts together its own.
func TestFanoutKeepsDatagrams(t *testing.T) {
	both(t, func(t *testing.T, g Geometry) {
		if g.Version != V3 {
			g = Geometry{SlotSize: 2048, Slots: 512, BlockSize: 64 << 10}
		}
		c := newCable(t)
		from := open(t, c.a, Options{Interface: "a0", Ring: small})
		ports := openGroup(t, c.b, g, 2)
		const datagrams = 100
		for n := range datagrams {
			for _, field := range []uint16{0x2000, 0x2004, 0x0008} { // first, middle, last
				inject(t, from, fragmentFrame(n, field))
			}
		}
		count := gather(t, ports, map[uint16]int{}, 3*datagrams)
		if count[0]+count[1] != 3*datagrams || count[0] == 0 || count[1] == 0 {
			t.Errorf("members received %v, want all of %d and some each", count, 3*datagrams)
		}
	})
}

// fragmentFrame is a fragment of datagram n, each from another address, with n
// where the first one has its port.
func fragmentFrame(n int, field uint16) []byte {
	b := udpFrame(n)
	ip := b[14:]
	binary.BigEndian.PutUint16(ip[4:], uint16(n))
	binary.BigEndian.PutUint16(ip[6:], field)
	ip[15] = byte(n)
	ip[10], ip[11] = 0, 0
	binary.BigEndian.PutUint16(ip[10:], ipChecksum(ip[:20]))
	return b
}
