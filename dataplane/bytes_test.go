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
		"nat": 1500, "nat-mtu1400": 1400, "dr": 1500, "dr-mtu1400": 1400, "tun": 1500, "tun-nopmtudisc": 1500,
		"icmp-nat": 1500, "icmp-nat-sched": 1500, "icmp-dr": 1500, "icmp-dr-sched": 1500, "icmp-tun": 1500,
	} {
		t.Run(name, func(t *testing.T) {
			path := "../forward/testdata/oracle/d/" + name + ".jsonl"
			x := newKernelWorld(t, mtu)
			r := loadRecordings(t, path)[0]
			x.configure(r)
			for _, line := range r.Setup {
				x.command(line)
			}
			x.settle()
			start := x.now
			for _, s := range loadBytes(t, path) {
				x.now = start + time.Duration(s.T*float64(time.Second))
				x.compareBytes(mtu, &s)
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
func (x *world) compareBytes(mtu int, s *recordedBytes) {
	x.t.Helper()
	ip, length := unhex(x.t, s.Hex)
	for step := ip[len(ip)-1] - ip[len(ip)-2]; len(ip) < length; {
		ip = append(ip, ip[len(ip)-1]+step) // the payload goes on as it began
	}
	if s.Side == "rs" && length > mtu {
		return // the device dropped it
	}
	port, macs := 0, wiretest.Raw(frameOf(ip))
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
	if len(got) != len(s.Out) {
		x.t.Errorf("step %d, %s: %d frames out, recorded %v", s.N, s.What, len(got), s.Out)
		return
	}
	for i, f := range got {
		want, length := unhex(x.t, s.Out[i].Hex)
		if mac := wire.Ethernet(f.Data).Dst().String(); mac != s.Out[i].Dmac {
			x.t.Errorf("step %d, %s: sent to %s, recorded %s", s.N, s.What, mac, s.Out[i].Dmac)
		}
		compareIP(x.t, s, f.Data[14:], want, length)
	}
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

// compareIP compares one packet with the recorded one.
func compareIP(t testing.TB, s *recordedBytes, got, want []byte, length int) {
	t.Helper()
	if len(got) != length {
		t.Errorf("step %d, %s: %d bytes, recorded %d", s.N, s.What, len(got), length)
		return
	}
	got = bytes.Clone(got)
	ours := wire.IPv4(got).Protocol() == wire.ProtoICMP && wire.IPv4(got).TTL() == 64
	if ours || wire.IPv4(got).Protocol() == wire.ProtoIPIP {
		wire.IPv4(got).SetID(wire.IPv4(want).ID())
		wire.IPv4(got[:wire.IPv4Len]).FillChecksum()
	}
	if !bytes.Equal(got[:len(want)], want) {
		t.Errorf("step %d, %s:\n got %x\nwant %x", s.N, s.What, got[:len(want)], want)
	}
}
