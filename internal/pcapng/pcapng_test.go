package pcapng

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/gopacket/pcapgo"
)

// start is when the captures of the tests begin.
var start = time.Date(2026, 1, 2, 3, 4, 5, 123456789, time.UTC)

// frame is an Ethernet frame of an experimental type with so many bytes.
func frame(size int) []byte {
	f := make([]byte, size)
	copy(f, []byte{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5})
	return f
}

// tshark reads fields of a file, a row for each record.
func tshark(t *testing.T, file string, fields ...string) (rows []string) {
	t.Helper()
	args := []string{"-r", file, "-n", "-T", "fields"}
	for _, f := range fields {
		args = append(args, "-e", f)
	}
	var complaints strings.Builder
	cmd := exec.CommandContext(t.Context(), "tshark", args...)
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("tshark: %v: %s", err, complaints.String())
	}
	return strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
}

// linked names a group's records in their comments.
func linked(i, first int) string {
	return fmt.Sprintf("record %d, the other is %d: \"é\" \x01", first+i, first+1-i)
}

// pair is a packet that comes in and leaves.
func pair(f *Files, at time.Time, size int, id uint64) []Packet {
	return []Packet{
		{Interface: f.Interface("eth0"), Time: at, Data: frame(size), Direction: Inbound, ID: id},
		{Interface: f.Interface("eth1"), Time: at, Data: frame(size), Direction: Outbound, ID: id},
	}
}

func TestTshark(t *testing.T) {
	path := filepath.Join(t.TempDir(), "capture.pcapng")
	f, err := Create(Options{Path: path, Application: "ulvs test", SnapLen: 61}, start)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		if err := f.Write(pair(f, start, 60+2*i, uint64(i+1)), linked); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	got := tshark(t, path, "frame.number", "frame.interface_name", "frame.comment", "frame.packet_flags_direction", "frame.packet_id",
		"frame.time_epoch", "frame.len", "frame.cap_len")
	var want []string
	for i, size := range []int{60, 60, 62, 62} {
		first := i/2*2 + 1
		want = append(want, fmt.Sprintf("%d\teth%d\trecord %d, the other is %d: \"é\" \\x01\t0x%08x\t%d\t1767323045.123456789\t%d\t%d",
			i+1, i%2, i+1, 2*first+1-i-1, i%2+1, i/2+1, size, min(size, 61)))
	}
	// How it writes a control character is tshark's affair.
	for i := range got {
		got[i] = strings.ReplaceAll(got[i], "\x01", `\x01`)
	}
	if !slices.Equal(got, want) {
		t.Errorf("tshark shows\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestPcapgo: another reader sees the same frames, times and interfaces.
func TestPcapgo(t *testing.T) {
	var b bytes.Buffer
	w, err := NewWriter(&b, "ulvs test", 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"eth0", "eth1"} {
		if _, err := w.AddInterface(Interface{Name: name, Description: "a port"}); err != nil {
			t.Fatal(err)
		}
	}
	for n := 14; n < 90; n++ { // all paddings, of frames and of comments
		p := Packet{Interface: n % 2, Time: start.Add(time.Duration(n)), Data: frame(n), Comment: strings.Repeat("x", n), ID: uint64(n), Length: n + n%3}
		if err := w.WritePacket(&p); err != nil {
			t.Fatal(err)
		}
	}
	if w.Written() != int64(b.Len()) {
		t.Errorf("%d bytes said to be written, %d are", w.Written(), b.Len())
	}
	r, err := pcapgo.NewNgReader(&b, pcapgo.NgReaderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for n := 14; n < 90; n++ {
		data, info, err := r.ReadPacketData()
		if err != nil || !bytes.Equal(data, frame(n)) || !info.Timestamp.Equal(start.Add(time.Duration(n))) || info.InterfaceIndex != n%2 || info.Length != n+n%3 {
			t.Fatalf("frame of %d bytes: %v, %d bytes, %+v", n, err, len(data), info)
		}
	}
	if i, err := r.Interface(1); err != nil || i.Name != "eth1" || i.Description != "a port" {
		t.Errorf("interface: %v, %+v", err, i)
	}
	if _, _, err := r.ReadPacketData(); !errors.Is(err, io.EOF) {
		t.Errorf("after the last: %v", err)
	}
}

func TestRotation(t *testing.T) {
	for _, x := range []struct {
		name string
		o    Options
		want []string // records in the files that are left
	}{
		{"size", Options{MaxSize: 9000}, []string{"-00001.pcapng 6", "-00002.pcapng 6", "-00003.pcapng 6", "-00004.pcapng 2"}},
		{"time", Options{MaxAge: 3 * time.Second}, []string{"-00001.pcapng 6", "-00002.pcapng 6", "-00003.pcapng 6", "-00004.pcapng 2"}},
		{"keep", Options{MaxAge: 3 * time.Second, Keep: 2}, []string{"-00003.pcapng 6", "-00004.pcapng 2"}},
		{"one", Options{}, []string{".pcapng 20"}},
	} {
		t.Run(x.name, func(t *testing.T) {
			dir := t.TempDir()
			x.o.Path = filepath.Join(dir, "capture.pcapng")
			f, err := Create(x.o, start)
			if err != nil {
				t.Fatal(err)
			}
			for i := range 10 {
				if err := f.Write(pair(f, start.Add(time.Duration(i)*time.Second), 1000, 1), linked); err != nil {
					t.Fatal(err)
				}
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			var got []string
			entries, _ := os.ReadDir(dir)
			for _, e := range entries {
				rows := tshark(t, filepath.Join(dir, e.Name()), "frame.number", "frame.comment")
				got = append(got, fmt.Sprintf("%s %d", strings.TrimPrefix(e.Name(), "capture"), len(rows)))
				if !strings.HasPrefix(rows[0], "1\trecord 1, the other is 2") {
					t.Errorf("%s begins with %q", e.Name(), rows[0])
				}
			}
			if !slices.Equal(got, x.want) {
				t.Errorf("files %q, want %q", got, x.want)
			}
			if len(f.Names()) != len(got) {
				t.Errorf("names %q", f.Names())
			}
		})
	}
}

// full is a disk with no room.
type full struct{ room int }

func (f *full) Write(b []byte) (int, error) {
	if f.room -= len(b); f.room < 0 {
		return 0, errors.New("no room")
	}
	return len(b), nil
}

func TestFailures(t *testing.T) {
	if _, err := Create(Options{Path: filepath.Join(t.TempDir(), "no", "such")}, start); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no folder: %v", err)
	}
	if _, err := NewWriter(io.Discard, "", -1); err == nil {
		t.Error("a negative snap length is accepted")
	}
	w, err := NewWriter(&full{room: 200}, "ulvs test", 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.WritePacket(&Packet{}); err == nil {
		t.Error("an interface that there is not is accepted")
	}
	if _, err := w.AddInterface(Interface{Name: "eth0"}); err != nil {
		t.Fatal(err)
	}
	p := Packet{Data: frame(60), Comment: "x"}
	for err == nil {
		err = w.WritePacket(&p)
	}
	p.Data = nil
	if again := w.WritePacket(&p); !errors.Is(again, err) {
		t.Errorf("after %v: %v", err, again)
	}
}
