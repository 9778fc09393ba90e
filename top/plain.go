package top

import (
	"context"
	"fmt"
	"io"
	"math"
	"strings"
	"time"
)

// plainReasons is how many reasons a plain table ends with.
const plainReasons = 10

// Plain writes n tables to w, each of one interval, with an empty line between
// them. It ends with ctx, or with the first error.
func Plain(ctx context.Context, w io.Writer, s Source, o Options, n int) error {
	before, err := Take(ctx, s, o.Clock)
	if err != nil {
		return err
	}
	tick := time.NewTicker(o.Interval)
	defer tick.Stop()
	for i := range n {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		now, err := Take(ctx, s, o.Clock)
		if ctx.Err() != nil {
			return nil
		} else if err != nil {
			return err
		}
		text := plain(Between(before, now))
		if i > 0 {
			text = "\n" + text
		}
		if _, err := io.WriteString(w, text); err != nil {
			return fmt.Errorf("write: %w", err)
		}
		before = now
	}
	return nil
}

// plain is a table as text: names whole, columns as wide as they need be, one
// row a line.
func plain(t *Table) string {
	var b strings.Builder
	fmt.Fprintf(&b, "up %s   table %s of %s connections   rates of %s\n", ago(t.Info.Uptime), grouped(uint64(t.Info.Connections)),
		grouped(uint64(t.Info.Capacity)), t.Took.Round(time.Millisecond))
	fmt.Fprintln(&b, ratesLine(&t.Total))
	b.WriteByte('\n')
	grid := [][]string{{"SERVICE", "SCHED/METHOD", "WEIGHT", "ACTIVE", "INACTIVE", "NEW/S", "GOT", "DUE", "PKTS-IN/S", "PKTS-OUT/S", "BYTES-IN/S", "BYTES-OUT/S"}}
	for i := range t.Services {
		s := &t.Services[i]
		grid = append(grid, plainRow(&s.Row))
		for j := range s.Servers {
			grid = append(grid, plainRow(&s.Servers[j]))
		}
	}
	if len(t.Services) == 0 {
		grid = [][]string{{"There is no virtual service."}}
	}
	align(&b, grid)
	fmt.Fprintf(&b, "\n%10s %14s  %s\n", "PACKETS/S", "SINCE START", "REASON")
	for _, r := range topReasons(t.Reasons, plainReasons) {
		rate := unknown
		if r.Rate != nil {
			rate = short(*r.Rate)
		}
		fmt.Fprintf(&b, "%10s %14d  %-24s %s\n", rate, r.Count, Clean(r.Name), r.Meaning)
	}
	return b.String()
}

func plainRow(r *Row) []string {
	name, got, promise := r.Name, unknown, unknown
	if r.Server {
		name, got, promise = "  "+r.Name, percent(r.Share), percent(r.Promised)
		if r.Note != "" {
			promise = r.Note
		}
	}
	return []string{name, firstWord(r.How), fmt.Sprint(r.Weight), fmt.Sprint(r.Active), fmt.Sprint(r.Inact), decimal(r.Conns), got, promise,
		decimal(r.InPkts), decimal(r.OutPkts), decimal(r.InByte), decimal(r.OutByte)}
}

// decimal is a rate without a unit, so that a program can read it.
func decimal(v float64) string {
	if math.IsNaN(v) {
		return unknown
	}
	return fmt.Sprintf("%.1f", v)
}

// align writes columns as wide as their widest cell: the first two begin, the
// others end at the same place.
func align(b *strings.Builder, grid [][]string) {
	width := make([]int, len(grid[0]))
	for _, row := range grid {
		for i, cell := range row {
			width[i] = max(width[i], len(cell))
		}
	}
	for _, row := range grid {
		var text string
		for i, cell := range row {
			if i < 2 {
				text += fit(cell, width[i]) + " "
			} else {
				text += " " + right(cell, width[i])
			}
		}
		fmt.Fprintln(b, strings.TrimRight(text, " "))
	}
}
