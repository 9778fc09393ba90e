package decap

import (
	"bytes"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/mdlayher/packet"

	"ulvs/internal/testns"
	"ulvs/wire"
)

// segment is a TCP segment from the client to the virtual address, at sequence
// number seq.
func segment(t *testing.T, seq int, payload []byte) []byte {
	t.Helper()
	inner := ipHeader(clientIP, vip, 0, layers.IPProtocolTCP)
	tcp := &layers.TCP{SrcPort: 1000, DstPort: 80, Seq: uint32(seq), Ack: 1, ACK: true, Window: 1000}
	if err := tcp.SetNetworkLayerForChecksum(inner); err != nil {
		t.Fatal(err)
	}
	return bytesOf(t, inner, tcp, gopacket.Payload(payload))
}

// roomy is a packet as a socket gives it to a device.
func roomy(p []byte) []byte {
	return append(make([]byte, headroom, headroom+maxPacket), p...)
}

// TestSegmentsBecomeOne: a tun device gets the segments of one connection as a
// super-frame, in order, and the one with a wrong checksum alone, as it is.
func TestSegmentsBecomeOne(t *testing.T) {
	if !slices.Contains(kinds(t), TUN) {
		t.Log("no tun device here")
		return
	}
	ns := testns.New(t)
	payload := bytes.Repeat([]byte("0123456789"), 300)
	wrong := segment(t, 3000, payload[:1000])
	wrong[len(wrong)-1]++
	got := written(t, ns, [][]byte{
		segment(t, 0, payload[:1000]), segment(t, 1000, payload[1000:2000]), segment(t, 2000, payload[2000:]), wrong,
	}, 2)
	if p := wire.IPv4(got[0]); len(p) != 3040 || p.TotalLen() != 3040 || !p.ChecksumOK() || !bytes.Equal(p[40:], payload) {
		t.Errorf("%d bytes came first, want three segments in one of 3040", len(p))
	}
	if !bytes.Equal(got[1], wrong) {
		t.Errorf("the segment with a wrong checksum has changed to %d bytes", len(got[1]))
	}
}

// written writes packets to a tun device and returns the n IPv4 packets that
// come in from it.
func written(t *testing.T, ns *testns.NS, packets [][]byte, n int) (got [][]byte) {
	t.Helper()
	var d device
	var socket *packet.Conn
	var err error
	ns.Do(func() { d, err = newTUN("tun0") })
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	ns.Up("tun0")
	ns.Do(func() { socket, err = listen("tun0") })
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	for i := range packets {
		packets[i] = roomy(packets[i])
	}
	if _, err := d.Write(packets, headroom); err != nil {
		t.Fatal(err)
	}
	_ = socket.SetReadDeadline(time.Now().Add(5 * time.Second))
	for range n {
		buf := make([]byte, maxPacket)
		size, _, err := socket.ReadFrom(buf)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, buf[:size])
	}
	return got
}

// listen gets the IPv4 packets of a device.
func listen(name string) (*packet.Conn, error) {
	link, err := net.InterfaceByName(name)
	if err != nil {
		return nil, err
	}
	return packet.Listen(link, packet.Datagram, int(wire.EtherTypeIPv4), nil)
}

// TestRoom: what a socket hands on has the headroom before it, wherever in the
// buffer it begins.
func TestRoom(t *testing.T) {
	b := batch{bufs: [][]byte{make([]byte, headroom+100)}}
	packet := b.bufs[0][headroom:][:60]
	copy(packet[24:], "inner")
	if got := b.room(0, packet[24:29]); len(got) != headroom+5 || string(got[headroom:]) != "inner" || cap(got) != 100-24+headroom {
		t.Errorf("got %d bytes of %d, %q", len(got), cap(got), got)
	}
}
