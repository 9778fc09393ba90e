package top

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
)

// wideFrom is the width of terminal from which on columns take more room.
const wideFrom = 110

// column is one column of the table beside the name.
type column struct {
	group string // first line of the header; empty continues the group on its left
	slim  string // group where columns are narrow, if it differs
	head  string // second line
	title string // how the line about sorting calls it
	from  int    // width of terminal from which on it is shown
	width [2]int // narrow, wide
	cell  func(r *Row, wide bool) string
	key   func(r *Row) float64 // to sort by, the largest first; nil if one cannot
}

// columns are all of them from left to right.
var columns = []column{
	{group: "sched/", head: "method", from: wideFrom, width: [2]int{8, 8},
		cell: func(r *Row, _ bool) string { return firstWord(r.How) }},
	{group: " ", slim: "sched/", head: "weight", title: "weight", from: 0, width: [2]int{5, 7}, cell: weightCell,
		key: func(r *Row) float64 { return float64(r.Weight) }},
	{group: "connections", head: "act", title: "active connections", from: 0, width: [2]int{5, 8},
		cell: func(r *Row, _ bool) string { return count(r.Active) }, key: func(r *Row) float64 { return float64(r.Active) }},
	{head: "inact", title: "inactive connections", from: 46, width: [2]int{5, 8},
		cell: func(r *Row, _ bool) string { return count(r.Inact) }, key: func(r *Row) float64 { return float64(r.Inact) }},
	{head: "templates", title: "persistence templates", from: 180, width: [2]int{9, 9},
		cell: func(r *Row, _ bool) string { return count(r.Persist) }, key: func(r *Row) float64 { return float64(r.Persist) }},
	{group: "new connections", head: "/s", title: "new connections/s", from: 0, width: [2]int{5, 7},
		cell: func(r *Row, _ bool) string { return short(r.Conns) }, key: func(r *Row) float64 { return r.Conns }},
	{head: "got", title: "share of new connections", from: 56, width: [2]int{4, 6},
		cell: func(r *Row, _ bool) string { return shareCell(r, r.Share) }, key: func(r *Row) float64 { return r.Share }},
	{head: "due", title: "promised share", from: 56, width: [2]int{4, 7}, cell: dueCell,
		key: func(r *Row) float64 { return r.Promised }},
	{head: "share, | is due", from: 150, width: [2]int{20, 20},
		cell: func(r *Row, _ bool) string { return "" /* bar */ }},
	{group: "packets/s", head: "in", title: "packets in/s", from: 68, width: [2]int{5, 7},
		cell: func(r *Row, _ bool) string { return short(r.InPkts) }, key: func(r *Row) float64 { return r.InPkts }},
	{head: "out", title: "packets out/s", from: 68, width: [2]int{5, 7},
		cell: func(r *Row, _ bool) string { return short(r.OutPkts) }, key: func(r *Row) float64 { return r.OutPkts }},
	{group: "bytes/s", head: "in", title: "bytes in/s", from: 80, width: [2]int{5, 7},
		cell: func(r *Row, _ bool) string { return short(r.InByte) }, key: func(r *Row) float64 { return r.InByte }},
	{head: "out", title: "bytes out/s", from: 80, width: [2]int{5, 7},
		cell: func(r *Row, _ bool) string { return short(r.OutByte) }, key: func(r *Row) float64 { return r.OutByte }},
	{group: "since the start", head: "conns", title: "connections since the start", from: 160, width: [2]int{8, 8},
		cell: func(r *Row, _ bool) string { return count(r.Total.Conns) }, key: func(r *Row) float64 { return float64(r.Total.Conns) }},
	{head: "bytes in", title: "bytes in since the start", from: 180, width: [2]int{8, 8},
		cell: func(r *Row, _ bool) string { return count(r.Total.InBytes) }, key: func(r *Row) float64 { return float64(r.Total.InBytes) }},
	{head: "out", title: "bytes out since the start", from: 180, width: [2]int{8, 8},
		cell: func(r *Row, _ bool) string { return count(r.Total.OutBytes) }, key: func(r *Row) float64 { return float64(r.Total.OutBytes) }},
}

// weightCell is the scheduler of a service where it has no column of its own.
func weightCell(r *Row, wide bool) string {
	if !r.Server && !wide {
		return firstWord(r.How)
	}
	return strconv.Itoa(r.Weight)
}

func firstWord(s string) string {
	word, _, _ := strings.Cut(s, " ")
	return word
}

// shareCell leaves the shares of a service empty: it has all.
func shareCell(r *Row, share float64) string {
	if !r.Server {
		return ""
	}
	return percent(share)
}

// dueCell names why a server gets nothing new.
func dueCell(r *Row, wide bool) string {
	switch {
	case r.Note == "":
		return shareCell(r, r.Promised)
	case r.Note == drained && !wide:
		return "off"
	}
	return r.Note
}

// layout is which columns a width of terminal has room for.
type layout struct {
	wide    bool
	name    int // width of the name
	columns []column
}

// Widths of the name's column.
const (
	minName = 8
	maxName = 46
)

// layoutOf chooses the columns. What is left is the name's, up to maxName.
func layoutOf(width int) layout {
	l := layout{wide: width >= wideFrom, name: width}
	for _, c := range columns {
		if need := l.width(&c) + 1; width >= c.from && l.name-need >= minName {
			l.columns = append(l.columns, c)
			l.name -= need
		}
	}
	l.name = min(l.name, maxName)
	return l
}

func (l *layout) width(c *column) int {
	if l.wide {
		return c.width[1]
	}
	return c.width[0]
}

// header is the two lines above the table. A group's name stands over its
// columns, at the right.
func (l *layout) header(name string) (groups, heads string) {
	groups, heads = strings.Repeat(" ", l.name), fit(name, l.name)
	for i := 0; i < len(l.columns); {
		end := i + 1
		for end < len(l.columns) && l.columns[end].group == "" {
			end++
		}
		room := 0
		for _, c := range l.columns[i:end] {
			room += l.width(&c) + 1
			heads = ending(heads, c.head, l.width(&c)+1)
		}
		group := l.columns[i].group
		if slim := l.columns[i].slim; slim != "" && !l.wide {
			group = slim
		}
		groups = ending(groups, group, room)
		i = end
	}
	return groups, heads
}

// ending is line and n more columns that end with word, whose beginning may
// reach into blanks of line. Without room the word is shortened or left out.
func ending(line, word string, n int) string {
	all := line + strings.Repeat(" ", n)
	at := len(all) - len(word)
	if at >= len(line) {
		return all[:at] + word
	}
	if at < 0 || strings.TrimSpace(all[max(at-1, 0):len(line)]) != "" {
		if word, _, _ = strings.Cut(word, " "); len(word) >= n {
			word = ""
		}
		return line + right(word, n)
	}
	return all[:at] + word
}

// line is a row of the table, exactly l.total() wide.
func (l *layout) line(r *Row, scale float64) string {
	name := r.Name
	if r.Server {
		name = "  " + name
	}
	var b strings.Builder
	b.WriteString(fit(name, l.name))
	for _, c := range l.columns {
		text := c.cell(r, l.wide)
		if c.width[0] == barWidth && r.Server {
			text = bar(r.Share, r.Promised, scale, barWidth)
		}
		b.WriteByte(' ')
		b.WriteString(right(text, l.width(&c)))
	}
	return b.String()
}

// barWidth is the width of the one column that is a bar.
const barWidth = 20

// bar draws a share of scale in n columns, with a mark at what is promised.
func bar(share, promised, scale float64, n int) string {
	if scale == 0 || math.IsNaN(scale) {
		return strings.Repeat(" ", n)
	}
	at := func(v float64) int {
		if math.IsNaN(v) {
			return 0
		}
		return min(int(math.Round(v/scale*float64(n-1))), n-1)
	}
	b := []byte(strings.Repeat("#", at(share)) + strings.Repeat(" ", n-at(share)))
	if promised > 0 {
		b[at(promised)] = '|'
	}
	return string(b)
}

// scaleOf is the largest share of a service's servers, which fills a bar.
func scaleOf(rows []Row) (most float64) {
	for i := range rows {
		for _, v := range []float64{rows[i].Share, rows[i].Promised} {
			if v > most { // not NaN
				most = v
			}
		}
	}
	return most
}

// order is how rows are sorted: by a column, or as the daemon has them.
type order struct {
	by      int // index in columns; -1 by none
	reverse bool
}

// next is the order after o among the columns that can be sorted by, or the
// one before it.
func (o order) next(step int) order {
	for {
		if o.by += step; o.by < -1 {
			o.by = len(columns) - 1
		} else if o.by == len(columns) {
			o.by = -1
		}
		if o.by < 0 || columns[o.by].key != nil {
			return order{by: o.by}
		}
	}
}

// String says it in words.
func (o order) String() string {
	switch {
	case o.by < 0 && o.reverse:
		return "in reverse order"
	case o.by < 0:
		return ""
	case o.reverse:
		return "by " + columns[o.by].title + ", smallest first"
	}
	return "by " + columns[o.by].title
}

// sorted returns the services in order, each with its servers in order.
func (o order) sorted(all []Service) []Service {
	list := slices.Clone(all)
	for i := range list {
		list[i].Servers = slices.Clone(list[i].Servers)
		arrange(o, list[i].Servers, func(r *Row) *Row { return r })
	}
	arrange(o, list, func(s *Service) *Row { return &s.Row })
	return list
}

// arrange sorts list by o; what cannot be told comes last.
func arrange[T any](o order, list []T, row func(*T) *Row) {
	if o.by >= 0 {
		key := func(v *T) float64 {
			if k := columns[o.by].key(row(v)); !math.IsNaN(k) {
				return k
			}
			return -1
		}
		slices.SortStableFunc(list, func(a, b T) int { return cmp.Compare(key(&b), key(&a)) })
	}
	if o.reverse {
		slices.Reverse(list)
	}
}
