package top

import "strings"

// binding is a key or several that do the same, and what.
type binding struct {
	keys []string // as bubbletea names them
	name string   // as people do
	text string
	foot string // in the last line; "" leaves it out
	do   func(*ui)
}

// bindings are all keys but those that end the program.
var bindings = []binding{
	{[]string{"up", "k"}, "up down", "move; also k j, pgup pgdown, home end", "", func(u *ui) { u.step(-1) }},
	{[]string{"down", "j"}, "", "", "", func(u *ui) { u.step(1) }},
	{[]string{"pgup", "ctrl+b"}, "", "", "", func(u *ui) { u.step(-u.bodyLines()) }},
	{[]string{"pgdown", "ctrl+f"}, "", "", "", func(u *ui) { u.step(u.bodyLines()) }},
	{[]string{"home", "g"}, "", "", "", func(u *ui) { u.step(-1 << 30) }},
	{[]string{"end", "G"}, "", "", "", func(u *ui) { u.step(1 << 30) }},
	{[]string{"enter", "right", "l"}, "enter", "one service alone, with bars of its shares", "enter service", (*ui).enter},
	{[]string{"esc", "left", "backspace"}, "esc", "back, or the filter off", "", (*ui).leave},
	{[]string{"s", ">"}, "s S", "sort by the next column, the one before", "s sort", func(u *ui) { u.order = u.order.next(1) }},
	{[]string{"S", "<"}, "", "", "", func(u *ui) { u.order = u.order.next(-1) }},
	{[]string{"r"}, "r", "reverse the order", "", func(u *ui) { u.order.reverse = !u.order.reverse }},
	{[]string{"/"}, "/", "filter by part of a name, scheduler or method", "/ filter", func(u *ui) { u.typing = true }},
	{[]string{"c"}, "c", "services without their servers", "", func(u *ui) { u.folded = !u.folded }},
	{[]string{"space", "f"}, "space", "freeze the picture, and go on", "space freeze", func(u *ui) { u.frozen = !u.frozen }},
	{[]string{"w"}, "w", "what became of packets: all reasons, and what to do", "w reasons", (*ui).toggleReasons},
	{[]string{"?", "h"}, "?", "this help", "? help", (*ui).toggleHelp},
}

// columnsHelp explains the table.
const columnsHelp = `
  act, inact       connections in an active state (TCP: established), and others
  new /s           new connections a second
  got, due         share of the service's new connections that the server got in
                   the last interval, and that its weight and the scheduler
                   promise; off: weight 0; full: over its upper threshold
  packets, bytes   a second, in from clients and out to them; out is seen with
                   NAT only: by DR and TUN servers answer past the director
  k M G            thousand, million, ...; - cannot be told (yet)`

// help is the list of keys.
func (u *ui) help() []line {
	all := []line{u.titleLine("ulvs top   help")}
	for _, b := range bindings {
		if b.name != "" {
			all = append(all, line{"  " + fit(b.name, 17) + b.text, normal})
		}
	}
	all = append(all, line{"  " + fit("q", 17) + "quit", normal})
	for text := range strings.SplitSeq(columnsHelp, "\n") {
		all = append(all, line{text, normal})
	}
	return all
}

// foot is the last line: the filter as it is typed, or keys.
func (u *ui) foot() line {
	if u.typing {
		return line{"filter: " + Clean(u.filter) + "_   (enter keeps it, esc takes it off)", strong}
	}
	text := " q quit"
	switch u.mode {
	case helpMode:
		text += "  ? esc back"
	case reasonsMode:
		text += "  w esc back  up down choose  / filter  space freeze  ? help"
	case serviceMode:
		text += "  esc back  s sort  r reverse  space freeze  w reasons  ? help"
	default:
		for _, b := range bindings {
			if b.foot != "" {
				text += "  " + b.foot
			}
		}
	}
	return line{text, faint}
}

// press does what a key is for.
func (u *ui) press(key, text string) {
	if u.typing {
		u.typed(key, text)
	} else {
		for _, b := range bindings {
			for _, k := range b.keys {
				if k == key {
					b.do(u)
				}
			}
		}
	}
	u.follow()
}

// typed changes the filter.
func (u *ui) typed(key, text string) {
	switch {
	case key == "esc":
		u.typing, u.filter = false, ""
	case key == "enter":
		u.typing = false
	case key == "backspace":
		u.filter = u.filter[:max(len(u.filter)-1, 0)]
	default:
		u.filter += Clean(text)
		u.filter = u.filter[:min(len(u.filter), maxFilter)]
	}
}

// maxFilter is longer than any name.
const maxFilter = 60

// step moves the cursor.
func (u *ui) step(n int) {
	if u.mode == reasonsMode {
		u.move(n, len(u.reasons()), u.bodyLines())
		return
	}
	rows, _ := u.rows()
	u.move(n, len(rows), u.bodyLines())
	u.note(rows)
}

// enter shows the service of the row with the cursor.
func (u *ui) enter() {
	if u.mode != listMode {
		return
	}
	rows, _ := u.rows()
	for i := min(u.cursor, len(rows)-1); i >= 0; i-- {
		if !rows[i].Server {
			u.mode, u.service, u.cursor, u.top = serviceMode, rows[i].ID, 0, 0
			return
		}
	}
}

// leave goes back by one.
func (u *ui) leave() {
	switch u.mode {
	case helpMode:
		u.mode = u.back
	case serviceMode:
		u.mode, u.selected = listMode, u.service
	default:
		if u.filter != "" {
			u.filter = ""
		} else {
			u.mode = listMode
		}
	}
}

func (u *ui) toggleReasons() {
	if u.mode == reasonsMode {
		u.mode = listMode
		return
	}
	u.mode, u.cursor, u.top = reasonsMode, 0, 0
}

func (u *ui) toggleHelp() {
	if u.mode == helpMode {
		u.mode = u.back
		return
	}
	u.back, u.mode = u.mode, helpMode
}
