package main

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"ulvs/control/api"
	"ulvs/top"
)

// twice answers with the next of its counts, and with the last again and again.
type twice struct {
	top.Source
	answers []api.Reasons
}

func (s *twice) Reasons(context.Context) (r api.Reasons, _ error) {
	if r = s.answers[0]; len(s.answers) > 1 {
		s.answers = s.answers[1:]
	}
	return r, nil
}

// TestReasonsTable: the busiest first, then by count and name; what is lost in
// red, where there are colours; each with what to do, unless brief.
func TestReasonsTable(t *testing.T) {
	before := api.Reasons{"passed-arp": 2, "forwarded-dr": 10, "answered-arp": 2}
	now := api.Reasons{"passed-arp": 2, "forwarded-dr": 10, "answered-arp": 2, "dropped-no-route": 5, "new\x1b[2J": 1}
	for _, c := range []struct {
		name         string
		before, list api.Reasons
		brief        bool
		want         string
	}{
		{"one look", nil, before, true, "" +
			"    RATE/S          COUNT  REASON                           VERDICT   MEANING\n" +
			"         -             10  forwarded-dr                     forwarded client packet sent to a real server's MAC\n" +
			"         -              2  answered-arp                     answered  ARP request for a VIP that is not the host's\n" +
			"         -              2  passed-arp                       passed    ARP for the host's own stack\n"},
		{"two looks", before, now, true, "" +
			"    RATE/S          COUNT  REASON                           VERDICT   MEANING\n" +
			"\x1b[31m       2.5              5  dropped-no-route                 dropped   no route to the real server or client, or no address of our own there\x1b[m\n" +
			"       0.5              1  new?[2J\n" +
			"       0.0             10  forwarded-dr                     forwarded client packet sent to a real server's MAC\n" +
			"       0.0              2  answered-arp                     answered  ARP request for a VIP that is not the host's\n" +
			"       0.0              2  passed-arp                       passed    ARP for the host's own stack\n"},
		{"a daemon started anew, and what to do", api.Reasons{"passed-arp": 3}, api.Reasons{"passed-arp": 2}, false, "" +
			"    RATE/S          COUNT  REASON                           VERDICT   MEANING\n" +
			"         -              2  passed-arp                       passed    ARP for the host's own stack\n" +
			"                            nothing to do: the host answers for its own addresses\n"},
	} {
		if got := reasonsText(top.Reasons(c.before, c.list, 2*time.Second, false), c.brief); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
}

// TestReasonsJSON: the schema, which scripts read, with and without rates; with
// all, everything that there is.
func TestReasonsJSON(t *testing.T) {
	for _, c := range []struct {
		name string
		view reasonsView
		want string
	}{
		{"counts alone", reasonsView{asJSON: true}, `{"version":1,"reasons":[{"name":"passed-arp","verdict":"passed",` +
			`"meaning":"ARP for the host's own stack","hint":"nothing to do: the host answers for its own addresses","count":2}]}`},
		{"rates", reasonsView{asJSON: true, interval: time.Nanosecond}, `"rate":`},
		{"all", reasonsView{asJSON: true, all: true}, `"name":"port-ring-full"`},
	} {
		var b strings.Builder
		source := &twice{answers: []api.Reasons{{"passed-arp": 2}, {"passed-arp": 3}}}
		if err := c.view.run(t.Context(), source, &b); err != nil {
			t.Fatal(err)
		}
		var answer reasonsAnswer
		if err := json.Unmarshal([]byte(b.String()), &answer); err != nil || answer.Version != 1 {
			t.Errorf("%s: %v: %s", c.name, err, b.String())
		}
		flat := strings.NewReplacer("\n", "", "  ", "", `": `, `":`).Replace(b.String())
		if !strings.Contains(flat, c.want) {
			t.Errorf("%s: %s", c.name, flat)
		}
	}
}

// TestReasonsWatch: table after table until it is told to end; piped, each is
// a line of JSON.
func TestReasonsWatch(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	b := &lineWriter{after: 3, do: cancel}
	view := reasonsView{asJSON: true, watch: true, interval: time.Nanosecond}
	if err := view.run(ctx, &twice{answers: []api.Reasons{{"passed-arp": 1}}}, b); err != nil {
		t.Error(err)
	}
	for line := range strings.Lines(b.String()) {
		if !json.Valid([]byte(line)) {
			t.Errorf("%q", line)
		}
	}
}

// lineWriter calls do when so many lines have been written.
type lineWriter struct {
	strings.Builder
	after int
	do    func()
}

func (w *lineWriter) Write(p []byte) (int, error) {
	if w.after -= strings.Count(string(p), "\n"); w.after <= 0 {
		w.do()
	}
	return w.Builder.Write(p)
}

// TestOnScreen: no line is wider than the terminal, and the last is left free.
func TestOnScreen(t *testing.T) {
	got := onScreen("one\n"+bad.Render("seventeen")+"\nthree\nfour\n", 5, 4)
	if want := "\x1b[H\x1b[2Jone\n\x1b[31mseven\x1b[m\nthree\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
