package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"ulvs/lab"
)

// warm starts nginx on the servers and asks each, so that the director knows all
// neighbours and the client is done.
func (n *network) warm(t *testing.T) {
	t.Helper()
	n.nginxes(t)
	for range n.Servers {
		_, err := n.curl(n.Client, httpAt(n.Service()))
		check(t, err)
	}
}

// watch starts ulvs trace or capture on the director and returns when it looks
// at packets.
func (n *network) watch(t *testing.T, args ...string) *lab.Process {
	t.Helper()
	p, err := n.Director.Daemon(exec.Command(binary, args...))
	check(t, err)
	t.Cleanup(func() { check(t, p.Stop()) })
	if !eventually(patience, func() bool { return strings.Contains(p.Output(), "Ctrl-C ends") }) {
		t.Fatalf("ulvs %s: %s", strings.Join(args, " "), p.Output())
	}
	return p
}

// finished waits for the end of what ends by itself and returns its output.
func finished(t *testing.T, p *lab.Process) string {
	t.Helper()
	select {
	case <-p.Done():
	case <-within(t, patience).Done():
		t.Fatalf("it does not end: %s", p.Output())
	}
	return p.Output()
}

// traces is how many traces the daemon says are under way.
func (n *network) traces(t *testing.T) int {
	t.Helper()
	var s struct{ Traces int }
	check(t, json.Unmarshal([]byte(n.run(n.Director, binary, "status", "--json")), &s))
	return s.Traces
}

// TestTrace: the steps of real requests, live.
func TestTrace(t *testing.T) {
	for _, x := range []struct {
		mode  string
		steps []string // that are in the text, as patterns
	}{
		{lab.NAT, []string{
			`parsed +tcp 198\.51\.100\.10:\d+ > 198\.51\.100\.100:80 SYN`, `service +TCP 198\.51\.100\.100:80, scheduler wlc`,
			`connection +of client .*: miss`, `scheduler +wlc`, `<- chosen:`, `state +tcp NONE -> SYN_RECV, a new connection`,
			`server .* by nat, rewritten to`, `rewrite +ethernet source`, `checksum +ip, by RFC 1624`, `next hop +for`, `verdict +forwarded-nat`,
			`verdict +forwarded-reply`, `state +tcp SYN_RECV -> ESTABLISHED`,
		}},
		{lab.DR, []string{`server .* by dr`, `rewrite +ethernet source`, `verdict +forwarded-dr`, `state +tcp SYN_RECV -> ESTABLISHED`}},
	} {
		t.Run(x.mode, func(t *testing.T) {
			n := serving(t, lab.Config{Mode: x.mode, Servers: 2}, "wlc")
			n.warm(t)
			p := n.watch(t, "trace", "-n", "10", "tcp", "port", "80")
			for range 6 {
				_, err := n.curl(n.Client, httpAt(n.Service()))
				check(t, err)
			}
			out := finished(t, p)
			for _, s := range x.steps {
				if !regexp.MustCompile(s).MatchString(out) {
					t.Errorf("no step %q", s)
				}
			}
			if strings.Count(out, "\nverdict ") != 10 || !strings.Contains(out, "\n10 packets") {
				t.Errorf("not 10 packets")
			}
			if t.Failed() {
				t.Log(out)
			}
			if n.traces(t) != 0 {
				t.Error("the daemon goes on tracing")
			}
		})
	}
}

// TestTraceEnds: the daemon stops looking when the client is interrupted, even
// killed, and the client when the daemon stops.
func TestTraceEnds(t *testing.T) {
	n := serving(t, lab.Config{Mode: lab.DR, Servers: 1}, "rr")
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGKILL} {
		p := n.watch(t, "trace", "--brief", "host", "198.51.100.100")
		if n.traces(t) != 1 {
			t.Errorf("%d traces are under way", n.traces(t))
		}
		check(t, p.Cmd.Process.Signal(s))
		finished(t, p)
		if s == syscall.SIGINT && !(p.Cmd.ProcessState.ExitCode() == 0 && strings.HasSuffix(p.Output(), "\n0 packets\n")) {
			t.Errorf("interrupted: %v: %s", p.Cmd.ProcessState, p.Output())
		}
		if !eventually(patience, func() bool { return n.traces(t) == 0 }) {
			t.Errorf("%v: the daemon goes on looking", s)
		}
	}
	began := time.Now()
	p := n.watch(t, "trace", "--duration", "6s", "tcp", "port", "1") // longer than the API waits for a request
	if out := finished(t, p); time.Since(began) < 6*time.Second || !strings.HasSuffix(out, "\n0 packets\n") {
		t.Errorf("a trace of 6 s without packets took %v: %s", time.Since(began), out)
	}
	p = n.watch(t, "trace", "--json")
	check(t, n.daemon.Stop())
	if out := finished(t, p); !strings.HasSuffix(out, "\n0 packets\n") || p.Cmd.ProcessState.ExitCode() != 0 {
		t.Errorf("the daemon stops: %v: %s", p.Cmd.ProcessState, out)
	}
}

// TestCapture: tshark shows the comments, the two records of a packet name each
// other, and are what dumpcap would have seen on either side.
func TestCapture(t *testing.T) {
	for _, mode := range []string{lab.NAT, lab.DR} {
		t.Run(mode, func(t *testing.T) {
			n := serving(t, lab.Config{Mode: mode, Servers: 2}, "rr")
			n.warm(t)
			dir := t.TempDir()
			file := filepath.Join(dir, "web.pcapng")
			p := n.watch(t, "capture", "-o", file, "--rate", "100000", "tcp", "port", "80")
			for range 4 {
				_, err := n.curl(n.Client, httpAt(n.Service()))
				check(t, err)
			}
			check(t, p.Cmd.Process.Signal(os.Interrupt))
			if out := finished(t, p); !strings.HasSuffix(out, file+"\n") {
				t.Errorf("ulvs capture says %s", out)
			}
			rows := n.tshark(file, "tcp", "frame.number", "frame.comment", "frame.packet_id", "frame.packet_flags_direction", "frame.interface_name",
				"tcp.stream", "eth.src", "ip.src")
			if len(rows) < 20 {
				t.Fatalf("%d records of 4 requests", len(rows))
			}
			checkLinks(t, mode, rows)
			if entries, _ := os.ReadDir(dir); len(entries) != 1 {
				t.Errorf("left behind: %v", entries)
			}
		})
	}
}

var (
	sentAs = regexp.MustCompile(`^packet (\d+), in: sent as record (\d+); connection: \S.*; verdict: forwarded; reason: forwarded-\S+ \(`)
	cameAs = regexp.MustCompile(`^packet (\d+), out: came as record (\d+); connection: \S.*; verdict: forwarded; reason: forwarded-\S+ \(`)
)

// checkLinks checks that records come in twos that name each other.
func checkLinks(t *testing.T, mode string, rows [][]string) {
	t.Helper()
	transitions := 0
	for i := 0; i+1 < len(rows); i += 2 {
		in, out := rows[i], rows[i+1]
		a, b := sentAs.FindStringSubmatch(in[1]), cameAs.FindStringSubmatch(out[1])
		if a == nil || b == nil || a[1] != b[1] || a[2] != out[0] || b[2] != in[0] || in[2] != a[1] || out[2] != a[1] {
			t.Fatalf("records are not linked:\n%q\n%q", in, out)
		}
		if in[3] != "0x00000001" || out[3] != "0x00000002" {
			t.Errorf("directions %s and %s", in[3], out[3])
		}
		if !strings.HasPrefix(in[4], "eth") || !strings.HasPrefix(out[4], "eth") || in[6] == out[6] {
			t.Errorf("interfaces and MACs: %q, %q", in, out)
		}
		if mode == lab.DR && in[7] != out[7] {
			t.Errorf("DR has changed an address: %q, %q", in, out)
		}
		if strings.Contains(in[1], "state: SYN_RECV > ESTABLISHED; server: ") {
			transitions++
		}
	}
	if transitions != 4 {
		t.Errorf("%d connections became established, want 4", transitions)
	}
}

// TestCaptureRotates: files of a bounded size, of which the newest are kept.
func TestCaptureRotates(t *testing.T) {
	n := serving(t, lab.Config{Mode: lab.DR, Servers: 1}, "rr")
	n.warm(t)
	dir := t.TempDir()
	p := n.watch(t, "capture", "-o", filepath.Join(dir, "web.pcapng"), "--rotate-size", "8kB", "--files", "2", "-n", "60", "--snaplen", "60", "--rate", "100000")
	for range 20 {
		_, err := n.curl(n.Client, httpAt(n.Service()))
		check(t, err)
	}
	finished(t, p)
	files, _ := filepath.Glob(filepath.Join(dir, "*"))
	if len(files) != 2 || !slices.IsSorted(files) || !regexp.MustCompile(`web-\d{5}\.pcapng$`).MatchString(files[1]) {
		t.Errorf("files %q: %s", files, p.Output())
	}
	for _, f := range files {
		if info, err := os.Stat(f); err != nil || info.Size() > 8000 {
			t.Errorf("%s: %v", f, info)
		}
		if rows := n.tshark(f, "frame.cap_len > 60", "frame.number"); len(rows) != 0 {
			t.Errorf("%s: records above 60 bytes: %q", f, rows)
		}
	}
}

// TestTraceRefuses: what is not accepted is said in one line.
func TestTraceRefuses(t *testing.T) {
	n := serving(t, lab.Config{Mode: lab.DR, Servers: 1}, "rr")
	s := n.login(t)
	for line, complaint := range map[string]string{
		"ulvs trace tcp prot 80":                  `ulvs: filter "tcp prot 80": column 5: "prot" is one too many: and, or, or the end was expected`,
		"ulvs trace -n 0":                         "ulvs: --packets: 0 is not a positive number",
		"ulvs trace --rate 0":                     "ulvs: --rate: 0 is not from 1 to 100000",
		"ulvs trace --duration x":                 `ulvs: --duration: "x" is not a duration, such as 1.5s`,
		"ulvs trace --brief --json":               "ulvs: --brief: want it without --group and --json",
		"ulvs capture":                            "ulvs: --output: the name of a file is needed",
		"ulvs capture -o x --rotate-size ten":     `ulvs: --rotate-size: "ten" is not a size such as 500000, 10MB or 10MiB`,
		"ulvs capture -o x --files 3":             "ulvs: --files: only with --rotate-size or --rotate-time",
		"ulvs capture -o - --rotate-time 1s":      "ulvs: --output: standard output cannot be rotated",
		"ulvs capture -o x --snaplen 0":           "ulvs: --snaplen: 0 is not a positive number",
		"ulvs capture -o x --rotate-time 0s":      "ulvs: --rotate-time: 0s is not positive",
		"ulvs capture -o x --rotate-size 1MB -n0": "ulvs: --packets: 0 is not a positive number",
	} {
		s.refused(line, complaint, 2)
	}
	if a := s.types("ulvs capture -n 1 -o no/such/file"); a.code != 1 || a.err != "ulvs: --output: open no/such/file.part: no such file or directory\n" {
		t.Errorf("no such folder: %+v", a)
	}
	for _, face := range []string{"trace", "capture -o x"} {
		socket := filepath.Join(s.dir, "none.sock")
		if a := s.types(fmt.Sprintf("ulvs %s --socket %s", face, socket)); a.code != 3 || !strings.Contains(a.err, "no daemon answers at "+socket) {
			t.Errorf("%s without a daemon: %+v", face, a)
		}
	}
	if n.traces(t) != 0 {
		t.Error("a trace that was refused goes on")
	}
}
