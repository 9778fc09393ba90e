package dataplane_test

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"ulvs/dataplane/memport"
	"ulvs/forward"
	"ulvs/wire"
	"ulvs/wire/wiretest"
)

// recordedBytes is one packet and what came out, byte by byte.
type recordedBytes struct {
	N    int
	T    float64
	What string
	Side string
	Hex  string
	Out  []struct{ To, Hex, Pkt, Dmac string }
}

// TestRecordedBytes replays the recorded packets of each method and compares
// what leaves byte by byte, but for the ids that the kernel counts.
func TestRecordedBytes(t *testing.T) {
	for name, mtu := range map[string]int{
		"nat": 1500, "nat-mtu1400": 1400, "dr": 1500, "dr-mtu1400": 1400, "tun": 1500,
		"icmp-nat": 1500, "icmp-dr": 1500, "icmp-tun": 1500,
		"v6-nat": 1500, "v6-dr": 1500, "v6-tun": 1500, "v6-tun-over-v4": 1500, "v4-tun-over-v6": 1500,
		"icmp6-nat": 1500, "icmp6-nat-csumoffload": 1500,
	} {
		t.Run(name, func(t *testing.T) {
			path := "../forward/testdata/oracle/d/" + name + ".jsonl"
			x := newKernelWorld(t, mtu)
			for _, line := range loadRecordings(t, path)[0].Setup {
				x.command(line)
			}
			x.settle()
			start := x.now
			for _, s := range loadBytes(t, path) {
				x.now = start + time.Duration(s.T*float64(time.Second))
				x.compareBytes(name, mtu, &s)
			}
		})
	}
}

// Pkt is the recorded text of what came out first.
func (s *recordedBytes) Pkt() string {
	if len(s.Out) == 0 {
		return ""
	}
	return s.Out[0].Pkt
}

// loadBytes reads the packets of a scenario.
func loadBytes(t testing.TB, path string) (all []recordedBytes) {
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var s recordedBytes
		if json.Unmarshal(lines.Bytes(), &s) == nil && s.Hex != "" {
			all = append(all, s)
		}
	}
	return all
}

// unhex decodes a recorded packet: the bytes that were noted and how many there
// were.
func unhex(t testing.TB, s string) (b []byte, length int) {
	t.Helper()
	s, rest, cut := strings.Cut(s, "..(")
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	length = len(b)
	if cut {
		if length, err = strconv.Atoi(strings.TrimSuffix(rest, " bytes in all)")); err != nil {
			t.Fatal(err)
		}
	}
	return b, length
}

// compareBytes replays one packet.
func (x *world) compareBytes(name string, mtu int, s *recordedBytes) {
	x.t.Helper()
	ip, length := unhex(x.t, s.Hex)
	for step := ip[len(ip)-1] - ip[len(ip)-2]; len(ip) < length; {
		ip = append(ip, ip[len(ip)-1]+step) // the payload goes on as it began
	}
	if s.Side == "rs" && length > mtu || strings.Contains(s.What, "fragment") || strings.Contains(s.Pkt(), ":5001") {
		return // the device dropped it; fragments, of the flow 5001, are not balanced yet
	}
	port, macs := 0, wiretest.Raw(frameOf(ip))
	leaveToDevice(name, s, macs)
	wire.Ethernet(macs.Frame()).SetDst(outMAC)
	wire.Ethernet(macs.Frame()).SetSrc(clientMAC)
	if s.Side == "rs" {
		port = 1
	}
	out := x.send(port, macs)
	got := append(append([]memport.Frame(nil), out[0]...), out[1]...)
	if len(got) == 0 && ownForward(s, ip) {
		return
	}
	if name == "icmp6-nat" && s.Side == "rs" || s.What == "ACK behind a hop-by-hop header (PadN)" && len(s.Out) == 0 {
		if len(got) != 1 {
			x.t.Errorf("step %d, %s: %d frames out, want 1", s.N, s.What, len(got))
		}
		return // ip_vs drops a right ICMPv6 checksum, and hop-by-hop options but in a tunnel
	}
	if len(got) != len(s.Out) {
		x.t.Errorf("step %d, %s: %d frames out, recorded %v", s.N, s.What, len(got), s.Out)
		return
	}
	for i, f := range got {
		want, length := unhex(x.t, s.Out[i].Hex)
		if mac := wire.Ethernet(f.Data).Dst().String(); mac != s.Out[i].Dmac {
			x.t.Errorf("step %d, %s: sent to %s, recorded %s", s.N, s.What, mac, s.Out[i].Dmac)
		}
		compareIP(x.t, name, s, finished(x.t, f), want, length)
	}
}

// leaveToDevice makes an ICMPv6 message of a real server as it was recorded in
// one scenario: its checksum is left to the device.
func leaveToDevice(name string, s *recordedBytes, p *wire.Packet) {
	if name != "icmp6-nat-csumoffload" || s.Side != "rs" {
		return
	}
	p.ICMPv6().SetChecksum(wire.Fold(wire.PseudoSum(p.Src, p.Dst, wire.ProtoICMPv6, len(p.ICMPv6()))))
	p.Offload = wire.Offload{Flags: wire.NeedsCsum, CsumStart: uint16(p.L4 - p.Start), CsumOffset: wire.ICMP6ChecksumOffset}
}

// ownForward reports whether what came out is what went in: the kernel's own
// stack forwarded it.
func ownForward(s *recordedBytes, in []byte) bool {
	if len(s.Out) != 1 {
		return false
	}
	b, err := hex.DecodeString(s.Out[0].Hex)
	return err == nil && len(b) == len(in) && bytes.Equal(b[12:], in[12:])
}

// finished is the IP packet of a frame after the device has done its part.
func finished(t testing.TB, f memport.Frame) []byte {
	p := wiretest.Raw(f.Data)
	p.Offload = f.Offload
	if fault := wire.Parse(p); fault != wire.FaultNone || !forward.FinishChecksum(p) {
		t.Fatalf("frame left with %v, %+v", fault, f.Offload)
	}
	return p.IP()
}

// compareIP6 compares one IPv6 packet, but for the flow label and the fragments'
// id, both of the kernel's choice.
func compareIP6(t testing.TB, s *recordedBytes, got, want []byte) {
	t.Helper()
	ours := wire.IPv6(got).HopLimit() == 64 && wire.IPv6(got).NextHeader() == wire.ProtoICMPv6
	if ours && wire.IPv6(want).FlowLabel() != 0 {
		copy(want[1:4], got[1:4])
	}
	if wire.IPv6(got).NextHeader() == wiretest.FragmentExt {
		copy(want[44:48], got[44:48])
	}
	if !bytes.Equal(got[:len(want)], want) {
		t.Errorf("step %d, %s:\n got %x\nwant %x", s.N, s.What, got[:len(want)], want)
	}
}

// compareIP compares one packet with the recorded one.
func compareIP(t testing.TB, name string, s *recordedBytes, got, want []byte, length int) {
	t.Helper()
	if len(got) != length {
		t.Errorf("step %d, %s: %d bytes, recorded %d", s.N, s.What, len(got), length)
		return
	}
	got = bytes.Clone(got)
	if wire.IPv6(got).Version() == 6 {
		compareIP6(t, s, got, bytes.Clone(want))
		return
	}
	if change := differently[s.What]; change[1] != "" && (strings.HasPrefix(name, "nat") || change[0] != "nat") {
		want = bytes.Clone(want)
		adjust(got, want, change[1])
	}
	ours := wire.IPv4(got).Protocol() == wire.ProtoICMP && wire.IPv4(got).TTL() == 64
	if proto := wire.IPv4(got).Protocol(); ours || proto == wire.ProtoIPIP || proto == wire.ProtoIPv6 {
		wire.IPv4(got).SetID(wire.IPv4(want).ID())
		wire.IPv4(got[:wire.IPv4Len]).FillChecksum()
	}
	if !bytes.Equal(got[:len(want)], want) {
		t.Errorf("step %d, %s:\n got %x\nwant %x", s.N, s.What, got[:len(want)], want)
	}
}

// differently are the steps in which ulvs does something else than ip_vs: for
// which method, and what.
var differently = map[string][2]string{
	// ip_vs fills in a checksum that the sender left out (RFC 768).
	"UDP zero checksum":        {"nat", "checksum"},
	"UDP answer zero checksum": {"nat", "checksum"},
	// ulvs does not write its address into the option.
	"ACK with IP option record-route": {"", "route"},
	// ip_vs tells the client the MTU that it knew before.
	"from a router about the tunnel packet: frag needed mtu 1300, quote of 60 bytes": {"", "mtu"},
	"from a router about the tunnel packet: frag needed mtu 1300, quote of 48 bytes": {"", "mtu"},
	// ip_vs lets it pass with the real server's address (RFC 5508 section 4).
	"from the real server: parameter problem, TCP, quote of 80 bytes": {"", "translated"},
	"from the real server: parameter problem, TCP, quote of 28 bytes": {"", "translated"},
}

// adjust takes a known difference out of both packets.
func adjust(got, want []byte, what string) {
	switch what {
	case "checksum":
		copy(want[26:28], got[26:28])
	case "route":
		at := 20
		if wire.IPv4(want).Protocol() == wire.ProtoIPIP {
			at = 40
		}
		copy(want[at:at+8], got[at:at+8])
		wire.IPv4(want[at-20:]).FillChecksum()
	case "translated":
		copy(want[12:16], got[12:16])
		copy(want[28+16:28+20], got[12:16])
		wire.IPv4(want).FillChecksum()
		wire.IPv4(want[28:]).FillChecksum()
	case "mtu":
		wire.ICMPv4(want[20:]).SetRest(0, 1280)
		wire.ICMPv4(want[20:]).FillChecksum()
	}
}
