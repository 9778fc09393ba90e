package sim

import (
	"bytes"
	"net"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"
)

// recorded are frames a millisecond apart: a TCP connection from SYN on, a UDP
// exchange, another client's SYN.
func recorded(t testing.TB) (frames [][]byte) {
	t.Helper()
	add := func(src, dst byte, l gopacket.SerializableLayer, proto layers.IPProtocol) {
		ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: proto, SrcIP: net.IPv4(192, 0, 2, src), DstIP: net.IPv4(198, 51, 100, dst)}
		switch l := l.(type) {
		case *layers.TCP:
			_ = l.SetNetworkLayerForChecksum(ip)
		case *layers.UDP:
			_ = l.SetNetworkLayerForChecksum(ip)
		}
		b := gopacket.NewSerializeBuffer()
		eth := &layers.Ethernet{SrcMAC: make([]byte, 6), DstMAC: make([]byte, 6), EthernetType: layers.EthernetTypeIPv4}
		if err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, eth, ip, l); err != nil {
			t.Fatal(err)
		}
		frames = append(frames, b.Bytes())
	}
	add(1, 1, &layers.TCP{SrcPort: 4000, DstPort: 80, SYN: true}, layers.IPProtocolTCP)
	add(1, 1, &layers.TCP{SrcPort: 4000, DstPort: 80, ACK: true}, layers.IPProtocolTCP)
	add(2, 2, &layers.UDP{SrcPort: 5000, DstPort: 53}, layers.IPProtocolUDP)
	add(2, 2, &layers.UDP{SrcPort: 5000, DstPort: 53}, layers.IPProtocolUDP)
	add(3, 1, &layers.TCP{SrcPort: 4000, DstPort: 80, SYN: true}, layers.IPProtocolTCP)
	return append(frames, []byte("no frame"))
}

// asPcap and asPcapng write the frames as files.
func asPcap(t testing.TB, frames [][]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := pcapgo.NewWriter(&b)
	if err := w.WriteFileHeader(65535, layers.LinkTypeEthernet); err != nil {
		t.Fatal(err)
	}
	writeAll(t, frames, w.WritePacket)
	return b.Bytes()
}

func asPcapng(t testing.TB, frames [][]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := pcapgo.NewNgWriter(&b, layers.LinkTypeEthernet)
	if err != nil {
		t.Fatal(err)
	}
	writeAll(t, frames, w.WritePacket)
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func writeAll(t testing.TB, frames [][]byte, write func(gopacket.CaptureInfo, []byte) error) {
	t.Helper()
	for i, f := range frames {
		at := time.Unix(1000, 0).Add(time.Duration(i) * time.Millisecond)
		if err := write(gopacket.CaptureInfo{Timestamp: at, CaptureLength: len(f), Length: len(f)}, f); err != nil {
			t.Fatal(err)
		}
	}
}

// TestCapture: the first packets of flows are arrivals.
func TestCapture(t *testing.T) {
	frames := recorded(t)
	for name, file := range map[string][]byte{"pcap": asPcap(t, frames), "pcapng": asPcapng(t, frames)} {
		all, err := readCapture(name, bytes.NewReader(file))
		if err != nil || len(all) != 3 {
			t.Errorf("%s: %v, %v", name, all, err)
			continue
		}
		for i, want := range []arrival{{0, -1, 0, 0}, {0.002, -1, 1, 1}, {0.004, -1, 2, 0}} {
			if all[i] != want {
				t.Errorf("%s: arrival %d is %v, want %v", name, i+1, all[i], want)
			}
		}
		for cut := range len(file) { // a broken file is an error or a shorter one
			if _, err := readCapture(name, bytes.NewReader(file[:cut])); err != nil && bytes.ContainsAny([]byte(err.Error()), "\n\x1b") {
				t.Errorf("%s cut at %d: %q", name, cut, err)
			}
		}
	}
}
