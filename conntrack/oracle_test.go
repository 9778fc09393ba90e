package conntrack

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"math"
	"net/netip"
	"os"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"ulvs/internal/oracle"
	"ulvs/service"
	"ulvs/wire"
)

// record is one line of a recording; the header fills Setup and Sysctl.
type record struct {
	Setup  []string
	Sysctl map[string]int

	// Of a state table: the packets before, the packet, the states after.
	From             *string
	Path             []string
	Event            string
	To               *string
	Timeout          []int
	Active, Inactive int

	// Of a history.
	Ev    string
	T     float64
	Pkt   string
	Out   json.RawMessage
	Conns []string
	D     [][4]int
}

// recordings is where they are, shared with package conformance.
var recordings = os.DirFS("../testdata/oracle/b")

func recording(t *testing.T, name string) (header record, lines []record) {
	t.Helper()
	if err := oracle.Lines(recordings, name, func(line []byte) error {
		lines = append(lines, record{})
		return json.Unmarshal(line, &lines[len(lines)-1])
	}); err != nil {
		t.Fatal(err)
	}
	return lines[0], lines[1:]
}

// recordedDirector is set up as the header of a recording says.
func recordedDirector(t *testing.T, h record) *director {
	d := newDirector(t, 64)
	d.secure = h.Sysctl["secure_tcp"] == 3
	d.sloppy = h.Sysctl["sloppy_tcp"] == 1
	d.sloppySCTP = h.Sysctl["sloppy_sctp"] == 1
	for _, cmd := range h.Setup {
		var a, b, c int
		if n, _ := fmt.Sscanf(cmd, "ipvsadm --set %d %d %d", &a, &b, &c); n == 3 {
			if err := d.timeouts.Set(time.Duration(a)*time.Second, time.Duration(b)*time.Second, time.Duration(c)*time.Second); err != nil {
				t.Fatal(err)
			}
		}
		for flag, m := range map[string]service.Method{" -m ": service.NAT, " -g ": service.DR, " -i ": service.Tunnel} {
			if strings.Contains(cmd, flag) {
				d.method = m
			}
		}
	}
	return d
}

func matching(t *testing.T, pattern string) []string {
	t.Helper()
	names, err := fs.Glob(recordings, pattern)
	if err != nil || len(names) == 0 {
		t.Fatalf("no recordings %s: %v", pattern, err)
	}
	return names
}

// TestRecordedTables holds every recorded cell against the state tables, the
// timeouts and the counts.
func TestRecordedTables(t *testing.T) {
	cells := 0
	for _, name := range matching(t, "*-table*.gz") {
		t.Run(name, func(t *testing.T) {
			header, lines := recording(t, name)
			for _, r := range lines {
				cells++
				checkCell(t, header, r)
			}
		})
	}
	if cells < 1700 {
		t.Errorf("only %d cells", cells)
	}
}

func checkCell(t *testing.T, header, r record) {
	d := recordedDirector(t, header)
	sctp := strings.Contains(header.Setup[0], "--sctp-service")
	for _, ev := range r.Path {
		d.event(sctp, ev)
	}
	active := d.active
	d.event(sctp, r.Event)
	d.Tick(d.now, 10)
	got := d.list()
	sort.Strings(got)
	var want []string
	if r.To != nil {
		for i, s := range strings.Split(*r.To, "+") {
			want = append(want, fmt.Sprintf("%s %d", s, d.rounded(sctp, s, r.Timeout[i])))
		}
	}
	want = alive(want)
	if strings.Join(got, ",") != strings.Join(want, ",") {
		t.Errorf("%v then %s: %v, want %v", r.Path, r.Event, got, want)
	}
	if d.active-active != r.Active {
		t.Errorf("%v then %s: active changed by %d, want %d", r.Path, r.Event, d.active-active, r.Active)
	}
}

// alive leaves out connections that were expired at once: the kernel lists them
// with 0 s until their timer has run, some milliseconds later.
func alive(lines []string) []string {
	return slices.DeleteFunc(lines, func(l string) bool { return strings.HasSuffix(l, " 0") })
}

// rounded undoes the kernel's rounding down of the seconds left, a moment after
// the packet.
func (d *director) rounded(sctp bool, state string, seconds int) int {
	proto, names := wire.ProtoTCP, tcpNames[:]
	if sctp {
		proto, names = wire.ProtoSCTP, sctpNames[:]
	}
	for s, name := range names {
		if want := int(d.timeouts.Of(proto, State(s)) / time.Second); name == state && seconds == want-1 {
			return want
		}
	}
	return seconds
}

// event sends one recorded packet, "c:SA", "s:u" or of SCTP "c:10", of the only
// connection.
func (d *director) event(sctp bool, ev string) {
	k := Key{
		Client: addr("192.0.2.10"), ClientPort: 4000,
		Virtual: addr("198.51.100.1"), VirtualPort: 80, Proto: wire.ProtoTCP,
	}
	side, letters, _ := strings.Cut(ev, ":")
	if letters == "u" || letters == "udp" {
		k.Proto = wire.ProtoUDP
		letters = ""
	}
	flags := tcpFlags
	if sctp {
		k.Proto, flags = wire.ProtoSCTP, chunkType
	}
	real := addr("203.0.113.1")
	if side == "c" {
		d.client(k, real, 80, flags(letters))
		return
	}
	k.Virtual = real
	d.server(k, flags(letters))
}

// chunkType reads the number of a recorded SCTP chunk.
func chunkType(digits string) uint8 {
	n, _ := strconv.Atoi(digits)
	return uint8(n)
}

// TestRecordedHistories follows whole connections in time: states, seconds
// left, counts, and when they are gone.
func TestRecordedHistories(t *testing.T) {
	for _, pattern := range []string{"seq-*.gz", "timer-*.gz"} {
		for _, name := range matching(t, pattern) {
			t.Run(name, func(t *testing.T) { checkHistory(t, name) })
		}
	}
}

func checkHistory(t *testing.T, name string) {
	header, lines := recording(t, name)
	d := recordedDirector(t, header)
	for i, r := range lines {
		d.now = time.Duration(r.T * float64(time.Second))
		if len(alive(slices.Clone(r.Conns))) == len(r.Conns) {
			d.Tick(d.now, 1000)
		}
		if r.Pkt == "" {
			continue
		}
		d.recorded(t, r)
		if r.Conns != nil {
			d.compare(t, i+1, r.Conns)
		}
		if r.D != nil {
			d.compareCounts(t, i+1, r.D)
		}
	}
}

// recorded sends the packet "tcp 192.0.2.10:4000>198.51.100.1:80 S".
func (d *director) recorded(t *testing.T, r record) {
	f := append(strings.Fields(r.Pkt), "")
	from, to, _ := strings.Cut(f[1], ">")
	src, dst := netip.MustParseAddrPort(from), netip.MustParseAddrPort(to)
	proto := wire.ProtoTCP
	if f[0] == "udp" {
		proto = wire.ProtoUDP
	}
	k := Key{Client: wire.AddrFrom(src.Addr()), ClientPort: src.Port(), Virtual: wire.AddrFrom(dst.Addr()), VirtualPort: dst.Port(), Proto: proto}
	if r.Ev[0] == 'c' {
		d.client(k, chosen(r), dst.Port(), tcpFlags(f[2]))
		return
	}
	k.Client, k.ClientPort, k.Virtual, k.VirtualPort = k.Virtual, k.VirtualPort, k.Client, k.ClientPort
	d.server(k, tcpFlags(f[2]))
}

// chosen is the real server that got the packet.
func chosen(r record) wire.Addr {
	var out []struct{ RS int }
	if json.Unmarshal(r.Out, &out) != nil || len(out) == 0 {
		return addr("203.0.113.1")
	}
	return wire.AddrFrom4([4]byte{203, 0, 113, byte(out[0].RS)})
}

// compare holds the table against lines "TCP client virtual real STATE 60".
func (d *director) compare(t *testing.T, step int, want []string) {
	t.Helper()
	var got []string
	d.Range(func(i *Info) bool {
		proto := map[uint8]string{wire.ProtoTCP: "TCP", wire.ProtoUDP: "UDP"}[i.Proto]
		got = append(got, fmt.Sprintf("%s %v:%d %v:%d %v:%d %s %d", proto, i.Client, i.ClientPort, i.Virtual, i.VirtualPort,
			i.Real, i.RealPort, i.Name(), int(math.Ceil((i.Deadline-d.now).Seconds()))))
		return true
	})
	sort.Strings(got)
	sort.Strings(want)
	if len(got) != len(want) {
		t.Fatalf("step %d: %q, want %q", step, got, want)
	}
	for i := range got {
		if !sameLine(got[i], want[i]) {
			t.Errorf("step %d: %q, want %q", step, got[i], want[i])
		}
	}
}

// sameLine compares two listed connections; the recorded seconds may be one less.
func sameLine(got, want string) bool {
	i, j := strings.LastIndexByte(got, ' '), strings.LastIndexByte(want, ' ')
	g, _ := strconv.Atoi(got[i+1:])
	w, _ := strconv.Atoi(want[j+1:])
	return got[:i] == want[:j] && (g == w || g == w+1)
}

// compareCounts holds the sums over all servers of [server, weight, active,
// inactive].
func (d *director) compareCounts(t *testing.T, step int, rows [][4]int) {
	t.Helper()
	var active, inactive int
	for _, r := range rows {
		active += r[2]
		inactive += r[3]
	}
	if d.active != active || d.inactive != inactive {
		t.Errorf("step %d: %d active %d inactive, want %d and %d", step, d.active, d.inactive, active, inactive)
	}
}

func addr(s string) wire.Addr { return wire.AddrFrom(netip.MustParseAddr(s)) }
