package top

import (
	"fmt"
	"strings"
	"time"

	"charm.land/lipgloss/v2"
)

// line is one line of the screen: text as wide as the screen at most, and how
// it is shown.
type line struct {
	text  string
	style lipgloss.Style
}

// Styles use the terminal's own sixteen colours, so that they suit its theme.
var (
	normal = lipgloss.NewStyle()
	title  = lipgloss.NewStyle().Reverse(true).Bold(true)
	heads  = lipgloss.NewStyle().Bold(true)
	rule   = lipgloss.NewStyle().Underline(true).Bold(true)
	strong = lipgloss.NewStyle().Bold(true)
	faint  = lipgloss.NewStyle().Faint(true)
	alarm  = lipgloss.NewStyle().Foreground(lipgloss.Red)
	cursor = lipgloss.NewStyle().Reverse(true)
)

// render is the whole screen: at most u.height lines, none wider than u.width.
func (u *ui) render() string {
	body := u.screen()
	body = body[:min(len(body), u.height)]
	var b strings.Builder
	for i, l := range body {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(l.style.Render(cut(l.text, u.width)))
	}
	return b.String()
}

// screen is the view of the mode, with the keys in its last line.
func (u *ui) screen() []line {
	var all []line
	switch {
	case u.mode == helpMode:
		all = u.help()
	case u.table == nil:
		all = u.waiting()
	case u.mode == reasonsMode:
		all = u.reasonsView()
	case u.mode == serviceMode:
		all = u.serviceView()
	default:
		all = u.listView()
	}
	for len(all) < u.height-1 {
		all = append(all, line{"", normal})
	}
	return append(all[:max(u.height-1, 0)], u.foot())
}

// waiting is shown as long as there is nothing to show.
func (u *ui) waiting() []line {
	all := []line{u.titleLine("ulvs top"), {"", normal}}
	if u.trouble == "" {
		return append(all, line{"  asking the daemon ...", normal})
	}
	for _, text := range wrap(u.trouble, u.width-2) {
		all = append(all, line{"  " + text, alarm})
	}
	again := "  Asking again every " + u.interval.String() + "."
	if u.absent {
		again += " The first ipvsadm command starts a daemon, or: ulvs run"
	}
	return append(all, line{"", normal}, line{again, normal})
}

// wrap breaks a text into lines of n columns.
func wrap(text string, n int) []string {
	return strings.Split(lipgloss.Wrap(Clean(text), max(n, 10), ""), "\n")
}

// titleLine is the first line: what is shown, and how.
func (u *ui) titleLine(what string) line {
	state := "every " + u.interval.String()
	if u.frozen {
		state = "FROZEN, space goes on"
	}
	room := max(u.width-len(state)-3, 0)
	return line{cut(" "+fit(what, room)+" "+state+" ", u.width), title}
}

// listView is all services with what became of packets.
func (u *ui) listView() []line {
	t := u.table
	servers := 0
	for _, s := range t.Services {
		servers += len(s.Servers)
	}
	all := []line{u.titleLine(fmt.Sprintf("ulvs top   %s, %s", plural(len(t.Services), "service"), plural(servers, "server"))),
		{ratesLine(&t.Total), normal}}
	rows, scales := u.rows()
	all = append(all, line{u.about(rows), normal})
	all = append(all, u.tableLines(rows, scales, u.bodyLines())...)
	return append(all, u.reasonsBelow()...)
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// ratesLine is all rates in words.
func ratesLine(r *Rates) string {
	return fmt.Sprintf("new connections/s %s   packets/s in %s out %s   bytes/s in %s out %s",
		short(r.Conns), short(r.InPkts), short(r.OutPkts), short(r.InByte), short(r.OutByte))
}

// about is the line about the row with the cursor, if its name is cut in the
// table; else about the daemon, and what is shown of what there is.
func (u *ui) about(rows []Row) string {
	if l := layoutOf(u.width); u.cursor < len(rows) && rows[u.cursor].Server && len(rows[u.cursor].Name)+2 > l.name {
		return rows[u.cursor].Name + " " + rows[u.cursor].How
	}
	i := u.table.Info
	text := fmt.Sprintf("table %s of %s connections   up %s", grouped(uint64(i.Connections)), grouped(uint64(i.Capacity)), ago(i.Uptime))
	if n := u.bodyLines(); len(rows) > n {
		text += fmt.Sprintf("   rows %d-%d of %d", u.top+1, min(u.top+n, len(rows)), len(rows))
	}
	return text + u.choice()
}

// choice says what is filtered and how it is sorted.
func (u *ui) choice() (text string) {
	if o := u.order.String(); o != "" {
		text += "   " + o
	}
	if u.filter != "" && !u.typing {
		text += "   only \"" + Clean(u.filter) + "\""
	}
	return text
}

// ago is a duration without the digits that nobody reads.
func ago(d time.Duration) string {
	if d >= time.Hour {
		return strings.TrimSuffix(d.Truncate(time.Minute).String(), "0s")
	}
	return d.Truncate(time.Second).String()
}

// tableLines is the header and n lines of rows.
func (u *ui) tableLines(rows []Row, scales []float64, n int) []line {
	l := layoutOf(u.width)
	name := "SERVICE, its servers"
	switch {
	case u.mode == serviceMode:
		name = "  SERVER"
	case u.folded:
		name = "SERVICE"
	}
	above, below := l.header(name)
	all := []line{{above, heads}, {below, rule}}
	for i := u.top; i < min(len(rows), u.top+n); i++ {
		all = append(all, line{l.line(&rows[i], scales[i]), u.rowStyle(&rows[i], i)})
	}
	if len(rows) == 0 {
		all = append(all, line{u.nothing(), normal})
	}
	for len(all) < n+2 {
		all = append(all, line{"", normal})
	}
	return all
}

// nothing says why there is no row.
func (u *ui) nothing() string {
	switch {
	case u.mode == serviceMode && u.shown(u.table) == nil:
		return "  The service has been deleted. esc goes back."
	case u.mode == serviceMode:
		return "  The service has no server. Add one: ipvsadm -a"
	case u.filter != "":
		return "  No name, scheduler or method has \"" + Clean(u.filter) + "\" in it. esc shows all."
	}
	return "  There is no virtual service. Add one: ipvsadm -A -t VIP:PORT -s wlc"
}

func (u *ui) rowStyle(r *Row, i int) lipgloss.Style {
	switch {
	case i == u.cursor:
		return cursor
	case !r.Server:
		return strong
	case r.Note != "":
		return faint
	}
	return normal
}

// reasonsBelow is what became of packets, under the table.
func (u *ui) reasonsBelow() []line {
	n := u.reasonLines()
	if n == 0 {
		return nil
	}
	all := []line{{reasonHeads(u.width, "packets by reason (w: all, with what to do)"), rule}}
	for _, r := range topReasons(u.table.Reasons, n) {
		all = append(all, line{reasonLine(&r, u.width), reasonStyle(&r)})
	}
	return all
}

// reasonHeads is the header of lines by reasonLine.
func reasonHeads(width int, what string) string {
	return right("/s", 6) + right("since start", 15) + "  " + pad(what, width-23)
}

// reasonLine is one reason: rate, count, name and meaning.
func reasonLine(r *Reason, width int) string {
	rate := unknown
	if r.Rate != nil {
		rate = short(*r.Rate)
	}
	name := 24
	if width >= wideFrom {
		name = 36
	}
	return right(rate, 6) + right(grouped(r.Count), 15) + "  " + fit(Clean(r.Name), name) + " " + r.Meaning
}

func reasonStyle(r *Reason) lipgloss.Style {
	if r.Bad() && value(r.Rate) > 0 {
		return alarm
	}
	return normal
}

// reasonsView is all reasons; of the one with the cursor, what to do.
func (u *ui) reasonsView() []line {
	list := u.reasons()
	all := []line{u.titleLine("ulvs top   what became of packets"),
		{reasonHeads(u.width, "reason, the busiest first"+u.only()), rule}}
	n := u.bodyLines()
	for i := u.top; i < min(len(list), u.top+n); i++ {
		style := reasonStyle(&list[i])
		if i == u.cursor {
			style = cursor
		}
		all = append(all, line{pad(cut(reasonLine(&list[i], u.width), u.width), u.width), style})
	}
	for len(all) < n+2 {
		all = append(all, line{"", normal})
	}
	if u.cursor < len(list) {
		r := &list[u.cursor]
		all = append(all, line{r.Name + ": " + r.Meaning, strong})
		for _, text := range wrap(r.Hint, u.width-2) {
			all = append(all, line{"  " + text, normal})
		}
	}
	return all
}

func (u *ui) only() string {
	if u.filter == "" {
		return ""
	}
	return ", only \"" + Clean(u.filter) + "\""
}

// serviceView is one service: its table, and how its shares have come out
// since the view was opened.
func (u *ui) serviceView() []line {
	s := u.shown(u.table)
	if s == nil {
		return append([]line{u.titleLine("ulvs top"), {"", normal}}, line{u.nothing(), normal})
	}
	all := []line{u.titleLine("ulvs top   " + s.Name + "   " + s.How), {ratesLine(&s.Rates), normal},
		{fmt.Sprintf("since the start %s connections, %s bytes in, %s bytes out", grouped(s.Total.Conns),
			count(s.Total.InBytes), count(s.Total.OutBytes)) + u.choice(), normal}}
	rows, scales := u.rows()
	all = append(all, u.tableLines(rows, scales, min(u.bodyLines(), max(len(rows), 1)))...)
	return append(append(all, line{"", normal}), u.shares(rows)...)
}

// shares are bars of the servers that the table shows.
func (u *ui) shares(rows []Row) []line {
	whole := u.shown(u.whole)
	if whole == nil || u.whole.Took == 0 || u.height < 16 {
		return nil
	}
	head := fmt.Sprintf("SHARES of %s new connections in %s of watching; | is what is due", grouped(newOf(whole)), ago(u.whole.Took))
	all := []line{{pad(head, u.width), rule}}
	name := layoutOf(u.width).name
	room := min(u.width-name-26, 100)
	for i := u.top; i < min(len(rows), u.top+u.bodyLines()); i++ {
		for j := range whole.Servers {
			if r := &whole.Servers[j]; r.ID == rows[i].ID {
				all = append(all, line{fmt.Sprintf("%s %s %4s due %4s %s", fit("  "+r.Name, name),
					bar(r.Share, r.Promised, scaleOf(whole.Servers), max(room, 1)), percent(r.Share), percent(r.Promised), grouped(r.New)), normal})
			}
		}
	}
	return all
}

func newOf(s *Service) (sum uint64) {
	for i := range s.Servers {
		sum += s.Servers[i].New
	}
	return sum
}

// reasonLines is how many reasons stand under the table.
func (u *ui) reasonLines() int {
	switch {
	case u.height < 16:
		return 0
	case u.height < 30:
		return 4
	}
	return 8
}

// bodyLines is how many lines scroll.
func (u *ui) bodyLines() int {
	switch {
	case u.mode == reasonsMode:
		return max(u.height-6, 1) // title, header, three about the one chosen, keys
	case u.mode == serviceMode && u.height >= 16:
		return max((u.height-8)/2, 1) // five above, a blank and the header of the bars, keys
	case u.reasonLines() > 0:
		return u.height - 7 - u.reasonLines() // five above, the reasons with a header, keys
	}
	return max(u.height-6, 1)
}
