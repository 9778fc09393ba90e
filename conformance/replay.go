package conformance

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"ulvs/sched"
)

// player replays one scenario.
type player struct {
	*bench
	scenario *Scenario
	mtu      int           // of the server link
	start    time.Duration // when the first step began
	blurred  bool          // statistics were zeroed while packets were not in them
	counts   json.RawMessage
	label    string       // of the step under way
	number   int          // of the step under way
	diffs    []Difference // of the step under way
	result   Result
	ids      map[uint32]uint32 // of the step under way, by those that the kernel drew
	watch    func(sched.Scheduler) sched.Scheduler
}

// Run replays a scenario on a bench of its own.
func Run(s *Scenario) Result { return newPlayer(s).replay() }

func newPlayer(s *Scenario) *player {
	return &player{scenario: s, mtu: serverMTU(s.Name), result: Result{Group: s.Group, Name: s.Name, Steps: s.Len()}}
}

func (p *player) replay() Result {
	s := p.scenario
	if err := p.begin(); err != nil {
		p.label = "set-up"
		p.differ(setUp, "it succeeds", err.Error())
		p.result.lost(p.diffs)
		return p.result
	}
	for i := range s.Steps {
		p.step(&s.Steps[i])
		p.result.add(p.diffs)
	}
	walk := newWalk(p)
	for i := range s.Cells {
		walk.cell(i+1, &s.Cells[i])
		p.result.add(p.diffs)
	}
	p.result.judge()
	return p.result
}

// serverMTU reads the MTU of the server link off a scenario's name: the header
// does not have it.
func serverMTU(name string) int {
	if _, digits, ok := strings.Cut(name, "-mtu"); ok {
		if n, err := strconv.Atoi(digits); err == nil {
			return n
		}
	}
	return clientMTU
}

// begin sets the bench up and lets the announcements of the virtual addresses
// pass.
func (p *player) begin() (err error) {
	if p.bench, err = newBench(p.mtu, p.watch); err != nil {
		return err
	}
	p.advance(p.now + time.Second)
	for _, name := range slices.Sorted(maps.Keys(p.scenario.Sysctl)) {
		if err := p.set(name, p.scenario.Sysctl[name]); err != nil {
			return err
		}
	}
	for _, line := range p.scenario.Setup {
		if err := p.prepare(line); err != nil {
			return err
		}
	}
	p.advance(p.now + 6*time.Second)
	p.arps, p.start = nil, p.now
	return nil
}

// next begins a step.
func (p *player) next(number int, label string) {
	p.number, p.label, p.diffs, p.ids = number, strings.TrimSpace(label), nil, nil
}

// differ notes a difference of the step under way.
func (p *player) differ(a Aspect, expected, got string) {
	p.diffs = append(p.diffs, Difference{
		Group: p.scenario.Group, Scenario: p.scenario.Name, Step: p.number, Event: p.label,
		Aspect: a, Expected: expected, Got: got,
	})
}

// step does one step and compares.
func (p *player) step(s *Step) {
	p.next(s.N, s.Label())
	p.pass(s.T)
	switch {
	case s.Cmd != "":
		p.command(s)
	case s.Hex != "":
		p.bytes(s)
	case s.Pkt != "":
		p.packet(s)
	case s.Ev == "arp":
		p.arp(s)
	case s.Ev == "sleep":
	default:
		p.differ(setUp, "a packet, command or pause", fmt.Sprintf("event %q is not understood", s.Ev))
	}
	p.compareCounts(s)
	if s.Conns != nil {
		p.afterDue(func() { p.compareConns(s.Conns) })
	}
}

// longest is how long a recording may last.
const longest = 365 * 24 * time.Hour

// pass lets time pass until a step: t seconds since the start, or a
// millisecond.
func (p *player) pass(t *float64) {
	to := p.now + time.Millisecond
	if t != nil && (*t < 0 || *t > longest.Seconds()) {
		p.differ(setUp, fmt.Sprintf("a time of 0 to %.0f s", longest.Seconds()), fmt.Sprint(*t))
	} else if t != nil {
		to = p.start + time.Duration(*t*float64(time.Second))
	}
	p.advance(to)
}

// packet replays a described packet.
func (p *player) packet(s *Step) {
	ip, err := craft(s.Ev, s.Pkt)
	if err != nil {
		p.differ(setUp, "a packet that can be made", err.Error())
		return
	}
	side := clientSide
	if strings.HasPrefix(s.Ev, "s:") {
		side = serverSide
	}
	p.compareOut(s.Out.Frames, p.send(side, ip), arrival{side: side, text: s.Pkt, ip: ip})
}

// arp compares the requests seen on the server link since the last look.
func (p *player) arp(s *Step) {
	if want, got := strings.Join(s.Out.Lines, ", "), strings.Join(p.arps, ", "); want != got {
		p.differ(packets, orNothing(want), orNothing(got))
	}
	p.arps = nil
}

func orNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}
