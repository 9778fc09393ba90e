package lesson

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"runtime"
	"strings"
	"time"

	"ulvs/control"
	"ulvs/lab"
	"ulvs/wire"
)

// patience is how long a step may wait for what should be there at once.
const patience = 5 * time.Second

// Stage is where a lesson is played: its lab, its page, and what was
// predicted. Not safe for concurrent use.
type Stage struct {
	*lab.Lab
	ctx    context.Context
	lesson *Lesson
	page   page
	reader *reader // asks whoever reads; nil if nobody does

	tap             *lab.Tap
	api             *control.Client
	process         *lab.Process // the director's, if it was started and not by ipvsadm
	shells          *shells
	port            uint16       // of the client's last connection
	open            int          // connections through the director that are open
	count           int          // of predictions
	wrong           int          // of those that did not hold
	marking         bool         // an exercise: the table may be as nobody thought
	err             error        // why the lesson ended early
	sourceAddresses []netip.Addr // what clients has returned
}

// firstPort is the client's port before the first connection.
const firstPort = 40000

// perform calls play and returns why it has ended early, if it has.
func (s *Stage) perform(play func(*Stage)) error {
	done := make(chan struct{})
	go func() {
		defer close(done)
		play(s)
	}()
	<-done
	return s.err
}

// must ends the lesson on an error. It is called by the lesson's own goroutine
// only.
func (s *Stage) must(err error) {
	if err == nil {
		err = s.ctx.Err()
	}
	if err != nil {
		s.err = errors.Join(s.err, err)
		runtime.Goexit()
	}
}

// Part begins a part.
func (s *Stage) Part(title string) { s.page.part(title) }

// Say prints paragraphs.
func (s *Stage) Say(text string) { s.page.say(text) }

// Run types a line at a host's prompt and shows it with what it prints. It has
// to work.
func (s *Stage) Run(host, line string) string {
	out, err := s.shells.run(s.ctx, s.Host(host), line)
	s.page.command(host, line, out)
	s.must(err)
	return out
}

// Fails types a line that has to fail.
func (s *Stage) Fails(host, line string) string {
	out, err := s.shells.run(s.ctx, s.Host(host), line)
	s.page.command(host, line, out)
	if err == nil {
		s.must(fmt.Errorf("%s: %s: it worked", host, line))
	}
	return out
}

// quietly is Run without showing it: what is no part of the story.
func (s *Stage) quietly(host, line string) string {
	out, err := s.shells.run(s.ctx, s.Host(host), line)
	s.must(err)
	return out
}

// StartDirector types ulvs run with args.
func (s *Stage) StartDirector(args ...string) {
	line := "ulvs run"
	for _, a := range args {
		line += " " + a
	}
	s.page.command("director", line, "")
	p, err := s.Lab.StartDirector(s.ctx, args...)
	s.must(err)
	s.process = p
}

// Watch calls do and returns the packets that passed meanwhile, up to the
// first after which enough have: those that p chooses, n of them. Fewer are no
// error: a prediction says what was to be seen. A packet that was sent again
// and looks the same is there once.
func (s *Stage) Watch(p Pick, n int, do func()) []Hop { return s.watchFor(patience, p, n, do) }

// watchFor is Watch with a time of its own, for packets that shall not come.
func (s *Stage) watchFor(limit time.Duration, p Pick, n int, do func()) []Hop {
	_, err := s.tap.Read() // what was before
	s.must(err)
	do()
	frames, err := s.tap.Until(limit, func(all []lab.Frame) bool { return len(seen(all, p)) >= n })
	s.must(err)
	return seen(frames, p)
}

// seen is what p chooses of frames, without repetitions.
func seen(frames []lab.Frame, p Pick) (hops []Hop) {
	rows := map[string]bool{}
	for _, f := range frames {
		if h, ok := decode(f); ok && p(&h) && !rows[h.row()] {
			rows[h.row()] = true
			hops = append(hops, h)
		}
	}
	return hops
}

// Show prints packets at every place they passed.
func (s *Stage) Show(hops []Hop) { s.page.packets(hops) }

// Prediction is what will be seen, said before.
type Prediction struct {
	s    *Stage
	n    int
	text string
}

// Predict says what will be seen. Whoever reads gets time to think.
func (s *Stage) Predict(text string) *Prediction {
	s.count++
	s.page.predict(s.count, text)
	s.reader.pause(s.ctx)
	s.must(nil)
	return &Prediction{s, s.count, text}
}

// Check says whether it was seen, and what was.
func (p *Prediction) Check(ok bool, seen string, args ...any) {
	if !ok {
		p.s.wrong++
	}
	p.s.page.checked(p.n, ok, fmt.Sprintf(seen, args...))
}

// Mark is one mark of an exercise.
func (s *Stage) Mark(ok bool, what string, args ...any) {
	s.count++
	(&Prediction{s: s, n: s.count}).Check(ok, what, args...)
}

// Diagnose has ulvs doctor name the fault, while it is there.
func (s *Stage) Diagnose() {
	finding := s.lesson.Finding
	p := s.Predict(fmt.Sprintf("ulvs doctor, which looks at the director and asks around, names the fault: %s.", finding))
	out, _ := s.shells.run(s.ctx, s.Director, "ulvs doctor") // which fails, as there is something wrong
	found := firstFinding(out, finding)
	s.page.command("director", "ulvs doctor", "...\n"+steady(found)+"...\n")
	p.Check(found != "", "doctor has found %s", finding)
}

// steady replaces what is different each time: times that doctor has measured,
// and the socket, which is named by the network namespace.
func steady(printed string) string {
	printed = stopwatch.ReplaceAllString(printed, "N ms")
	return socket.ReplaceAllString(printed, "SOCKET")
}

var (
	stopwatch = regexp.MustCompile(`[0-9.]+ ms\b`)
	socket    = regexp.MustCompile(`/\S+/[0-9]+\.sock`)
)

// firstFinding is the first finding of that name in what doctor has printed, with
// the evidence and the fix below it.
func firstFinding(printed, name string) (found string) {
	for line := range strings.Lines(printed) {
		begins := line[0] != ' '
		switch {
		case found == "" && begins && strings.Contains(line, " "+name+" "), found != "" && !begins:
			found += line
		case found != "":
			return found
		}
	}
	return found
}

// mac is the MAC of a host's first interface.
func (s *Stage) mac(host string) wire.MAC { return s.macOf(host, 0) }

// macOf is the MAC of a host's interface.
func (s *Stage) macOf(host string, link int) (m wire.MAC) {
	var b [6]int
	_, err := fmt.Sscanf(s.Host(host).Interfaces[link].MAC, "%x:%x:%x:%x:%x:%x", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5])
	s.must(err)
	for i := range b {
		m[i] = byte(b[i])
	}
	return m
}

// address is a host's first address.
func (s *Stage) address(host string) netip.Addr { return s.Host(host).Addr() }
