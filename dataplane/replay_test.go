package dataplane_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"ulvs/dataplane/memport"
	"ulvs/service"
	"ulvs/wire"
	"ulvs/wire/wiretest"
)

// notYet are recorded scenarios about what the Director does not do yet.
var notYet = map[string]string{
	"fwm":           "firewall marks",
	"persist-ftp21": "the FTP rule of the service lookup",
}

// TestRecorded replays what the kernel was recorded to do: which server each
// packet went to, what else came out, the counts after each step, and the
// connections with their states and seconds left.
func TestRecorded(t *testing.T) {
	for _, path := range []string{
		"../sched/testdata/oracle/a-rr.jsonl.gz", "../sched/testdata/oracle/a-wrr.jsonl.gz",
		"../sched/testdata/oracle/a-lc.jsonl.gz", "../sched/testdata/oracle/a-wlc.jsonl.gz",
		"testdata/oracle/a-misc.jsonl.gz", "testdata/oracle/b-misc.jsonl.gz",
		"../conntrack/testdata/oracle/b/seq-dr-normal.jsonl.gz", "../conntrack/testdata/oracle/b/seq-dr-rst.jsonl.gz",
		"../conntrack/testdata/oracle/b/seq-nat-client-rst.jsonl.gz", "../conntrack/testdata/oracle/b/seq-nat-normal.jsonl.gz",
		"../conntrack/testdata/oracle/b/seq-nat-refused.jsonl.gz", "../conntrack/testdata/oracle/b/seq-nat-server-closes.jsonl.gz",
		"../conntrack/testdata/oracle/b/seq-nat-syn-retransmit.jsonl.gz", "../conntrack/testdata/oracle/b/seq-tun-normal.jsonl.gz",
		"../conntrack/testdata/oracle/b/timer-refresh.jsonl.gz", "../conntrack/testdata/oracle/b/timer-udp.jsonl.gz",
	} {
		for _, r := range loadRecordings(t, path) {
			if notYet[r.Name] != "" {
				continue
			}
			t.Run(r.Setup[0][strings.Index(r.Setup[0], "-s ")+3:]+"/"+r.Name, func(t *testing.T) { replay(t, r) })
		}
	}
}

// replayer replays one scenario.
type replayer struct {
	*world
	name   string
	start  time.Duration
	counts json.RawMessage // the last that were recorded
}

func replay(t *testing.T, r *recording) {
	x := newKernelWorld(t, 1500)
	for _, line := range r.Setup {
		x.command(line)
	}
	x.settle()
	rp := &replayer{world: x, name: r.Name, start: x.now}
	for i := range r.steps {
		s := &r.steps[i]
		if strings.HasPrefix(s.Pkt, "sctp") || strings.Contains(s.Ev, "truncated") {
			continue
		}
		rp.step(s)
		if t.Failed() {
			t.Fatalf("at step %d, %s %s %s", s.N, s.Ev, s.Pkt, s.Cmd)
		}
	}
}

// step does one step and compares.
func (x *replayer) step(s *recordedStep) {
	x.now += time.Millisecond
	if s.T != 0 {
		x.now = x.start + time.Duration(s.T*float64(time.Second))
	}
	switch {
	case s.Cmd != "":
		x.command(s.Cmd)
		x.settleNow()
	case s.Pkt != "":
		port := 0
		if strings.HasPrefix(s.Ev, "s:") {
			port = 1
		}
		p := packet(x.t, s.Ev, s.Pkt)
		out := x.send(port, p)
		if len(s.Out) > 0 || !lostByKernel[x.name] {
			x.compare(s.Out, out, p, s.Pkt)
		}
	default:
		x.settleNow()
	}
	x.compareCounts(s)
	x.compareConns(s)
}

// lostByKernel are steps at which the kernel lost new DR connections, after an
// edit from NAT to DR, until the server was edited again. ulvs does not.
var lostByKernel = map[string]bool{"edit-nat-to-dr": true}

// settleNow does what is due without letting time pass.
func (x *replayer) settleNow() { x.send(0) }

// compare compares what left with what was recorded. What the recorded host's
// own stack did is left out: ulvs must have passed such a packet on to it.
func (x *replayer) compare(want recordedOut, out [2][]memport.Frame, p *wire.Packet, in string) {
	x.t.Helper()
	var frames []recordedFrame
	for _, w := range want {
		if !x.ownStack(&w, p, in) {
			frames = append(frames, w)
		}
	}
	got := append(append([]memport.Frame(nil), out[1]...), out[0]...)
	if len(got) != len(frames) {
		x.t.Fatalf("%d frames out, recorded %v", len(got), want)
	}
	for i := range got {
		compareFrame(x.t, &frames[i], got[i], i < len(out[1]))
	}
}

// ownStack reports whether a recorded frame is the doing of the kernel's own
// stack: forwarded as it was, a RST, an answer to a ping (the recorded VIPs
// were local), port unreachable where there is no service.
func (x *replayer) ownStack(w *recordedFrame, p *wire.Packet, in string) bool {
	switch {
	case w.To == "client" && strings.HasSuffix(in, strings.TrimSpace(w.Pkt)):
		return true
	case strings.HasPrefix(w.Pkt, "tcp") && w.To == "client" && w.TTL == 64:
		return true
	case strings.Contains(w.Pkt, "type=3 code=3"), strings.Contains(w.Pkt, "type=1 code=4"):
		return x.d.Table().Match(service.Protocol(p.Proto), p.Dst.Netip(), p.DstPort, 0) == nil
	}
	return false
}

// compareFrame compares one frame.
func compareFrame(t testing.TB, want *recordedFrame, got memport.Frame, toServers bool) {
	t.Helper()
	if (want.To == "rs") != toServers {
		t.Fatalf("went to servers: %v, recorded %+v", toServers, *want)
	}
	if toServers && fmt.Sprint(toServer(got)) != fmt.Sprint(want.RS) {
		t.Errorf("went to server %d, recorded %v", toServer(got), want.RS)
	}
	if text := describe(t, got.Data); want.Pkt != "" && text != want.Pkt && text != "tcp "+want.Pkt && text != "udp "+strings.TrimSpace(want.Pkt) {
		t.Errorf("%q left, recorded %q", text, want.Pkt)
	}
	if want.TTL != 0 {
		wiretest.Check(t, got.Data, wiretest.TTL(uint8(want.TTL)))
	}
	if want.BadSum {
		wiretest.Check(t, got.Data, wiretest.BadTransportChecksum())
	} else {
		wiretest.Check(t, got.Data, wiretest.ValidChecksums())
	}
}

// compareCounts compares the counts with the last that were recorded.
func (x *replayer) compareCounts(s *recordedStep) {
	x.t.Helper()
	if s.D != nil {
		x.counts = s.D
	}
	if x.counts == nil || ending(s) {
		return
	}
	got := x.kernelCounts()
	want := map[string][][]any{}
	var one [][]any
	if json.Unmarshal(x.counts, &one) == nil {
		for name := range got { // there is one service, or none is left
			want[name] = one
		}
	} else if err := json.Unmarshal(x.counts, &want); err != nil {
		x.t.Fatal(err)
	}
	for name, w := range want {
		if g, ok := got[name]; ok && !reflect.DeepEqual(g, append([][]any{}, w...)) {
			x.t.Errorf("counts of %s: %v, recorded %v", name, g, w)
		}
	}
}

// ending reports whether a connection was about to be removed: for some
// milliseconds it was still counted.
func ending(s *recordedStep) bool {
	for _, line := range s.Conns {
		if _, left := splitConn(line); left == 0 {
			return true
		}
	}
	return false
}

// compareConns compares the connections. Where the kernel prolongs a template
// (by a minute) ulvs keeps the service's timeout for the next connection.
func (x *replayer) compareConns(s *recordedStep) {
	x.t.Helper()
	if s.Conns == nil {
		return
	}
	got := x.kernelConns()
	for _, line := range s.Conns {
		text, left := splitConn(line)
		have, ok := got[text]
		delete(got, text)
		if left == 0 {
			continue
		}
		template := strings.HasSuffix(text, "NONE") || strings.HasSuffix(text, "ASSURED")
		if !ok || (have < left-1 || have > left+1) && !template {
			x.t.Errorf("connection %q: there %v, %d s left, recorded %d", text, ok, have, left)
		}
	}
	for text, left := range got {
		if left > 0 {
			x.t.Errorf("connection %q is there, was not recorded", text)
		}
	}
}
