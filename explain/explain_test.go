package explain_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ulvs/control/api"
	"ulvs/dataplane/memport"
	"ulvs/explain"
	"ulvs/service"
)

var update = flag.Bool("update", false, "write the golden files")

func contents(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// engine has the rules of testdata/rules.
func engine(t testing.TB) *explain.Engine {
	t.Helper()
	e, err := explain.New(1000, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.LoadRules("rules", contents(t, "testdata/rules"), explain.Numeric{}); err != nil {
		t.Fatal(err)
	}
	return e
}

// flows explains packets in words, one a line.
func flows(t testing.TB, e *explain.Engine, p explain.Printer, text string) {
	t.Helper()
	now := time.Duration(0)
	for line := range strings.Lines(text) {
		w, err := explain.ParseWords(line)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		now = w.Packets("flow", now, func(one *explain.Packet) {
			if err := p.Print(e.Explain(one)); err != nil {
				t.Fatal(err)
			}
		})
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
}

// one explains packets and returns the Records.
func one(t testing.TB, e *explain.Engine, text string) []*explain.Record {
	var all keeper
	flows(t, e, &all, text)
	return all
}

type keeper []*explain.Record

func (k *keeper) Print(r *explain.Record) error { *k = append(*k, r); return nil }
func (k *keeper) Close() error                  { return nil }

// forms are the ways to print.
var forms = map[string]func(io.Writer) explain.Printer{
	"text":       func(w io.Writer) explain.Printer { return explain.NewText(w, explain.Style{}) },
	"colour":     func(w io.Writer) explain.Printer { return explain.NewText(w, explain.Style{Colour: true}) },
	"brief":      func(w io.Writer) explain.Printer { return explain.NewBrief(w, explain.Style{}) },
	"json":       func(w io.Writer) explain.Printer { return explain.NewJSON(w) },
	"group":      func(w io.Writer) explain.Printer { return explain.NewGroup(w, explain.Style{}) },
	"group-json": func(w io.Writer) explain.Printer { return explain.NewGroupJSON(w) },
}

// TestGolden holds every form against testdata; go test ./explain -update
// writes it.
func TestGolden(t *testing.T) {
	for name, form := range forms {
		var b bytes.Buffer
		flows(t, engine(t), form(&b), contents(t, "testdata/flows"))
		path := filepath.Join("testdata", name+".golden")
		if *update {
			if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if want := contents(t, path); b.String() != want {
			t.Errorf("%s: not as in %s:\n%s", name, path, b.String())
		}
	}
}

// TestJSON: what is printed as JSON is the Record, a version in it.
func TestJSON(t *testing.T) {
	var b bytes.Buffer
	flows(t, engine(t), explain.NewJSON(&b), contents(t, "testdata/flows"))
	d := json.NewDecoder(&b)
	d.DisallowUnknownFields()
	n := 0
	for d.More() {
		var r explain.Record
		if err := d.Decode(&r); err != nil {
			t.Fatal(err)
		}
		if n++; r.Version != explain.Version || r.Number != n || r.Reason == "" || r.Hint == "" {
			t.Errorf("%+v", r)
		}
	}
	if n != 21 {
		t.Errorf("%d objects, want 21", n)
	}
}

// TestDeterministic: the same packets give the same text.
func TestDeterministic(t *testing.T) {
	var a, b bytes.Buffer
	for _, w := range []*bytes.Buffer{&a, &b} {
		flows(t, engine(t), explain.NewText(w, explain.Style{}), contents(t, "testdata/flows"))
	}
	if a.String() != b.String() {
		t.Error("not the same twice")
	}
}

// TestChecksums: the arithmetic that is shown is that of the frames, of random
// packets by every method, in both directions.
func TestChecksums(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	e := engine(t)
	sums := 0
	for range 2000 {
		client := fmt.Sprintf("192.0.2.%d:%d", 1+r.IntN(250), 1+r.IntN(65535))
		text := []string{
			"tcp " + client + " > 198.51.100.1:443 SYN", "tcp " + client + " > 198.51.100.1:80 SYN", "udp " + client + " > 198.51.100.1:53",
			fmt.Sprintf("tcp [2001:db8::%x]:%d > [2001:db8::1]:80", r.IntN(65536), 1+r.IntN(65535)),
		}[r.IntN(4)]
		all := one(t, e, fmt.Sprintf("%s len=%d ttl=%d", text, r.IntN(100), 2+r.IntN(250)))
		if s := all[0].Server; s != nil && s.Method == "nat" && r.IntN(2) == 0 && strings.HasSuffix(text, ":443 SYN") {
			all = append(all, one(t, e, "tcp "+s.Addr+" > "+client+" SA")...)
		}
		for _, record := range all {
			for _, s := range record.Sent {
				for _, sum := range s.Sums {
					sums++
					if sum.New != sum.Frame {
						t.Fatalf("%s: %+v", text, sum)
					}
				}
			}
		}
	}
	if sums < 2000 {
		t.Errorf("%d checksums shown", sums)
	}
}

// TestHostile: of any bytes, in any form, only what we print ourselves reaches a
// terminal.
func TestHostile(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for name, form := range forms {
		var b bytes.Buffer
		p, e := form(&b), engine(t)
		seed := capturedFrames(t)
		for i := range 3000 {
			f := bytes.Clone(seed[r.IntN(len(seed))])
			for range r.IntN(6) {
				f[r.IntN(len(f))] = byte(r.Uint32())
			}
			if r.IntN(4) == 0 {
				f = f[:r.IntN(len(f)+1)]
			}
			if err := p.Print(e.Explain(&explain.Packet{Source: "random", At: time.Duration(i) * time.Millisecond, Frame: memport.Frame{Data: f}})); err != nil {
				t.Fatal(err)
			}
		}
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
		for _, c := range b.Bytes() {
			if c != '\n' && (c < ' ' || c > '~') && !(name == "colour" && c == 0x1b) {
				t.Fatalf("%s: byte %#x is printed", name, c)
			}
		}
	}
}

// TestTime: connections end by the time of the packets.
func TestTime(t *testing.T) {
	all := one(t, engine(t), "tcp 192.0.2.7:1 > 198.51.100.1:80\n+59s tcp 192.0.2.7:1 > 198.51.100.1:80 ACK\n+9m tcp 192.0.2.7:1 > 198.51.100.1:80 ACK\n+11m tcp 192.0.2.7:1 > 198.51.100.1:80 ACK\n")
	for i, want := range []string{"forwarded-dr", "forwarded-dr", "forwarded-dr", "passed-not-syn"} {
		if all[i].Reason != want {
			t.Errorf("packet %d: %s, want %s", i+1, all[i].Reason, want)
		}
	}
}

// TestDaemonState: counts and connections of a daemon are gone by, and packets
// of its connections are hits.
func TestDaemonState(t *testing.T) {
	vip, rs := netip.MustParseAddrPort("198.51.100.1:80"), []string{"203.0.113.1", "203.0.113.2"}
	v := api.ServiceState{VirtualService: service.VirtualService{
		Key: service.Key{Protocol: service.TCP, Addr: vip.Addr(), Port: 80}, Scheduler: "wlc", Persistent: time.Minute}}
	for i, a := range rs {
		v.Servers = append(v.Servers, api.ServerState{
			RealServer: service.RealServer{Addr: netip.MustParseAddr(a), Port: 80, Method: service.NAT, Weight: 1},
			Active:     uint32(5 - 2*i), Inactive: 7})
	}
	client := netip.MustParseAddrPort("192.0.2.7:40000")
	real := netip.MustParseAddrPort("203.0.113.1:80")
	s := &explain.DaemonState{
		State: &api.State{Services: []api.ServiceState{v}}, Timeouts: &api.DefaultTimeouts,
		Settings: api.Settings{{Name: "sloppy_tcp", Value: "1", Default: "0"}},
		Connections: []api.Connection{
			{Protocol: service.TCP, Client: client, Virtual: vip, Real: real, State: "ESTABLISHED", Expires: time.Minute, Method: service.NAT},
			{Protocol: service.TCP, Client: netip.MustParseAddrPort("192.0.2.8:0"), Virtual: vip, Real: real, State: "NONE", Expires: time.Minute, Method: service.NAT, Template: true},
			{Protocol: service.TCP, Client: client, Virtual: vip, Real: netip.MustParseAddrPort("203.0.113.9:80"), State: "ESTABLISHED", Method: service.NAT},
		},
	}
	e, err := explain.New(100, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.LoadState(s); err != nil {
		t.Fatal(err)
	}
	all := one(t, e, "tcp 192.0.2.7:40000 > 198.51.100.1:80 ACK\ntcp 192.0.2.9:1 > 198.51.100.1:80 ACK\ntcp 192.0.2.8:1 > 198.51.100.1:80\n")
	if all[0].State == nil || all[0].State.New || all[0].Server.Addr != "203.0.113.1:80" {
		t.Errorf("a packet of the daemon's connection: %+v", all[0])
	}
	p := all[1].Pick
	if p == nil || p.Servers[0].Active != 5 || p.Servers[1].Active != 3 || p.Servers[0].Inactive != 7 || !p.Servers[1].Chosen {
		t.Errorf("the daemon's counts: %+v", p)
	}
	if all[2].Template == nil || !all[2].Template.Found || all[2].Server.Addr != "203.0.113.1:80" {
		t.Errorf("the daemon's template: %+v", all[2])
	}
}
