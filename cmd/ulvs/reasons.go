package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/term"
	"github.com/spf13/cobra"

	"ulvs/control/api"
	"ulvs/top"
)

// reasonsView is what the flags of ulvs reasons ask for.
type reasonsView struct {
	asJSON, all, brief, watch bool
	interval                  time.Duration
}

// reasonsCommand lists what became of packets.
func reasonsCommand() *cobra.Command {
	var socket string
	var v reasonsView
	c := &cobra.Command{
		Use:   "reasons",
		Short: "list what became of packets, by reason: counts, rates, meaning and what to do",
		Long: `Lists every reason that has counted a packet, the busiest first, with its count,
its rate between two looks at the daemon, the verdict, what it means and what to
look at or do. docs/reasons.md has all of them.`,
		Example: `  ulvs reasons --brief
  ulvs reasons --watch --interval 5s
  ulvs reasons --json --interval 0 | jq '.reasons[] | select(.verdict == "dropped")'`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := v.check(); err != nil {
				return usageError{err}
			}
			cl, err := client(socket)
			if err != nil {
				return err
			}
			return v.run(c.Context(), cl, os.Stdout)
		},
	}
	f := c.Flags()
	socketFlag(f, &socket)
	f.BoolVar(&v.asJSON, "json", false, "print JSON; with --watch one object a line")
	f.BoolVar(&v.all, "all", false, "list also the reasons that have counted nothing")
	f.BoolVar(&v.brief, "brief", false, "one line each, without what to do")
	f.BoolVar(&v.watch, "watch", false, "again and again until interrupted")
	f.DurationVar(&v.interval, "interval", time.Second, "time between the two looks that rates are of; 0 for counts alone, at once")
	return c
}

func (v *reasonsView) check() error {
	switch {
	case v.interval < 0 || v.interval > time.Hour:
		return fmt.Errorf("--interval: %s is not from 0 to 1h", v.interval)
	case v.watch && v.interval == 0:
		return errors.New("--interval: --watch needs more than 0")
	}
	return nil
}

// run looks and prints.
func (v *reasonsView) run(ctx context.Context, s top.Source, w io.Writer) error {
	before, err := v.look(ctx, s)
	if err != nil {
		return err
	}
	if v.interval == 0 {
		return v.print(w, before.reasons, nil, 0)
	}
	tick := time.NewTicker(v.interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		now, err := v.look(ctx, s)
		if ctx.Err() != nil {
			return nil
		} else if err != nil {
			return err
		}
		if err := v.print(w, now.reasons, before.reasons, now.at.Sub(before.at)); err != nil || !v.watch {
			return err
		}
		before = now
	}
}

// counts are the reasons at a moment.
type counts struct {
	at      time.Time
	reasons api.Reasons
}

func (v *reasonsView) look(ctx context.Context, s top.Source) (counts, error) {
	r, err := s.Reasons(ctx)
	return counts{time.Now(), r}, err
}

// reasonsAnswer is the JSON of ulvs reasons.
type reasonsAnswer struct {
	Version  int          `json:"version"`
	Interval float64      `json:"intervalSeconds,omitempty"` // between the looks; absent without rates
	Reasons  []top.Reason `json:"reasons"`                   // the busiest first
}

func (v *reasonsView) print(w io.Writer, now, before api.Reasons, took time.Duration) error {
	list := top.Reasons(before, now, took, v.all)
	if v.asJSON {
		answer := reasonsAnswer{api.Version, took.Seconds(), append([]top.Reason{}, list...)}
		if v.watch {
			return json.NewEncoder(w).Encode(answer)
		}
		return printJSON(w, answer)
	}
	text := reasonsText(list, v.brief)
	if v.watch {
		if width, height, err := term.GetSize(os.Stdout.Fd()); err == nil {
			text = onScreen(reasonsText(list, true), width, height)
		} else {
			text += "\n"
		}
	}
	_, err := lipgloss.Fprint(w, text) // without its colours where w shows none
	return err
}

// onScreen makes text replace what a terminal shows, as far as that has room.
func onScreen(text string, width, height int) string {
	b := []string{"\x1b[H\x1b[2J"}
	for line := range strings.Lines(text) {
		if len(b) < height { // the last line is the cursor's
			b = append(b, ansi.Truncate(strings.TrimSuffix(line, "\n"), width, "")+"\n")
		}
	}
	return strings.Join(b, "")
}

// bad marks what was dropped or lost.
var bad = lipgloss.NewStyle().Foreground(lipgloss.Red)

// reasonsText is the table, without hints if brief.
func reasonsText(list []top.Reason, brief bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%10s %14s  %-32s %-9s %s\n", "RATE/S", "COUNT", "REASON", "VERDICT", "MEANING")
	for _, r := range list {
		rate := "-"
		if r.Rate != nil {
			rate = strconv.FormatFloat(*r.Rate, 'f', 1, 64)
		}
		line := fmt.Sprintf("%10s %14d  %-32s %-9s %s", rate, r.Count, top.Clean(r.Name), r.Verdict, r.Meaning)
		if r.Bad() {
			line = bad.Render(line)
		}
		fmt.Fprintln(&b, strings.TrimRight(line, " "))
		if !brief && r.Hint != "" {
			fmt.Fprintf(&b, "%28s%s\n", "", r.Hint)
		}
	}
	return b.String()
}
