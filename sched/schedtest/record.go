package schedtest

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"ulvs/internal/oracle"
	"ulvs/sched"
	"ulvs/wire"
)

// scenario is one recorded scenario.
type scenario struct {
	Name   string           `json:"name"`
	Setup  []string         `json:"setup"`
	Sysctl map[string]int64 `json:"sysctl"`
	steps  []step
}

// step is one line of a scenario.
type step struct {
	N      int             `json:"n"`
	Time   float64         `json:"t"`  // seconds since the start; absent 0
	Event  string          `json:"ev"` // c:FLAGS, s:FLAGS, c:udp, s:udp, cmd, sleep
	Packet string          `json:"pkt"`
	Cmd    string          `json:"cmd"`
	Out    json.RawMessage `json:"out"`
	Counts []counts        `json:"d"` // after the step; absent if as before
}

// readScenarios returns the scenarios of the recordings whose names match.
func readScenarios(t testing.TB, fsys fs.FS, pattern string) (out []scenario) {
	t.Helper()
	names, err := fs.Glob(fsys, pattern)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if err := oracle.Lines(fsys, name, func(line []byte) (err error) {
			out, err = addLine(out, line)
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	if len(out) == 0 {
		t.Fatalf("no recording matches %s", pattern)
	}
	return out
}

func addLine(out []scenario, line []byte) ([]scenario, error) {
	var kind struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(line, &kind); err != nil {
		return nil, err
	}
	if kind.Type == "header" {
		out = append(out, scenario{})
		return out, json.Unmarshal(line, &out[len(out)-1])
	}
	last := &out[len(out)-1]
	last.steps = append(last.steps, step{})
	return out, json.Unmarshal(line, &last.steps[len(last.steps)-1])
}

// counts is one server as recorded: [number or "number:port", weight, active,
// inactive].
type counts struct{ server, weight, active, inactive int }

// UnmarshalJSON reads the recorded form.
func (c *counts) UnmarshalJSON(b []byte) error {
	var number json.RawMessage
	if err := json.Unmarshal(b, &[]any{&number, &c.weight, &c.active, &c.inactive}); err != nil {
		return err
	}
	name, _, _ := strings.Cut(strings.Trim(string(number), `"`), ":")
	var err error
	c.server, err = strconv.Atoi(name)
	return err
}

// server returns the number of the real server that the packet was forwarded
// to, 0 if it was not.
func (s *step) server() int {
	var name string
	if json.Unmarshal(s.Out, &name) == nil {
		n, _ := strconv.Atoi(strings.TrimPrefix(name, "rs"))
		return n
	}
	var frames []struct {
		To string `json:"to"`
		RS int    `json:"rs"`
	}
	if json.Unmarshal(s.Out, &frames) == nil && len(frames) > 0 && frames[0].To == "rs" {
		return frames[0].RS
	}
	return 0
}

// failed reports whether a command ended with an error.
func (s *step) failed() bool {
	var out struct {
		RC int `json:"rc"`
	}
	return json.Unmarshal(s.Out, &out) != nil || out.RC != 0
}

// flow parses "tcp 192.0.2.1:1000>198.51.100.1:80 S".
func (s *step) flow() (sched.Flow, error) {
	fields := strings.Fields(s.Packet)
	if len(fields) < 2 {
		return sched.Flow{}, fmt.Errorf("step %d: packet %q", s.N, s.Packet)
	}
	from, to, _ := strings.Cut(fields[1], ">")
	client, err := netip.ParseAddrPort(from)
	if err != nil {
		return sched.Flow{}, err
	}
	virtual, err := netip.ParseAddrPort(to)
	return sched.Flow{
		Client: wire.AddrFrom(client.Addr()), ClientPort: client.Port(),
		Virtual: wire.AddrFrom(virtual.Addr()), VirtualPort: virtual.Port(),
		Proto: map[string]uint8{"tcp": wire.ProtoTCP, "udp": wire.ProtoUDP}[fields[0]],
	}, err
}
