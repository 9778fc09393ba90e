package dataplane_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"ulvs/conntrack"
	"ulvs/dataplane/memport"
	"ulvs/wire"
	"ulvs/wire/wiretest"
)

// TestRecordedStates replays every recorded cell of the kernel's state tables
// through the Director: the packets that lead to the state, then the event.
func TestRecordedStates(t *testing.T) {
	for _, name := range []string{"tcp-table-nat", "tcp-table-nat-set", "tcp-table-dr", "udp-table", "udp-table-set", "sctp-table", "sctp-table-sloppy"} {
		for _, r := range loadRecordings(t, "../conntrack/testdata/oracle/b/"+name+".jsonl.gz") {
			t.Run(name, func(t *testing.T) {
				x := newKernelWorld(t, 1500)
				for _, line := range r.Setup {
					x.command(line)
				}
				x.d.SetSloppySCTP(r.Sysctl["sloppy_sctp"] == 1)
				x.settle()
				for i := range r.cells {
					x.d.Conns().RemoveIf(func(*conntrack.Conn) bool { return true })
					x.replayCell(r, &r.cells[i])
				}
			})
		}
	}
}

// replayCell replays one cell.
func (x *world) replayCell(r *recording, c *recordedCell) {
	proto, _, _ := strings.Cut(r.Name, "-")
	l := &life{world: x, proto: proto}
	for _, ev := range c.Path {
		l.do(ev)
	}
	out := l.do(c.Event)
	if state := l.state(c); state != "" {
		x.t.Errorf("%s, path %v, event %s: %s", r.Name, c.Path, c.Event, state)
	}
	l.forwarded(c, out)
}

// life is one connection of a recorded cell.
type life struct {
	*world
	proto  string // "tcp", "udp" or "sctp"
	server int    // that the last client packet went to
}

// do sends the packet of one event, such as "c:FA", "s:SA" or of SCTP "c:1".
func (l *life) do(ev string) (out [2][]memport.Frame) {
	l.now += time.Millisecond
	client, vport := "192.0.2.3:10002", map[string]int{"tcp": 80, "udp": 53, "sctp": 9899}[l.proto]
	from, flags, _ := strings.Cut(ev, ":")
	f := wiretest.Flow{Src: client, Dst: fmt.Sprintf("%s:%d", vip, vport)}
	macs, port := toDirector(), 0
	if from == "s" {
		f = wiretest.Flow{Src: fmt.Sprintf("%s:%d", rsIP(max(l.server, 1)), vport), Dst: client}
		macs, port = wiretest.WithMACs(rsMAC(1), inMAC), 1
	}
	var p *wire.Packet
	switch l.proto {
	case "tcp":
		p = wiretest.TCP(f, flagsOf(flags), nil, macs)
	case "udp":
		p = wiretest.UDP(f, nil, macs)
	case "sctp":
		chunk, _ := strconv.Atoi(flags)
		p = wiretest.SCTP(f, wiretest.Chunk(uint8(chunk), nil), macs)
	}
	out = l.send(port, p)
	if from == "c" && len(out[1]) > 0 {
		l.server = toServer(out[1][0])
	}
	return out
}

// state compares the connection and the counts with the cell, and returns what
// differs.
func (l *life) state(c *recordedCell) string {
	var now []conntrack.Info
	l.d.Conns().Range(func(i *conntrack.Info) bool {
		if i.Deadline > l.now {
			now = append(now, *i)
		}
		return true
	})
	if c.To == nil || len(now) == 0 {
		if c.To != nil || len(now) != 0 {
			return fmt.Sprintf("connections %v, recorded %v", now, c.To)
		}
		return ""
	}
	i := now[0]
	name, _, _ := strings.Cut(*c.To, "+") // then comes what is about to go
	left := int((i.Deadline - l.now + time.Millisecond) / time.Second)
	if i.Name() != name || left < c.Timeout[0] || left > c.Timeout[0]+1 {
		return fmt.Sprintf("%s for %d s, recorded %s for %v", i.Name(), left, *c.To, c.Timeout)
	}
	return l.counted(i)
}

// counted compares the counts of all servers with the connections there are.
func (l *life) counted(i conntrack.Info) string {
	l.now += 20 * time.Millisecond // what was replaced is gone by then
	l.send(0)
	views, _, _ := l.d.Inspect()
	for _, s := range views[0].Servers {
		active, inactive := int32(0), int32(0)
		if wire.AddrFrom(s.Addr) == i.Real {
			if active = 1; !conntrack.Active(i.Proto, i.State) {
				active, inactive = 0, 1
			}
		}
		if s.Active != active || s.Inactive != inactive {
			return fmt.Sprintf("server %v: active %d inactive %d, want %d %d", s.Addr, s.Active, s.Inactive, active, inactive)
		}
	}
	return ""
}

// forwarded compares where the packet of the event went.
func (l *life) forwarded(c *recordedCell, out [2][]memport.Frame) {
	l.t.Helper()
	to := ""
	if len(c.Out) == 1 && (c.Out[0].To == "rs" || c.Out[0].TTL == 0) {
		to = c.Out[0].To
	}
	if (len(out[1]) == 1) != (to == "rs") || (len(out[0]) == 1) != (to == "client") {
		l.t.Errorf("path %v, event %s: %d frames to servers and %d to the client, recorded %v", c.Path, c.Event, len(out[1]), len(out[0]), c.Out)
	}
}
