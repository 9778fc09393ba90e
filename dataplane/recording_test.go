package dataplane_test

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
)

// recording is one recorded scenario: how the kernel was set up and what
// happened to each packet.
type recording struct {
	Name   string
	Setup  []string
	Sysctl map[string]int
	steps  []recordedStep
	cells  []recordedCell
}

// recordedStep is one packet or command and what the kernel did.
type recordedStep struct {
	N     int
	T     float64 // seconds since the start; 0 where it was not noted
	Ev    string  // "c:S", "s:SA", "cmd", "sleep", ...
	Pkt   string
	Cmd   string
	Out   recordedOut
	D     json.RawMessage // counts, by service if there are several
	Conns []string
}

// recordedCell is one cell of a TCP state table.
type recordedCell struct {
	From    *string
	Path    []string
	Event   string
	To      *string
	Timeout []int
	Out     recordedOut
}

// recordedFrame is one frame that came out.
type recordedFrame struct {
	To     string // "client" or "rs"
	Pkt    string // "" if it was not noted
	RS     any    // number of the real server
	TTL    int    // 0 if it was not noted
	BadSum bool   `json:"badcsum"`
}

// recordedOut is what came out, in any of the ways in which it was written.
type recordedOut []recordedFrame

func (o *recordedOut) UnmarshalJSON(b []byte) error {
	var short string
	var frames []recordedFrame
	switch {
	case json.Unmarshal(b, &short) == nil:
		*o = shortOut(short)
	case json.Unmarshal(b, &frames) == nil:
		*o = frames
	} // else the output of a command
	return nil
}

// shortOut understands "rs3", "client 198.51.100.1:80>192.0.2.2:40000 SA" and
// "drop".
func shortOut(s string) recordedOut {
	if n, ok := strings.CutPrefix(s, "rs"); ok {
		return recordedOut{{To: "rs", RS: n}}
	}
	if pkt, ok := strings.CutPrefix(s, "client "); ok {
		return recordedOut{{To: "client", Pkt: pkt}}
	}
	return nil
}

// loadRecordings reads the scenarios of a file, compressed or not.
func loadRecordings(t testing.TB, path string) (all []*recording) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(path, ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			t.Fatal(err)
		}
	}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if all, err = addLine(all, lines.Bytes()); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
	}
	if err := lines.Err(); err != nil || len(all) == 0 {
		t.Fatalf("%s: %d scenarios, %v", path, len(all), err)
	}
	return all
}

// addLine adds one line to the scenarios read so far.
func addLine(all []*recording, line []byte) ([]*recording, error) {
	var kind struct{ Type string }
	if err := json.Unmarshal(line, &kind); err != nil {
		return nil, err
	}
	if kind.Type == "header" {
		r := &recording{}
		return append(all, r), json.Unmarshal(line, r)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("a step before the first header")
	}
	r := all[len(all)-1]
	if kind.Type == "transition" {
		r.cells = append(r.cells, recordedCell{})
		return all, json.Unmarshal(line, &r.cells[len(r.cells)-1])
	}
	r.steps = append(r.steps, recordedStep{})
	return all, json.Unmarshal(line, &r.steps[len(r.steps)-1])
}
