package top

import (
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"
	"pgregory.net/rapid"

	"ulvs/control/api"
)

var update = flag.Bool("update", false, "write the golden views in testdata")

// player is a model in a terminal without a terminal: it takes what is typed
// and looks when it is told to.
type player struct {
	t interface{ Fatalf(string, ...any) }
	*model
}

// play starts a model on a source, as wide and high as given.
func play(t interface{ Fatalf(string, ...any) }, f *fake, width, height int) *player {
	m := newModel(context.Background(), f, Options{Interval: time.Second})
	m.clock = func() time.Duration { return 0 }
	p := &player{t, m}
	p.Update(tea.WindowSizeMsg{Width: width, Height: height})
	return p
}

// sees takes over looks as if time had passed.
func (p *player) sees(looks ...*Look) *player {
	for _, l := range looks {
		p.Update(looked{look: l})
	}
	return p
}

// keys types: names of keys, or single letters.
func (p *player) keys(names ...string) *player {
	special := map[string]tea.KeyPressMsg{"enter": {Code: tea.KeyEnter}, "esc": {Code: tea.KeyEscape}, "up": {Code: tea.KeyUp},
		"down": {Code: tea.KeyDown}, "space": {Code: tea.KeySpace, Text: " "}, "end": {Code: tea.KeyEnd}, "home": {Code: tea.KeyHome},
		"pgdown": {Code: tea.KeyPgDown}, "pgup": {Code: tea.KeyPgUp}, "backspace": {Code: tea.KeyBackspace}}
	for _, n := range names {
		msg, ok := special[n]
		if !ok {
			msg = tea.KeyPressMsg{Code: []rune(n)[0], Text: n}
		}
		p.Update(msg)
	}
	return p
}

// text is what the terminal shows, without colours.
func (p *player) text() string { return ansi.Strip(p.View().Content) }

// TestViews compares whole screens with testdata; -update writes them.
func TestViews(t *testing.T) {
	before, now := busy()
	for _, c := range []struct {
		name          string
		width, height int
		keys          []string
	}{
		{"list-80x24", 80, 24, nil},
		{"list-200x50", 200, 50, nil},
		{"list-40x12", 40, 12, nil},
		{"service-80x24", 80, 24, []string{"enter"}},
		{"service-200x50", 200, 50, []string{"enter"}},
		{"reasons-80x24", 80, 24, []string{"w", "down", "down"}},
		{"reasons-200x50", 200, 50, []string{"w"}},
		{"help-80x24", 80, 24, []string{"?"}},
		{"sorted-80x24", 80, 24, []string{"s", "s"}},
		{"filtered-80x24", 80, 24, []string{"/", "w", "l", "c", "enter"}},
		{"folded-80x24", 80, 24, []string{"c"}},
	} {
		got := play(t, nil, c.width, c.height).sees(before, now).keys(c.keys...).text()
		compare(t, c.name, got)
	}
	compare(t, "plain", plain(Between(before, now)))
	compare(t, "empty-80x24", play(t, nil, 80, 24).sees(lookAt(0), lookAt(time.Second)).text())
	gone := play(t, nil, 80, 24).sees(before, now)
	gone.Update(looked{err: api.Errorf(api.Unreachable, "no daemon answers at /run/ulvs/x.sock: connection refused")})
	compare(t, "gone-80x24", gone.text())
	compare(t, "many-80x24", play(t, nil, 80, 24).sees(many(0, 300), many(time.Second, 300)).keys("end").text())
}

// compare holds a text against testdata/NAME.txt. Blanks at the ends of lines,
// which nobody sees, do not count.
func compare(t *testing.T, name, got string) {
	t.Helper()
	var b strings.Builder
	for line := range strings.Lines(got + "\n") {
		b.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	path := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("%s:\n%s\nwant\n%s", name, b.String(), want)
	}
}

// TestFits: whatever is typed at whatever size, the screen is filled and no line
// is wider than it.
func TestFits(t *testing.T) {
	before, now := busy()
	rapid.Check(t, func(t *rapid.T) {
		width, height := rapid.IntRange(1, 250).Draw(t, "width"), rapid.IntRange(1, 60).Draw(t, "height")
		p := play(t, nil, width, height)
		if rapid.Bool().Draw(t, "many") {
			p.sees(many(0, 40), many(time.Second, 40))
		} else {
			p.sees(before, now)
		}
		for range rapid.IntRange(0, 12).Draw(t, "keys") {
			p.keys(rapid.SampledFrom([]string{"up", "down", "end", "home", "pgdown", "pgup", "enter", "esc", "s", "S", "r", "/", "1", "8",
				"c", "space", "w", "?", "backspace"}).Draw(t, "key"))
			if rapid.IntRange(0, 5).Draw(t, "resize") == 0 {
				width, height = rapid.IntRange(1, 250).Draw(t, "width"), rapid.IntRange(1, 60).Draw(t, "height")
				p.Update(tea.WindowSizeMsg{Width: width, Height: height})
			}
		}
		lines := strings.Split(p.View().Content, "\n")
		if len(lines) != height {
			t.Fatalf("%d lines in %d:\n%s", len(lines), height, p.text())
		}
		for _, l := range lines {
			if w := lipgloss.Width(l); w > width {
				t.Fatalf("line of %d columns in %d: %q", w, width, l)
			}
		}
	})
}

// TestKeys: what the keys do, by what is then seen.
func TestKeys(t *testing.T) {
	before, now := busy()
	later := lookAt(4*time.Second, tcpService("198.51.100.7", 80, "rr"))
	for _, c := range []struct {
		name    string
		keys    []string
		with    string // what the screen then shows
		without string // and what not
	}{
		{"enter on a server shows its service", []string{"down", "down", "enter"}, "SHARES of 120", "forwarded-nat"},
		{"esc goes back", []string{"enter", "esc"}, "3 services", "SHARES"},
		{"the cursor stays on its row when the order changes", []string{"end", "enter", "esc", "s", "enter"}, "ulvs top   mark 7", ""},
		{"the smallest first", []string{"s", "r"}, "by weight, smallest first", ""},
		{"q is a letter while one types", []string{"/", "q"}, "filter: q_", "203.0.113.13"},
		{"backspace", []string{"/", "q", "q", "backspace", "backspace", "enter"}, "203.0.113.13", "only"},
		{"esc takes the filter off", []string{"/", "w", "l", "c", "enter", "esc"}, "mark 7", "only"},
		{"a filter that nothing has", []string{"/", "x", "y", "enter"}, `No name, scheduler or method has "xy" in it`, "mark 7"},
		{"reasons can be filtered", []string{"w", "/", "d", "r", "o", "p", "enter"}, "dropped-no-route", "forwarded-nat"},
		{"help and back", []string{"w", "?", "?"}, "the busiest first", "quit the"},
		{"fold", []string{"c"}, "tcp 198.51.100.1:80", "203.0.113.13"},
		{"a name that is cut is shown whole", []string{"down", "down", "down", "down", "down", "down", "down"}, "[2001:db8:1234:5678:9abc:def0:1234:5678]:80 nat", ""},
	} {
		got := play(t, nil, 80, 24).sees(before, now).keys(c.keys...).text()
		if !strings.Contains(got, c.with) || c.without != "" && strings.Contains(got, c.without) {
			t.Errorf("%s: want %q and not %q:\n%s", c.name, c.with, c.without, got)
		}
	}
	frozen := play(t, nil, 80, 24).sees(before, now).keys("space").sees(later)
	if got := frozen.text(); !strings.Contains(got, "FROZEN") || !strings.Contains(got, "203.0.113.13") {
		t.Errorf("frozen:\n%s", got)
	}
	if got := frozen.keys("space").sees(later).text(); !strings.Contains(got, "198.51.100.7") || strings.Contains(got, "FROZEN") {
		t.Errorf("going on:\n%s", got)
	}
	if got := play(t, nil, 80, 24).sees(before, now).keys("enter").sees(later).text(); !strings.Contains(got, "The service has been deleted") {
		t.Errorf("deleted:\n%s", got)
	}
}

// TestLooking: the model asks, waits, asks again, also while no daemon answers,
// and ends with q.
func TestLooking(t *testing.T) {
	before, now := busy()
	f := &fake{looks: []*Look{before, now}}
	p := play(t, f, 80, 24)
	times := []time.Duration{0, 2 * time.Second, 3 * time.Second}
	p.clock = func() time.Duration { at := times[0]; times = times[1:]; return at }
	next := func(cmd tea.Cmd) tea.Cmd {
		_, then := p.Update(cmd())
		return then
	}
	if next(p.Init()) == nil || p.table == nil || !strings.Contains(p.text(), "up 1m30s") {
		t.Fatalf("after the first look:\n%s", p.text())
	}
	_, look := p.Update(due{})
	if next(look) == nil || p.table.Took != 2*time.Second {
		t.Fatalf("after the second look:\n%s", p.text())
	}
	f.err = errors.New("no daemon answers")
	if next(look) == nil || !strings.Contains(p.text(), "Asking again") {
		t.Errorf("without a daemon:\n%s", p.text())
	}
	f.err = nil
	if next(look); p.table == nil || p.table.Took != 0 {
		t.Errorf("with a daemon again:\n%s", p.text())
	}
	if _, quit := p.Update(tea.KeyPressMsg{Code: 'q', Text: "q"}); quit == nil || quit() != tea.Quit() {
		t.Error("q does not end it")
	}
}

// TestPlain: as many tables as asked for, and the daemon's error.
func TestPlain(t *testing.T) {
	before, now := busy()
	at := time.Duration(0)
	o := Options{Interval: time.Nanosecond, Clock: func() time.Duration { at += 2 * time.Second; return at }}
	var b strings.Builder
	if err := Plain(t.Context(), &b, &fake{looks: []*Look{before, now}}, o, 2); err != nil {
		t.Fatal(err)
	}
	first, second, _ := strings.Cut(b.String(), "\n\nup ")
	if !strings.Contains(first, "203.0.113.13:80") || !strings.Contains(second, "203.0.113.13:80") || strings.Count(b.String(), "SERVICE") != 2 {
		t.Error(b.String())
	}
	if err := Plain(t.Context(), &b, &fake{err: errors.New("gone")}, o, 1); err == nil || err.Error() != "gone" {
		t.Error(err)
	}
}

// BenchmarkFrame: one look and one frame of 500 services with 1,000 servers.
func BenchmarkFrame(b *testing.B) {
	before, now := many(0, 500), many(time.Second, 500)
	p := play(b, nil, 200, 50).sees(before)
	for b.Loop() {
		p.sees(now, before).keys("down").View()
	}
}
