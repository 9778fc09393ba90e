package explain_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"

	"ulvs/explain"
)

// capturedFrames are the frames of testdata/flows.
func capturedFrames(t testing.TB) (all [][]byte) {
	t.Helper()
	for line := range strings.Lines(contents(t, "testdata/flows")) {
		w, err := explain.ParseWords(line)
		if err != nil {
			t.Fatal(err)
		}
		w.Packets("", 0, func(p *explain.Packet) { all = append(all, p.Frame.Data) })
	}
	return all
}

// sink is what both writers of captures have in common.
type sink interface {
	WritePacket(gopacket.CaptureInfo, []byte) error
}

// captured writes frames, 10 ms apart, as a capture.
func captured(t testing.TB, ng bool, link layers.LinkType, frames ...[]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	var w sink
	if ng {
		n, err := pcapgo.NewNgWriter(&b, link)
		if err != nil {
			t.Fatal(err)
		}
		defer n.Flush()
		w = n
	} else {
		p := pcapgo.NewWriter(&b)
		if err := p.WriteFileHeader(65536, link); err != nil {
			t.Fatal(err)
		}
		w = p
	}
	for i, f := range frames {
		at := time.Unix(1_700_000_000, 0).Add(time.Duration(i) * 10 * time.Millisecond)
		if err := w.WritePacket(gopacket.CaptureInfo{Timestamp: at, CaptureLength: len(f), Length: len(f)}, f); err != nil {
			t.Fatal(err)
		}
	}
	if n, ok := w.(*pcapgo.NgWriter); ok {
		if err := n.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

// read explains a capture.
func read(e *explain.Engine, capture []byte) (all []*explain.Record, err error) {
	c, err := explain.OpenCapture("x.pcap", bytes.NewReader(capture))
	if err != nil {
		return nil, err
	}
	for {
		p, err := c.Next()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		all = append(all, e.Explain(p))
	}
}

// TestCaptures: captures of every kind give the records that the frames give.
func TestCaptures(t *testing.T) {
	frames := capturedFrames(t)
	var raw, sll, sll2 [][]byte
	for _, f := range frames {
		raw = append(raw, f[14:])
		sll = append(sll, append(append([]byte{0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 12, 0, 0, 0}, f[12:14]...), f[14:]...))
		head := append(append([]byte{}, f[12:14]...), 0, 0, 0, 0, 0, 1, 0, 1, 0, 6, 2, 0, 0, 0, 12, 0, 0, 0)
		sll2 = append(sll2, append(head, f[14:]...))
	}
	for _, tt := range []struct {
		name   string
		link   layers.LinkType
		frames [][]byte
	}{{"ethernet", layers.LinkTypeEthernet, frames}, {"raw", layers.LinkTypeRaw, raw}, {"sll", layers.LinkTypeLinuxSLL, sll}, {"sll2", 20, sll2}} {
		for _, ng := range []bool{false, true} {
			all, err := read(engine(t), captured(t, ng, tt.link, tt.frames...))
			if err != nil || len(all) != len(frames) {
				t.Fatalf("%s, pcapng %v: %d records, %v", tt.name, ng, len(all), err)
			}
			for i, want := range map[int]string{0: "forwarded-dr", 1: "forwarded-dr", 2: "forwarded-nat", 3: "forwarded-reply", 5: "forwarded-tunnel", 14: "answered-echo"} {
				if all[i].Reason != want {
					t.Errorf("%s, pcapng %v: packet %d: %s, want %s", tt.name, ng, i+1, all[i].Reason, want)
				}
			}
			if last := all[len(all)-1]; last.Time < 0.19 || last.Time > 0.21 || last.Source != "x.pcap: packet 21" {
				t.Errorf("%s: %s at %v s", tt.name, last.Source, last.Time)
			}
		}
	}
}

// TestBrokenCaptures: one line that names file and packet, and the records of
// what came before.
func TestBrokenCaptures(t *testing.T) {
	frames := capturedFrames(t)
	whole := captured(t, false, layers.LinkTypeEthernet, frames...)
	ng := captured(t, true, layers.LinkTypeEthernet, frames...)
	for _, tt := range []struct {
		name, want string
		capture    []byte
		records    int
	}{
		{"empty", "x.pcap: not a capture: want pcap or pcapng", nil, 0},
		{"text", "x.pcap: not a capture: want pcap or pcapng", []byte("this is no capture at all, is it"), 0},
		{"cut header", "x.pcap: not a capture: want pcap or pcapng", whole[:20], 0},
		{"cut packet", "x.pcap: packet 2: the file ends within it", whole[:24+16+len(frames[0])+16+3], 1},
		{"cut pcapng", "x.pcap: packet 21: the file ends within it", ng[:len(ng)-30], 20},
		{"link type", "x.pcap: packet 1: link type 105: want Ethernet, raw IP or Linux cooked", captured(t, false, 105, frames[0]), 0},
	} {
		all, err := read(engine(t), tt.capture)
		var bad explain.InputError
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") || !errors.As(err, &bad) || len(all) != tt.records {
			t.Errorf("%s: %d records, %v, want %d, %s", tt.name, len(all), err, tt.records, tt.want)
		}
	}
	for _, capture := range [][]byte{whole, ng} { // whatever is broken, it ends
		for i := range 200 {
			b := bytes.Clone(capture[:300])
			b[i] ^= 0x80
			_, _ = read(engine(t), b)
		}
	}
}

// TestManyPackets: ten thousand packets of a capture are explained in seconds.
func TestManyPackets(t *testing.T) {
	w, err := explain.ParseWords("tcp 192.0.2.7:1000 > 198.51.100.1:443 x10000")
	if err != nil {
		t.Fatal(err)
	}
	var frames [][]byte
	w.Packets("", 0, func(p *explain.Packet) { frames = append(frames, p.Frame.Data) })
	capture := captured(t, false, layers.LinkTypeEthernet, frames...)
	start := time.Now()
	e, err := explain.New(explain.DefaultConns, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.LoadRules("rules", contents(t, "testdata/rules"), explain.Numeric{}); err != nil {
		t.Fatal(err)
	}
	all, err := read(e, capture)
	if err != nil || len(all) != 10000 {
		t.Fatalf("%d records, %v", len(all), err)
	}
	var b bytes.Buffer
	p := explain.NewText(&b, explain.Style{})
	for _, r := range all {
		if err := p.Print(r); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("10,000 packets took %v", took)
	} else {
		t.Logf("10,000 packets took %v, %d bytes of text", took, b.Len())
	}
}

// FuzzCapture: no file breaks the reader or what its packets go through.
func FuzzCapture(f *testing.F) {
	frames := capturedFrames(f)[:3]
	f.Add(captured(f, false, layers.LinkTypeEthernet, frames...))
	f.Add(captured(f, true, layers.LinkTypeEthernet, frames...))
	f.Add(captured(f, false, layers.LinkTypeLinuxSLL, frames...))
	e := engine(f) // one for all: making it takes longer than the packets
	f.Fuzz(func(t *testing.T, capture []byte) {
		all, err := read(e, capture)
		if err != nil && strings.ContainsAny(err.Error(), "\n\x1b") {
			t.Fatalf("the message goes to a terminal: %q", err)
		}
		for _, r := range all {
			if r.Reason == "dropped-panic" {
				t.Fatalf("%s", r.Packet.Frame)
			}
		}
	})
}
