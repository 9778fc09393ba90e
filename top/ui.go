package top

import (
	"slices"
	"strings"
	"time"
)

// mode is which view is shown.
type mode uint8

const (
	listMode    mode = iota // services and servers
	serviceMode             // one service
	reasonsMode             // all reasons
	helpMode
)

// ui is everything that a view depends on.
type ui struct {
	width, height int
	mode          mode
	back          mode   // that help goes back to
	service       string // ID of the one that serviceMode shows
	table         *Table // nil until there was a look
	whole         *Table // of the first look and the last
	trouble       string // why there is no newer table, "" if there is none
	absent        bool   // the trouble is that no daemon runs
	frozen        bool
	folded        bool // services without their servers
	typing        bool // the filter is being typed
	filter        string
	order         order
	selected      string // ID of the row with the cursor
	cursor, top   int    // of the lines that scroll
	interval      time.Duration
}

// newUI is the view before anything is known.
func newUI(interval time.Duration) ui {
	return ui{width: 80, height: 24, order: order{by: -1}, interval: interval}
}

// rows are the lines of the table that the view can scroll through.
func (u *ui) rows() (rows []Row, scales []float64) {
	if u.table == nil {
		return nil, nil
	}
	for _, s := range u.order.sorted(u.table.Services) {
		if u.mode == serviceMode && s.ID != u.service {
			continue
		}
		scale := scaleOf(s.Servers)
		if u.mode != serviceMode {
			if s.Servers = u.matching(&s); s.Servers == nil {
				continue
			}
			rows, scales = append(rows, s.Row), append(scales, scale)
		}
		if u.mode != serviceMode && u.folded {
			continue
		}
		for _, r := range s.Servers {
			rows, scales = append(rows, r), append(scales, scale)
		}
	}
	return rows, scales
}

// matching are the servers of s that the filter lets through: all if it names
// the service; nil, not empty, if it names nothing of it.
func (u *ui) matching(s *Service) []Row {
	if u.named(&s.Row) {
		return append([]Row{}, s.Servers...)
	}
	var some []Row
	for i := range s.Servers {
		if u.named(&s.Servers[i]) {
			some = append(some, s.Servers[i])
		}
	}
	return some
}

// named reports whether the filter is part of how a row is shown.
func (u *ui) named(r *Row) bool {
	return strings.Contains(strings.ToLower(r.Name+" "+r.How+" "+r.Note), strings.ToLower(u.filter))
}

// reasons are those that the reasons' view can scroll through.
func (u *ui) reasons() (some []Reason) {
	if u.table == nil {
		return nil
	}
	for _, r := range u.table.Reasons {
		if strings.Contains(r.Name+" "+r.Verdict+" "+strings.ToLower(r.Meaning), strings.ToLower(u.filter)) {
			some = append(some, r)
		}
	}
	return some
}

// shown is the service that serviceMode shows in t, nil if it has gone.
func (u *ui) shown(t *Table) *Service {
	if t == nil {
		return nil
	}
	if i := slices.IndexFunc(t.Services, func(s Service) bool { return s.ID == u.service }); i >= 0 {
		return &t.Services[i]
	}
	return nil
}

// move moves the cursor by n lines of count, and keeps it in sight of the lines
// that the view shows.
func (u *ui) move(n, count, lines int) {
	u.cursor = max(min(u.cursor+n, count-1), 0)
	u.top = max(min(u.top, u.cursor), u.cursor-lines+1, 0)
	u.top = max(min(u.top, count-lines), 0)
}

// follow puts the cursor on the row that it was on, wherever that is now.
func (u *ui) follow() {
	if u.mode == reasonsMode {
		u.move(0, len(u.reasons()), u.bodyLines())
		return
	}
	rows, _ := u.rows()
	if i := slices.IndexFunc(rows, func(r Row) bool { return r.ID == u.selected }); i >= 0 {
		u.cursor = i
	}
	u.move(0, len(rows), u.bodyLines())
	u.note(rows)
}

// note remembers the row that the cursor is on.
func (u *ui) note(rows []Row) {
	if u.cursor < len(rows) {
		u.selected = rows[u.cursor].ID
	}
}
