package top

import (
	"context"
	"errors"
	"fmt"
	"time"

	tea "charm.land/bubbletea/v2"

	"ulvs/control/api"
)

// Options are how to watch.
type Options struct {
	Interval time.Duration // between two looks
	Clock    Clock
}

// Watch shows s on the terminal until a key or ctx ends it.
func Watch(ctx context.Context, s Source, o Options) error {
	p := tea.NewProgram(newModel(ctx, s, o), tea.WithContext(ctx), tea.WithoutSignalHandler())
	if _, err := p.Run(); err != nil && !(errors.Is(err, tea.ErrProgramKilled) && ctx.Err() != nil) {
		return fmt.Errorf("show on the terminal: %w", err)
	}
	return nil
}

// model is the program as bubbletea drives it.
type model struct {
	ui
	ctx         context.Context
	source      Source
	clock       Clock
	first, last *Look // of this daemon; nil before any
}

// looked is the end of a look.
type looked struct {
	look *Look
	err  error
}

// due asks for the next look.
type due struct{}

func newModel(ctx context.Context, s Source, o Options) *model {
	return &model{ui: newUI(o.Interval), ctx: ctx, source: s, clock: o.Clock}
}

// Init takes the first look.
func (m *model) Init() tea.Cmd { return m.look }

// look takes a look; it runs beside the program.
func (m *model) look() tea.Msg {
	l, err := Take(m.ctx, m.source, m.clock)
	return looked{l, err}
}

// Update takes over one message.
func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
		m.follow()
	case tea.KeyPressMsg:
		if key := msg.String(); key == "ctrl+c" || key == "q" && !m.typing {
			return m, tea.Quit
		}
		m.press(msg.String(), msg.Text)
	case due:
		return m, m.look
	case looked:
		m.take(msg)
		return m, tea.Tick(m.wait(), func(time.Time) tea.Msg { return due{} })
	}
	return m, nil
}

// soon is how long after the first look the second follows, so that there are
// rates at once.
const soon = time.Second

// wait is the time to the next look.
func (m *model) wait() time.Duration {
	if m.first == m.last {
		return min(m.interval, soon)
	}
	return m.interval
}

// take makes the table of a new look. While it is frozen the picture stays, and
// what is missed counts for the shares only.
func (m *model) take(l looked) {
	if l.err != nil {
		m.absent = errors.Is(l.err, &api.Error{Code: api.Unreachable})
		m.trouble, m.table, m.whole, m.first, m.last = l.err.Error(), nil, nil, nil, nil
		return
	}
	m.trouble = ""
	t := Between(m.last, l.look)
	if t.Took == 0 { // the first of this daemon
		m.first = l.look
	}
	m.last = l.look
	if m.frozen && m.table != nil {
		return
	}
	m.table, m.whole = t, Between(m.first, l.look)
	m.follow()
}

// View draws the screen.
func (m *model) View() tea.View {
	v := tea.NewView(m.render())
	v.AltScreen = true
	v.WindowTitle = "ulvs top"
	return v
}
